// Verifies in the page, by this browser's own SHA-256: that a record stands in the tree of the
// signed checkpoint (RFC 9162), and that the tree continues the one that was seen here before.
"use strict";
{
  const unpacked = (b64) => Uint8Array.from(atob(b64 || ""), (c) => c.charCodeAt(0));
  const packed = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));
  const joined = (...parts) => Uint8Array.from(parts.flatMap((p) => [...p]));
  const sha = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
  const node = (left, right) => sha([1], left, right);
  const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);

  // rootOf goes from a leaf's hash up to the root of a tree of that size.
  async function rootOf(leafHash, index, size, proof) {
    let fn = BigInt(index), sn = BigInt(size) - 1n, root = leafHash;
    if (fn > sn) throw new Error("index");
    for (const p of proof) {
      if (sn === 0n) throw new Error("length");
      if (fn & 1n || fn === sn) {
        root = await node(p, root);
        while (!(fn & 1n) && fn !== 0n) { fn >>= 1n; sn >>= 1n; }
      } else {
        root = await node(root, p);
      }
      fn >>= 1n; sn >>= 1n;
    }
    if (sn !== 0n) throw new Error("length");
    return root;
  }

  // continues says whether the tree of the second size begins with that of the first.
  async function continues(first, firstRoot, second, secondRoot, proof) {
    if (first === second) return same(firstRoot, secondRoot) && proof.length === 0;
    let fn = BigInt(first), sn = BigInt(second) - 1n;
    const path = (fn & (fn - 1n)) === 0n ? [firstRoot, ...proof] : [...proof];
    fn -= 1n;
    while (fn & 1n) { fn >>= 1n; sn >>= 1n; }
    if (!path.length) return false;
    let fr = path[0], sr = path[0];
    for (const c of path.slice(1)) {
      if (sn === 0n) return false;
      if (fn & 1n || fn === sn) {
        fr = await node(c, fr); sr = await node(c, sr);
        while (!(fn & 1n) && fn !== 0n) { fn >>= 1n; sn >>= 1n; }
      } else {
        sr = await node(sr, c);
      }
      fn >>= 1n; sn >>= 1n;
    }
    return same(fr, firstRoot) && same(sr, secondRoot) && sn === 0n;
  }

  async function answer(path) {
    const a = await fetch(path, { headers: { Accept: "application/json" } });
    if (!a.ok) throw new Error(String(a.status));
    return a.json();
  }

  // since compares a head with what this browser kept, and keeps it where all is well.
  // It answers what was kept, or null for the first time; a broken past is thrown.
  async function since(room, size, root) {
    const name = "strongroom-ledger-" + room;
    const kept = JSON.parse(localStorage.getItem(name) || "null");
    if (kept) {
      const [small, large] = kept.size <= size ? [kept, { size, root }] : [{ size, root }, kept];
      const proof = (await answer("/ledger/consistency?from=" + small.size + "&to=" + large.size)).proof.map(unpacked);
      if (!(await continues(small.size, unpacked(small.root), large.size, unpacked(large.root), proof))) throw new Error("past");
      if (kept.size > size) return kept;
    }
    localStorage.setItem(name, JSON.stringify({ size, root }));
    return kept;
  }

  const continuity = document.getElementById("continuity");
  if (continuity) {
    const d = continuity.dataset;
    continuity.textContent = d.wait;
    since(d.room, Number(d.size), d.root).then(
      (kept) => { continuity.textContent = kept ? d.good + " " + kept.size.toLocaleString(document.documentElement.lang) + "." : d.first; continuity.className = "good"; },
      () => { continuity.textContent = d.bad; continuity.className = "bad"; },
    );
  }

  // leafOf reads a leaf as docs/formats/ledger.md has it.
  function leafOf(b) {
    const view = new DataView(b.buffer);
    const k = b[29];
    if (b[0] !== 1 || b.length !== 94 + k) throw new Error("leaf");
    return {
      time: view.getUint32(5) * 2 ** 32 + view.getUint32(9), room: [...b.slice(13, 29)].map((x) => x.toString(16).padStart(2, "0")).join(""),
      kind: new TextDecoder().decode(b.slice(30, 30 + k)), evidence: b.slice(30 + k, 62 + k), personal: b.slice(62 + k),
    };
  }

  async function commits(commitment, part, salt, payload) {
    const key = await crypto.subtle.importKey("raw", salt, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const label = new TextEncoder().encode("strongroom/ledger/v1/" + part + "\0");
    return same(new Uint8Array(await crypto.subtle.sign("HMAC", key, joined(label, payload))), commitment);
  }

  const recompute = document.getElementById("recompute");
  if (recompute) {
    const d = document.getElementById("verifying").dataset;
    const steps = document.getElementById("steps"), verdict = document.getElementById("verdict");
    recompute.hidden = false;
    recompute.addEventListener("click", async () => {
      steps.replaceChildren();
      steps.hidden = false;
      verdict.textContent = "";
      let good = true;
      // step runs one check; what throws has failed.
      const step = async (text, check) => {
        let holds = false, shown = "";
        try {
          const said = await check();
          holds = said !== false;
          if (typeof said === "string") shown = said;
        } catch { /* failed */ }
        good = good && holds;
        const line = document.createElement("li");
        line.className = holds ? "good" : "bad";
        for (const [tag, words] of [["span", holds ? "✓" : "✗"], ["span", text], ["span", holds ? d.yes : d.no], ["code", shown]]) {
          if (!words) continue;
          const part = document.createElement(tag);
          part.textContent = words;
          line.append(part);
        }
        steps.append(line);
      };
      let p = {}, leaf, root, head = [];
      await step(d.leaf, async () => {
        p = await answer("/ledger/records/" + d.index + "/proof");
        leaf = leafOf(unpacked(p.leaf));
        head = p.checkpoint.split("\n");
        return p.index === Number(d.index) && leaf.kind === d.kind && leaf.time === Number(d.time) && leaf.room === d.room;
      });
      await step(d.evidence, () => commits(leaf.evidence, "evidence", unpacked(p.evidence_salt), unpacked(p.evidence)));
      if (p.personal) await step(d.personal, () => commits(leaf.personal, "personal", unpacked(p.personal_salt), unpacked(p.personal)));
      else await step(d.nopersonal, async () => true);
      await step(d.path, async () => {
        root = await rootOf(await sha([0], unpacked(p.leaf)), p.index, p.size, p.proof.map(unpacked));
        return packed(root);
      });
      await step(d.root, async () => head[0].startsWith("strongroom/" + d.room + "/") && Number(head[1]) === p.size && same(unpacked(head[2]), root));
      if (good) await step(d.kept, async () => { await since(d.room, p.size, head[2]); return true; });
      verdict.textContent = good ? d.good : d.bad;
      verdict.className = good ? "good" : "bad";
    });
  }
}
