// The list, kept up to date: often while something moves, seldom otherwise, never while nobody looks.

import * as api from "./api.js";

const OFTEN_MS = 2_000;
const SELDOM_MS = 15_000;
const PAGE = 20;
const MOST = 100;
const STATUSES = {
  draft: ["Draft", ""], pending: ["In moderation", "wait"], scheduled: ["Scheduled", "wait"], sending: ["Being sent", "wait"],
  active: ["Active", "good"], approved: ["Delivered", "good"], rejected: ["Rejected", "bad"], failed: ["Failed", "bad"],
  cancelled: ["Taken back", ""], stopped: ["Stopped", "bad"],
};
const MOVING = new Set(["pending", "scheduled", "sending", "active"]);
const COUNTERS = ["delivered", "failed", "skipped", "unknown", "open"];
const MOVES = {
  edit: { label: "Edit", when: ["draft", "pending"] },
  test: { label: "Send to my devices", when: ["draft", "pending"], call: api.test, said: "Sent to your devices, as it is now.", then: tested },
  submit: { label: "Send to moderation", when: ["draft"], call: api.submit, said: "Sent to moderation." },
  remove: { label: "Delete", when: ["draft"], call: api.remove, ask: "Delete this draft?", said: "Deleted." },
  cancel: { label: "Take back", when: ["pending", "scheduled"], call: api.cancel, ask: "Take it back? Nobody will get it.", said: "Taken back." },
  stop: { label: "Stop", when: ["sending", "active"], call: api.stop, ask: "Stop sending? Who has it, keeps it.", said: "Stopped." },
  duplicate: { label: "Duplicate", when: Object.keys(STATUSES), call: api.duplicate, said: "There is a new draft." },
};
const SPANS = Object.entries({ day: 86_400, hour: 3_600, minute: 60, second: 1 });
const list = document.getElementById("list");
const choice = document.getElementById("status");
const sure = document.getElementById("sure");
const number = new Intl.NumberFormat();
const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const cards = new Map();

let size = PAGE;
let timer = 0;
let round = 0;
let on = {};

export function begin(handlers) {
  on = handlers;
  document.getElementById("more").addEventListener("click", () => {
    size = Math.min(size + PAGE, MOST);
    refresh();
  });
  choice.addEventListener("change", () => {
    size = PAGE;
    refresh();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? pause() : refresh()));
}

export function pause() {
  round += 1;
  clearTimeout(timer);
}

export async function refresh() {
  pause();
  const mine = round;
  let wait = SELDOM_MS;
  try {
    const found = await api.list({ pageSize: size, ...(choice.value && { status: choice.value }) });
    if (mine !== round) return;
    show(found);
    on.reached();
    if (found.notifications.some(({ status }) => MOVING.has(status))) wait = OFTEN_MS;
  } catch (problem) {
    if (mine !== round || on.failed(problem, true)) return;
  }
  if (!document.hidden) timer = setTimeout(refresh, wait);
}

function show({ notifications, nextPageToken }) {
  const shown = new Set(notifications.map(({ id }) => id));
  for (const [id, card] of cards) if (!shown.has(id)) (card.remove(), cards.delete(id));
  notifications.forEach((notification, n) => {
    const card = cards.get(notification.id) ?? made(notification.id);
    fill(card, notification);
    if (list.children[n] !== card) list.insertBefore(card, list.children[n] ?? null);
  });
  document.getElementById("none").hidden = notifications.length > 0;
  document.getElementById("more").hidden = !nextPageToken || size === MOST;
  document.getElementById("end").hidden = !nextPageToken || size < MOST;
}

function made(id) {
  const card = document.getElementById("one").content.firstElementChild.cloneNode(true);
  cards.set(id, card);
  for (const [name, move] of Object.entries(MOVES)) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: move.ask ? "quiet sharp" : "quiet", textContent: move.label });
    button.dataset.move = name;
    button.addEventListener("click", () => make(name, card, button));
    card.querySelector(".moves").append(button);
  }
  card.querySelector("details").addEventListener("toggle", () => explain(card));
  return card;
}

function fill(card, notification) {
  const [word, kind] = STATUSES[notification.status] ?? [notification.status, ""];
  const before = card.shown;
  card.shown = notification;
  const say = (where, text) => {
    const at = card.querySelector(where);
    if (at.textContent !== text) at.textContent = text;
  };
  say("h3", notification.title ?? "Untitled");
  say(".body", notification.body ?? "");
  say(".lasts", notification.expirySeconds ? `Expires ${span(notification.expirySeconds)} after it is sent.` : "");
  say(".badge", word);
  card.querySelector(".badge").className = `badge ${kind}`;
  say("time", when.format(new Date(notification.createdAt)));
  card.querySelector("time").dateTime = notification.createdAt;
  const counts = counted(notification);
  card.querySelector(".bar").hidden = !notification.targetedCount;
  for (const name of COUNTERS) card.querySelector(`.bar .${name}`).style.flexGrow = counts[name];
  say(".counts", told(notification, counts));
  say(".note", notification.moderatorComment ? `The moderator: ${notification.moderatorComment}` : notification.autoApproved ? "Sent to your admin device, without moderation." : "");
  const details = card.querySelector("details");
  details.hidden = !notification.failureReason && !Object.keys(notification.errors).length;
  if (details.open && JSON.stringify(before?.errors) !== JSON.stringify(notification.errors)) explain(card);
  for (const button of card.querySelectorAll("[data-move]")) {
    button.hidden = !MOVES[button.dataset.move].when.includes(notification.status);
    button.setAttribute("aria-label", `${button.textContent}: ${notification.title ?? "untitled"}`);
  }
}

function span(seconds) {
  const told = [];
  for (const [unit, length] of SPANS) {
    const many = Math.floor(seconds / length);
    seconds %= length;
    if (many) told.push(new Intl.NumberFormat(undefined, { style: "unit", unit, unitDisplay: "long" }).format(many));
  }
  return told.join(" ");
}

function counted(of) {
  const counts = Object.fromEntries(COUNTERS.map((name) => [name, of[`${name}Count`] ?? 0]));
  counts.open = of.targetedCount - counts.delivered - counts.failed - counts.skipped - counts.unknown;
  return counts;
}

function told({ targetedCount }, counts) {
  if (!targetedCount) return "";
  const words = { failed: "failed", skipped: "left out", unknown: "uncertain", open: "to go" };
  const rest = Object.entries(words).filter(([name]) => counts[name]).map(([name, word]) => `${number.format(counts[name])} ${word}`);
  return [`${number.format(counts.delivered)} of ${number.format(targetedCount)} delivered`, ...rest].join(" · ");
}

function whatChanged({ failureReason, findings }) {
  const red = failureReason === "linkChanged" ? findings.filter(({ severity }) => severity === "red") : [];
  return red.map(({ sentence }) => sentence);
}

async function explain(card) {
  const details = card.querySelector("details");
  if (!details.open) return;
  try {
    const { errors, failure } = await api.stats(card.shown.id);
    const lines = errors.map(({ count, message }) => `${number.format(count)} × ${message}`);
    details.querySelector("ul").replaceChildren(...[failure?.message, ...whatChanged(card.shown), ...lines].filter(Boolean).map((text) => {
      const line = document.createElement("li");
      line.textContent = text;
      return line;
    }));
  } catch (problem) {
    on.failed(problem);
  }
}

async function make(name, card, button) {
  const { ask, label, call, said, then } = MOVES[name];
  if (name === "edit") return on.edit(card.shown);
  if (ask && !(await confirmed(`“${card.shown.title ?? "Untitled"}”: ${ask}`, label))) return;
  button.disabled = true;
  try {
    const answer = await call(card.shown.id);
    then?.(card, answer);
    on.said(said);
  } catch (problem) {
    on.failed(problem);
  } finally {
    button.disabled = false;
    refresh();
  }
}

function tested(card, { results }) {
  card.querySelector(".tested").replaceChildren(...results.map(({ hwid, note, outcome, message }) => {
    const line = document.createElement("li");
    line.className = outcome;
    line.textContent = `${note ?? hwid}: ${message}`;
    return line;
  }));
}

function confirmed(question, yes) {
  document.getElementById("question").textContent = question;
  sure.querySelector('[value="yes"]').textContent = yes;
  sure.returnValue = "";
  sure.showModal();
  return new Promise((answer) => sure.addEventListener("close", () => answer(sure.returnValue === "yes"), { once: true }));
}
