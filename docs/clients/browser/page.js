// The page: asks for consent when a person presses the button, never by itself.

import { initializeApp } from "https://www.gstatic.com/firebasejs/12.19.0/firebase-app.js";
import { deleteToken, getMessaging, getToken } from "https://www.gstatic.com/firebasejs/12.19.0/firebase-messaging.js";
import { config } from "./config.js";
import { Fanfare } from "./fanfare.js";

const allow = document.getElementById("allow");
const refuse = document.getElementById("refuse");
const leave = document.getElementById("leave");
const said = document.getElementById("said");

const fanfare = new Fanfare(config);
const messaging = getMessaging(initializeApp(config.firebase));

async function address() {
  const serviceWorkerRegistration = await navigator.serviceWorker.register("service-worker.js");
  await navigator.serviceWorker.ready;
  return getToken(messaging, { vapidKey: config.vapidKey, serviceWorkerRegistration });
}

/** At every visit: the address may have changed, and the server wants to hear of us. */
async function visit() {
  const { registered, withdrawn } = await fanfare.kept();
  const on = registered && !withdrawn && Notification.permission === "granted";
  show(on, registered);
  if (on) await fanfare.refresh(await address());
  else if (registered && !withdrawn) await fanfare.withdraw(); // taken back in the browser's settings
  else if (withdrawn) await fanfare.refresh();
}

function show(on, registered) {
  allow.hidden = on;
  refuse.hidden = !on;
  leave.hidden = !registered;
  said.textContent = on ? "You are notified in this browser." : "You are not notified.";
}

function pressed(button, act) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await act();
      const { registered, withdrawn } = await fanfare.kept();
      show(registered && !withdrawn, registered);
    } catch (failure) {
      said.textContent = `That did not work: ${failure.message}`;
    } finally {
      button.disabled = false;
    }
  });
}

pressed(allow, async () => {
  if ((await Notification.requestPermission()) !== "granted") {
    throw new Error("the browser does not allow notifications of this site");
  }
  await fanfare.allow(await address());
});
pressed(refuse, async () => {
  await fanfare.withdraw();
  await deleteToken(messaging);
});
pressed(leave, async () => {
  await fanfare.leave();
  await deleteToken(messaging);
});
visit().catch((failure) => {
  said.textContent = `That did not work: ${failure.message}`;
});
