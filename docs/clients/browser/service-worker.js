// Shows what arrives, also while no page is open. It does without Firebase's worker, which opens
// links of this very site only, and shows no button.

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  const push = read(event.data);
  if (push) event.waitUntil(self.registration.showNotification(push.title, push.options));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { url } = event.notification.data ?? {};
  event.waitUntil(open(url));
});

/** What FCM delivers: `notification` and `data` as they were sent, all of `data` being text. */
function read(message) {
  let said;
  try {
    said = message.json();
  } catch {
    return null;
  }
  const { notification, data = {} } = said;
  if (!notification?.title) return null;
  const url = webPage(data.url);
  return {
    title: notification.title,
    options: {
      body: notification.body,
      image: webPage(notification.image),
      tag: data.notificationId, // the same notification, pushed twice, is shown once
      requireInteraction: Boolean(data.forceTimer), // stays until somebody acts
      actions: url ? [{ action: "open", title: data.urlButtonName ?? "Open" }] : [],
      data: { notificationId: data.notificationId, url },
    },
  };
}

/** Only pages are opened: an app's own scheme, or a script, is nothing for a browser. */
function webPage(text) {
  try {
    const { protocol, href } = new URL(text);
    return protocol === "https:" ? href : undefined;
  } catch {
    return undefined;
  }
}

async function open(url) {
  if (url) return self.clients.openWindow(url);
  const [page] = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  return page ? page.focus() : self.clients.openWindow("./");
}
