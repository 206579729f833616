// What pages cannot do by themselves: passkeys. Everything else is plain links and forms.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

// ask posts JSON and answers JSON; a refusal is thrown with the server's sentence.
async function ask(path, body) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.message || String(answer.status));
  return said;
}

// proof has the authenticator sign a challenge.
async function proof(options) {
  const o = options.publicKey;
  o.challenge = bytes(o.challenge);
  for (const c of o.allowCredentials || []) c.id = bytes(c.id);
  const c = await navigator.credentials.get({ publicKey: o });
  return {
    id: c.id, rawId: text(c.rawId), type: c.type, authenticatorAttachment: c.authenticatorAttachment || undefined, clientExtensionResults: {},
    response: {
      clientDataJSON: text(c.response.clientDataJSON), authenticatorData: text(c.response.authenticatorData),
      signature: text(c.response.signature), userHandle: c.response.userHandle ? text(c.response.userHandle) : undefined,
    },
  };
}

// made has the authenticator make a passkey.
async function made(options) {
  const o = options.publicKey;
  o.challenge = bytes(o.challenge);
  o.user.id = bytes(o.user.id);
  for (const c of o.excludeCredentials || []) c.id = bytes(c.id);
  const c = await navigator.credentials.create({ publicKey: o });
  return {
    id: c.id, rawId: text(c.rawId), type: c.type, authenticatorAttachment: c.authenticatorAttachment || undefined, clientExtensionResults: {},
    response: {
      clientDataJSON: text(c.response.clientDataJSON), attestationObject: text(c.response.attestationObject),
      transports: c.response.getTransports ? c.response.getTransports() : [],
    },
  };
}

// during disables a button, and shows what went wrong where the page has room for it.
async function during(button, what) {
  const trouble = document.getElementById("trouble");
  const words = document.body.dataset;
  if (trouble) trouble.hidden = true;
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    await what();
  } catch (e) {
    if (trouble) {
      const abandoned = e.name === "NotAllowedError" || e.name === "AbortError";
      trouble.textContent = abandoned ? words.abandoned : e.name === "InvalidStateError" ? words.already : e.name === "TypeError" || e.name === "SecurityError" ? words.failed : e.message;
      trouble.hidden = false;
      trouble.focus();
    }
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

for (const field of document.querySelectorAll(".way input[name=zone]")) field.value = zone();

const logon = document.getElementById("logon");
if (logon) {
  logon.disabled = false;
  logon.addEventListener("click", () => during(logon, async () => {
    const begun = await ask("/logon/begin", {});
    const done = await ask("/logon/finish", { ceremony: begun.ceremony, response: await proof(begun.options), zone: zone(), next: logon.dataset.next });
    location.replace(done.next);
  }));
}

const setup = document.getElementById("setup");
if (setup) {
  // The token leaves the address bar at once, and is sent in a request's body only.
  const token = location.hash.slice(1) || sessionStorage.getItem("setup") || "";
  if (location.hash) {
    sessionStorage.setItem("setup", token);
    history.replaceState(null, "", location.pathname);
  }
  if (!token) {
    document.getElementById("without").hidden = false;
  } else {
    setup.disabled = false;
    setup.addEventListener("click", () => during(setup, async () => {
      const begun = await ask("/setup/begin", { token });
      const done = await ask("/setup/finish", { ceremony: begun.ceremony, token, response: await made(begun.options), zone: zone() });
      sessionStorage.removeItem("setup");
      location.replace(done.next);
    }));
  }
}

// fresh is a proof with the passkey for one act alone.
async function fresh(act, id) {
  const begun = await ask("/confirm", { act, id });
  return { ceremony: begun.ceremony, response: await proof(begun.options) };
}

const another = document.getElementById("add-passkey");
if (another) {
  another.disabled = false;
  another.addEventListener("click", () => during(another, async () => {
    const begun = await ask("/account/passkeys/begin", { proof: await fresh("add-passkey", another.dataset.id) });
    const done = await ask("/account/passkeys/finish", { ceremony: begun.ceremony, response: await made(begun.options) });
    location.replace(done.next);
  }));
}

// bound is what a form's proof is for: an id, or the SHA-256 of all that stands in a field.
async function bound(form) {
  if (!form.dataset.field) return form.dataset.id;
  const said = new TextEncoder().encode(form.elements[form.dataset.field].value.replace(/\r\n/g, "\n"));
  return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", said)), (b) => b.toString(16).padStart(2, "0")).join("");
}

// A form whose button names an act is sent with a fresh proof for that act alone.
for (const form of document.querySelectorAll("form[data-id], form[data-field]")) {
  form.addEventListener("submit", (event) => {
    const button = event.submitter || form.querySelector("button[data-act]");
    event.preventDefault();
    during(button, async () => {
      form.elements.proof.value = JSON.stringify(await fresh(button.dataset.act, await bound(form)));
      form.action = button.formAction;
      form.submit();
    });
  });
}

// Recordings to ask for: one box picks all, and the button says how many are picked.
const all = document.getElementById("pick-all");
if (all) {
  const boxes = Array.from(document.querySelectorAll(".pick input"));
  const picked = document.getElementById("picked");
  const count = () => {
    const n = boxes.filter((b) => b.checked).length;
    all.checked = n === boxes.length;
    all.indeterminate = n > 0 && n < boxes.length;
    picked.textContent = n === 0 ? "" : n === 1 ? picked.dataset.one : picked.dataset.many.replace("%s", n);
  };
  all.closest("label").hidden = false;
  all.addEventListener("change", () => { for (const b of boxes) b.checked = all.checked; count(); });
  for (const b of boxes) b.addEventListener("change", count);
  window.addEventListener("pageshow", count); // a browser that comes back puts the boxes as they were
}
