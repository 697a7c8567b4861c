// The form: its fields are named as the API names them, and the API alone says what is wrong with them.

import * as api from "./api.js";

const ESTIMATE_AFTER_MS = 500;
const form = document.getElementById("compose");
const faults = document.getElementById("faults");
const estimated = document.getElementById("estimate");
const fields = [...form.querySelectorAll("[name]")];
const number = new Intl.NumberFormat();
const marks = new Map();
const LISTS = new Set(["targetSegment.region", "targetSegment.languages"]);
const NUMBERS = new Set(["forceTimer", "expirySeconds", "targetSegment.activeDays"]);

let edited = null;
let key = crypto.randomUUID();
let timer = 0;
let asked = 0;

export function begin({ done, failed }) {
  for (const field of fields) {
    const [fault, left] = [mark("fault"), mark("left")];
    fault.id = `fault-${field.name}`;
    field.setAttribute("aria-describedby", fault.id);
    field.parentElement.after(left, fault);
    marks.set(field, { fault, left });
  }
  form.addEventListener("input", (event) => {
    count(event.target);
    if (document.getElementById("target").contains(event.target)) estimateSoon();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const asDraft = event.submitter?.value === "draft";
    busy(true);
    try {
      const said = await save(asDraft);
      clear();
      done(said);
    } catch (problem) {
      if (!(problem instanceof api.Problem)) return failed(problem);
      show(problem);
    } finally {
      busy(false);
    }
  });
  document.getElementById("leave").addEventListener("click", clear);
}

export function welcome({ entitlements }, { domains }) {
  document.getElementById("timer").hidden = !entitlements.forceTimer;
  const choice = form.elements["targetSegment.domain"];
  choice.replaceChildren(choice.firstElementChild, ...domains.filter((each) => each.isVerified).map(({ domain }) => new Option(domain)));
  clear();
}

export function take(notification) {
  clear();
  edited = notification.id;
  for (const field of fields) {
    const value = field.name.split(".").reduce((at, name) => at?.[name], notification);
    field.value = Array.isArray(value) ? value.join(", ") : (value ?? (field.tagName === "SELECT" ? field.options[0].value : ""));
    count(field);
    if (field.tagName === "INPUT" && field.value) open(field);
  }
  heading(`Edit “${notification.title ?? "untitled"}”`);
  estimateSoon();
  form.scrollIntoView();
  fields[0].focus();
}

async function save(asDraft) {
  const body = content();
  if (edited === null) return api.create(asDraft ? { ...body, draft: true } : body, key);
  const said = await api.edit(edited, body);
  return asDraft || said.status !== "draft" ? said : api.submit(edited);
}

function content() {
  const body = { targetSegment: {} };
  for (const field of fields) {
    const [name, inner] = field.name.split(".");
    if (inner) body.targetSegment[inner] = valueOf(field);
    else body[name] = valueOf(field);
  }
  return body;
}

function valueOf({ name, value }) {
  const text = value.trim();
  if (LISTS.has(name)) return text.split(/[\s,;]+/).filter(Boolean);
  if (!text) return null;
  return NUMBERS.has(name) && /^\d{1,9}$/.test(text) ? Number(text) : text;
}

function show(problem) {
  wipe();
  const elsewhere = [];
  for (const error of problem.errors) {
    const field = fields.find(({ name }) => error.field === name || error.field.startsWith(`${name}.`));
    if (!field || field.closest("[hidden]")) {
      elsewhere.push(error.message);
      continue;
    }
    field.setAttribute("aria-invalid", "true");
    marks.get(field).fault.textContent = worded(error);
    open(field);
  }
  faults.textContent = [problem.errors.length ? "Not sent yet: see below." : problem.message, ...elsewhere].join(" ");
  (form.querySelector('[aria-invalid="true"]') ?? faults).focus();
}

// Beside the field its name need not be said again.
function worded({ field, message }) {
  const text = message.startsWith(`${field} `) ? message.slice(field.length + 1) : message;
  return text[0].toUpperCase() + text.slice(1);
}

function open(field) {
  const closed = field.closest("details");
  if (closed) closed.open = true;
}

function wipe() {
  faults.textContent = "";
  for (const field of fields) {
    field.removeAttribute("aria-invalid");
    marks.get(field).fault.textContent = "";
  }
}

function clear() {
  form.reset();
  wipe();
  fields.forEach(count);
  edited = null;
  key = crypto.randomUUID();
  heading("New notification");
  estimateSoon();
}

function heading(text) {
  form.querySelector("h2").textContent = text;
  document.getElementById("leave").hidden = edited === null;
}

function count(field) {
  if (edited === null) key = crypto.randomUUID(); // another text is another notification
  if (!field.dataset.most) return;
  const { left } = marks.get(field);
  const characters = field.dataset.most - [...field.value.trim()].length;
  left.textContent = field.value ? `${number.format(characters)} left` : "";
  left.classList.toggle("over", characters < 0);
}

function estimateSoon() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const mine = ++asked;
    const say = (text) => mine === asked && (estimated.textContent = text);
    try {
      const { devices, byPlatform, exact } = await api.estimate(content().targetSegment);
      const named = (name) => form.querySelector(`option[value="${name}"]`)?.text ?? name;
      const kinds = Object.entries(byPlatform).filter(([, many]) => many).map(([name, many]) => `${number.format(many)} ${named(name)}`);
      say(`Would reach ${exact ? "" : "at most "}${number.format(devices)} ${devices === 1 ? "device" : "devices"}${kinds.length ? `: ${kinds.join(", ")}` : ""}.`);
    } catch (problem) {
      say(problem.errors?.length ? problem.errors.map(worded).join(". ") : problem.message);
    }
  }, ESTIMATE_AFTER_MS);
}

function busy(is) {
  for (const button of form.querySelectorAll("button")) button.disabled = is;
}

function mark(kind) {
  const made = document.createElement("p");
  made.className = kind;
  return made;
}
