// Has this device told of alerts: a subscription at the browser's push service, whose keys
// the server gets.
"use strict";

const push = document.getElementById("push");
if (push) {
  const trouble = document.getElementById("push-trouble");
  const tell = (text) => {
    trouble.textContent = text;
    trouble.hidden = false;
    trouble.focus();
  };
  const able = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
  push.disabled = false;
  push.addEventListener("click", async () => {
    trouble.hidden = true;
    if (!able) return tell(push.dataset.unable);
    push.disabled = true;
    push.setAttribute("aria-busy", "true");
    try {
      if ((await Notification.requestPermission()) !== "granted") return tell(push.dataset.denied);
      const registration = await navigator.serviceWorker.register("/worker.js", { scope: "/" });
      await navigator.serviceWorker.ready;
      const { key } = await ask("/account/devices/key", {});
      const old = await registration.pushManager.getSubscription();
      if (old && text(old.options.applicationServerKey) !== key) await old.unsubscribe();
      const made = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
      const done = await ask("/account/devices", { endpoint: made.endpoint, p256dh: text(made.getKey("p256dh")), auth: text(made.getKey("auth")) });
      location.replace(done.next);
    } catch (e) {
      tell(e.name === "Error" ? e.message : push.dataset.unable);
    } finally {
      push.disabled = false;
      push.removeAttribute("aria-busy");
    }
  });
}
