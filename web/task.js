// A page that shows how far a task is looks again by itself.
"use strict";
const running = document.querySelector("[data-running]");
if (running) setTimeout(() => location.replace(running.dataset.running), 1000);
