// What is clicked in a picture leads where its field of the table beside it leads.
"use strict";

for (const map of document.querySelectorAll("svg.map")) {
  map.addEventListener("click", (event) => {
    const field = event.target.closest("[data-leads]");
    const link = field && document.getElementById(field.dataset.leads);
    if (link) link.click();
  });
}
for (const button of document.querySelectorAll("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
