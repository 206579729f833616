// The console's service worker: it shows what is pushed to this device, and opens the
// alert's page. It keeps no page and answers no request.
"use strict";

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

// line is one line of at most so many characters of what came.
const line = (value, most) => (typeof value === "string" ? value.replace(/\s+/g, " ").slice(0, most) : "");

addEventListener("push", (event) => {
  let said = {};
  try {
    said = (event.data && event.data.json()) || {};
  } catch {
    // what cannot be read is shown as an alert without words: a device is never silent
  }
  const id = /^[0-9a-f]{32}$/.test(said.id) ? said.id : "";
  const urgent = said.severity === "critical" || said.severity === "high";
  event.waitUntil(registration.showNotification(line(said.title, 120) || "Strongroom", {
    body: line(typeof said.body === "string" ? said.body.split("\n").filter(Boolean)[1] : "", 120), tag: id || "strongroom", renotify: true, requireInteraction: urgent,
    icon: "ICON", badge: "BADGE", data: { path: id ? "/alerts/" + id : "/alerts" },
  }));
});

addEventListener("notificationclick", (event) => {
  event.notification.close();
  const path = (event.notification.data && event.notification.data.path) || "/alerts";
  event.waitUntil((async () => {
    const open = await clients.matchAll({ type: "window", includeUncontrolled: true });
    const there = open.find((c) => new URL(c.url).pathname === path);
    return there ? there.focus() : clients.openWindow(path);
  })());
});
