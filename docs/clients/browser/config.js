// What differs from site to site. Nothing in here is a secret.

export const config = {
  // Address before /device-api; this site's origin must be in FANFARE_PANEL_ORIGINS there.
  gateway: "https://REGION-PROJECT.cloudfunctions.net",
  domains: ["news.aurora.example"],
  appVersion: "1.0.0",
  // Firebase console, Project settings, General: the web app's configuration.
  firebase: { apiKey: "…", projectId: "…", messagingSenderId: "…", appId: "…" },
  // Firebase console, Project settings, Cloud Messaging, Web Push certificates: the public key.
  vapidKey: "…",
  // Only where the server asks for App Check: returns a token of firebase/app-check.
  appCheckToken: async () => "",
};
