// A fault's line number leads to that line of the text.
"use strict";
const pen = document.getElementById("text");
for (const button of document.querySelectorAll("button[data-line]")) {
  button.addEventListener("click", () => {
    const lines = pen.value.split("\n");
    const n = Math.min(Number(button.dataset.line), lines.length) - 1;
    const from = lines.slice(0, n).reduce((sum, line) => sum + line.length + 1, 0);
    pen.focus();
    pen.setSelectionRange(from, from + lines[n].length);
    pen.scrollTop = Math.max(0, (n - 4) * pen.scrollHeight / lines.length);
  });
}
