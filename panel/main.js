// The first panel: sign in, write a notification, watch it go. What it cannot do, the API can.

import * as api from "./api.js";
import * as compose from "./compose.js";
import * as notifications from "./notifications.js";
import * as session from "./session.js";

const SAID_MS = 8_000;
const at = (id) => document.getElementById(id);
const signIn = at("sign-in");
let timer = 0;

function say(text, stays = false) {
  clearTimeout(timer);
  at("said").textContent = text;
  at("said").dataset.stays = stays ? "yes" : "";
  if (text && !stays) timer = setTimeout(() => say(""), SAID_MS);
}

// What stays is cleared by the next list that arrives. Returns whether nobody is signed in any more.
function failed(problem, stays = false) {
  if (problem instanceof session.SignedOut) {
    showDoor(problem.message);
    return true;
  }
  say(problem.message, stays);
  return false;
}

function showDoor(why = "") {
  notifications.pause();
  at("desk").hidden = at("who").hidden = true;
  at("door").hidden = false;
  signIn.querySelector(".fault").textContent = why;
  signIn.elements.email.focus();
}

async function showDesk() {
  const [me, domains] = await Promise.all([api.me(), api.domains()]);
  at("who").firstElementChild.textContent = me.name || me.email;
  at("missing").hidden = me.entitlements.send;
  at("missing").lastElementChild.replaceChildren(...me.entitlements.missing.map(({ message }) => {
    const line = document.createElement("li");
    line.textContent = message;
    return line;
  }));
  at("door").hidden = true;
  at("desk").hidden = at("who").hidden = false;
  compose.welcome(me, domains);
  await notifications.refresh();
}

async function enter() {
  try {
    await showDesk();
  } catch (problem) {
    if (problem.status === 403 || problem.status === 404) session.signOut(); // no provider's account
    showDoor(problem.message);
  }
}

compose.begin({
  done({ status }) {
    say({ draft: "Saved.", pending: "Sent to moderation." }[status] ?? "Sent.");
    notifications.refresh();
  },
  failed,
});
notifications.begin({ edit: compose.take, said: say, failed, reached: () => at("said").dataset.stays && say("") });

at("sign-out").addEventListener("click", () => {
  session.signOut();
  showDoor();
});

signIn.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { email, password, number } = signIn.elements;
  const button = signIn.querySelector("button");
  button.disabled = true;
  try {
    await session.signIn(email.value.trim(), password.value, number.value.replaceAll(" ", ""));
    password.value = number.value = "";
    at("second").hidden = true;
    say("");
    await enter();
  } catch (problem) {
    showDoor(problem.message);
    if (!(problem instanceof session.NumberNeeded)) return;
    at("second").hidden = false;
    number.focus();
  } finally {
    button.disabled = false;
  }
});

at("forgotten").addEventListener("click", async ({ currentTarget: button }) => {
  const email = signIn.elements.email.value.trim();
  if (!email) return showDoor("Write your e-mail address above, then press it again.");
  button.disabled = true;
  try {
    await session.sendLink(email);
    showDoor();
    say(`If ${email} has an account here, a mail with a link to set a new password is on its way.`, true);
  } catch (problem) {
    showDoor(problem.message);
  } finally {
    button.disabled = false;
  }
});

try {
  await session.begin();
  if (session.isKept()) await enter();
  else showDoor();
} catch (problem) {
  say(problem.message, true);
}
