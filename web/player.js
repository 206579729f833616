// The player: waveform, sides, speed, keys, and the transcript that follows. Without it the
// browser's own controls play.
"use strict";

(() => {
  const player = document.getElementById("player");
  const media = document.getElementById("media");
  if (!player || !media) return;
  const $ = (id) => document.getElementById(id);
  const said = player.dataset;
  const fill = (text, ...values) => text.replace(/\{(\d)\}/g, (_, i) => values[i]);
  const audio = said.kind === "audio";
  const [seek, play, now, length, speed, live, canvas, lanes] = ["seek", "play", "now", "length", "speed", "live", "wave", "lanes"].map($);

  media.controls = false;
  $("transport").hidden = false;
  if (audio) media.hidden = true;

  const clock = (s) => {
    s = Math.max(0, Math.floor(s || 0));
    const two = (n) => String(n).padStart(2, "0");
    return s < 3600 ? Math.floor(s / 60) + ":" + two(s % 60) : Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
  };
  const tell = (text) => { live.textContent = text; };
  let peaks = null;
  let known = 0; // seconds, as the server read them
  const total = () => (Number.isFinite(media.duration) && media.duration > 0 ? media.duration : known);

  // Moving
  const go = (seconds) => {
    const end = total();
    if (!end) return;
    media.currentTime = Math.min(Math.max(0, seconds), Math.max(0, end - 0.05));
    show();
  };
  const toggle = () => {
    if (media.paused) {
      if (context) context.resume();
      media.play().catch(() => {});
    } else media.pause();
  };
  $("rewind").addEventListener("click", () => go(media.currentTime - 10));
  $("forward").addEventListener("click", () => go(media.currentTime + 10));
  play.addEventListener("click", toggle);
  if (!audio) media.addEventListener("click", toggle);
  seek.addEventListener("input", () => go(Number(seek.value)));
  speed.addEventListener("change", () => { media.playbackRate = Number(speed.value); });
  const faster = (by) => {
    const at = Math.min(Math.max(0, speed.selectedIndex + by), speed.options.length - 1);
    speed.selectedIndex = at;
    media.playbackRate = Number(speed.value);
    tell(speed.options[at].textContent);
  };

  const show = () => {
    const end = total();
    now.textContent = clock(media.currentTime);
    if (end) {
      length.textContent = clock(end);
      seek.max = end;
      seek.value = media.currentTime;
      seek.setAttribute("aria-valuetext", fill(said.of, clock(media.currentTime), clock(end)));
    }
    follow();
    draw();
  };
  for (const what of ["timeupdate", "loadedmetadata", "durationchange", "seeked"]) media.addEventListener(what, show);
  const state = () => {
    play.toggleAttribute("data-playing", !media.paused);
    play.setAttribute("aria-label", media.paused ? said.play : said.pause);
    if (!media.paused) requestAnimationFrame(tick);
  };
  const tick = () => {
    if (media.paused) return;
    draw();
    requestAnimationFrame(tick);
  };
  for (const what of ["play", "pause", "ended"]) media.addEventListener(what, state);

  // An opening ends, and permission with it: say so, rather than stand still.
  let begun = false;
  media.addEventListener("loadedmetadata", () => { begun = true; });
  media.addEventListener("error", async () => {
    const answer = await fetch(media.currentSrc || media.src, { method: "HEAD", redirect: "manual" }).catch(() => null);
    const there = answer && answer.ok;
    $(begun || !there ? "lost" : "unplayed").hidden = false;
  });

  // The waveform
  const colours = () => {
    const style = getComputedStyle(player);
    const of = (name) => {
      const probe = document.createElement("span");
      probe.style.color = "var(" + name + ")";
      player.append(probe);
      const c = getComputedStyle(probe).color;
      probe.remove();
      return c;
    };
    return { sides: [of("--mark"), of("--warn")], rest: of("--edge"), line: of("--line"), ink: style.color };
  };
  let paint = null;
  const heard = { left: true, right: true };
  function draw() {
    if (!peaks || !canvas) return;
    const wide = canvas.clientWidth, high = canvas.clientHeight, ratio = window.devicePixelRatio || 1;
    if (!wide) return;
    if (canvas.width !== Math.round(wide * ratio)) {
      canvas.width = Math.round(wide * ratio);
      canvas.height = Math.round(high * ratio);
    }
    paint = paint || colours();
    const c = canvas.getContext("2d");
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, wide, high);
    const lane = high / peaks.length, step = 3, bars = Math.floor(wide / step);
    const at = total() ? (media.currentTime / total()) * wide : 0;
    peaks.forEach((channel, i) => {
      const loudest = Math.max(24, ...channel), middle = lane * (i + 0.5);
      const off = peaks.length > 1 && !heard[i ? "right" : "left"];
      if (i) {
        c.fillStyle = paint.line;
        c.fillRect(0, Math.round(lane * i), wide, 1);
      }
      for (let b = 0; b < bars; b++) {
        let loud = 0;
        const from = Math.floor((b / bars) * channel.length), to = Math.max(from + 1, Math.floor(((b + 1) / bars) * channel.length));
        for (let k = from; k < to; k++) loud = Math.max(loud, channel[k]);
        const tall = Math.max(1.5, (loud / loudest) * (lane - 10));
        c.globalAlpha = off ? 0.25 : 1;
        c.fillStyle = b * step < at ? paint.sides[i % 2] : paint.rest;
        c.fillRect(b * step, middle - tall / 2, step - 1, tall);
      }
      c.globalAlpha = 1;
    });
    c.fillStyle = paint.ink;
    c.fillRect(Math.min(Math.max(0, at - 1), wide - 2), 0, 2, high);
  }
  const repaint = () => { paint = null; draw(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

  const withWave = (seconds, channels) => {
    known = seconds;
    peaks = channels.slice(0, 2);
    lanes.hidden = false;
    lanes.classList.toggle("one", peaks.length < 2);
    new ResizeObserver(draw).observe(canvas);
    show();
    figures();
  };
  const figures = () => {
    const box = $("figures"), body = box.querySelector("tbody"), names = [...box.querySelectorAll("th")].map((th) => th.textContent);
    if (peaks.length < 2) box.querySelector('th[data-side="right"]').remove();
    for (let i = 0; i < 10; i++) {
      const row = body.insertRow();
      const put = (text, name) => { const cell = row.insertCell(); cell.textContent = text; cell.dataset.name = name; };
      put(clock((known * i) / 10) + " – " + clock((known * (i + 1)) / 10), names[0]);
      peaks.forEach((channel, k) => {
        const loudest = Math.max(24, ...channel);
        const part = channel.slice(Math.floor((channel.length * i) / 10), Math.max(1, Math.floor((channel.length * (i + 1)) / 10)));
        put(Math.round((100 * part.filter((p) => p > loudest * 0.12).length) / Math.max(1, part.length)) + " %", names[k + 1]);
      });
    }
    box.hidden = false;
  };
  const without = () => { if ($("nowave")) $("nowave").hidden = false; };
  const loudness = async () => {
    if (said.peaks) {
      const answer = await fetch(said.peaks);
      if (answer.ok) {
        const w = await answer.json();
        return withWave(w.seconds, w.peaks);
      }
    } else if (said.decode !== undefined) {
      const bytes = await (await fetch(media.src)).arrayBuffer();
      const sound = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(bytes);
      const channels = [];
      for (let i = 0; i < Math.min(2, sound.numberOfChannels); i++) {
        const samples = sound.getChannelData(i), points = Math.min(1200, samples.length), out = new Array(points).fill(0);
        for (let k = 0; k < samples.length; k++) {
          const p = Math.floor((k / samples.length) * points);
          out[p] = Math.max(out[p], Math.min(255, Math.round(Math.abs(samples[k]) * 255)));
        }
        channels.push(out);
      }
      return withWave(sound.duration, channels);
    }
    without();
  };
  if (audio) loudness().catch(without);
  if (canvas) {
    let dragging = false;
    const to = (e) => {
      const box = canvas.getBoundingClientRect();
      go(((e.clientX - box.left) / box.width) * total());
    };
    canvas.addEventListener("pointerdown", (e) => { dragging = true; canvas.setPointerCapture(e.pointerId); to(e); });
    canvas.addEventListener("pointermove", (e) => { if (dragging) to(e); });
    for (const what of ["pointerup", "pointercancel"]) canvas.addEventListener(what, () => { dragging = false; });
  }

  // The sides of a recording, each to be heard or not. Sound goes another way only once
  // somebody asks for that.
  let context = null, gains = null;
  const route = () => {
    if (context) return;
    context = new AudioContext();
    const source = context.createMediaElementSource(media), split = context.createChannelSplitter(2);
    gains = { left: context.createGain(), right: context.createGain() };
    source.connect(split);
    split.connect(gains.left, 0);
    split.connect(gains.right, 1);
    const one = context.createChannelMerger(2);
    for (const side of ["left", "right"]) {
      gains[side].connect(one, 0, side === "left" ? 0 : 1);
    }
    // A side that is heard alone is heard on both ears.
    gains.out = one;
    gains.over = { left: context.createGain(), right: context.createGain() };
    split.connect(gains.over.left, 0);
    split.connect(gains.over.right, 1);
    gains.over.left.connect(one, 0, 1);
    gains.over.right.connect(one, 0, 0);
    one.connect(context.destination);
    context.resume();
  };
  const hear = (left, right) => {
    heard.left = left;
    heard.right = right;
    route();
    gains.left.gain.value = left ? 1 : 0;
    gains.right.gain.value = right ? 1 : 0;
    gains.over.left.gain.value = left && !right ? 1 : 0;
    gains.over.right.gain.value = right && !left ? 1 : 0;
    for (const b of player.querySelectorAll("[data-mute]")) b.setAttribute("aria-pressed", String(!heard[b.dataset.mute]));
    for (const b of player.querySelectorAll("[data-solo]")) b.setAttribute("aria-pressed", String(heard[b.dataset.solo] && left !== right));
    const name = (side) => player.querySelector('.side-of[data-side="' + side + '"] b').textContent;
    tell(left === right ? said.both : fill(said.only, name(left ? "left" : "right")));
    draw();
  };
  for (const b of player.querySelectorAll("[data-mute]")) {
    b.addEventListener("click", () => {
      const side = b.dataset.mute, other = side === "left" ? "right" : "left";
      const next = { ...heard, [side]: !heard[side] };
      if (!next[side] && !next[other]) next[other] = true; // silence is what pausing is for
      hear(next.left, next.right);
    });
  }
  for (const b of player.querySelectorAll("[data-solo]")) {
    b.addEventListener("click", () => {
      const alone = b.getAttribute("aria-pressed") === "true";
      hear(alone || b.dataset.solo === "left", alone || b.dataset.solo === "right");
    });
  }
  const nextSide = () => {
    if (!peaks || peaks.length < 2) {
      media.muted = !media.muted;
    } else if (heard.left && heard.right) hear(true, false);
    else if (heard.left) hear(false, true);
    else hear(true, true);
  };

  // The whole screen takes the name that lies over the picture along.
  const full = $("full");
  const whole = () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else player.querySelector(".screen").requestFullscreen().catch(() => {});
  };
  if (full) {
    full.hidden = !document.fullscreenEnabled;
    full.addEventListener("click", whole);
  }

  // Keys: not while somebody types or is on a control that has keys of its own.
  const keys = $("keys");
  try { keys.checked = localStorage.getItem("player-keys") !== "off"; } catch { /* kept for this page only */ }
  keys.addEventListener("change", () => { try { localStorage.setItem("player-keys", keys.checked ? "on" : "off"); } catch { /* as above */ } });
  document.addEventListener("keydown", (e) => {
    const on = e.target.closest("input:not([type=range]), textarea, select, [contenteditable]");
    if (!keys.checked || on || e.ctrlKey || e.altKey || e.metaKey || e.defaultPrevented) return;
    const pressing = e.target.closest("button, a, summary");
    const step = { ArrowLeft: -5, ArrowRight: 5, j: -10, l: 10, J: -10, L: 10 }[e.key];
    if (step) go(media.currentTime + step);
    else if (e.key === " " && !pressing || e.key === "k" || e.key === "K") toggle();
    else if (e.key === ",") faster(-1);
    else if (e.key === ".") faster(1);
    else if (e.key === "m" || e.key === "M") nextSide();
    else if ((e.key === "f" || e.key === "F") && full) whole();
    else if (e.key === "Home") go(0);
    else if (e.key === "End") go(total());
    else return;
    e.preventDefault();
  });

  // What was played: time that passed while it played, in the recording's own seconds.
  let played = 0, reported = 0, last = null, reports = 0;
  const count = () => {
    if (last !== null && !media.seeking) {
      const by = media.currentTime - last;
      if (by > 0 && by < 3) played += by;
    }
    last = media.paused ? null : media.currentTime;
  };
  const report = () => {
    count();
    if (played - reported < 0.5 || reports >= 12) return;
    reported = played;
    reports++;
    fetch(said.played, {
      method: "POST", keepalive: true, headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ seconds: Math.round(played * 10) / 10, length: Math.round((total() || 0) * 10) / 10 }),
    }).catch(() => {});
  };
  media.addEventListener("timeupdate", () => {
    count();
    if (reported === 0 && played >= 3) report();
  });
  media.addEventListener("seeking", () => { last = null; });
  media.addEventListener("play", () => { last = media.currentTime; });
  media.addEventListener("pause", () => { if (reported === 0 || played - reported >= 30) report(); else count(); });
  media.addEventListener("ended", report);
  addEventListener("pagehide", report);

  // The transcript: follows, seeks, and is searched.
  let turns = [], current = null;
  function follow() {
    if (!turns.length) return;
    const at = media.currentTime + 0.05;
    let low = 0, high = turns.length - 1, found = null;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (turns[middle].from <= at) { found = turns[middle]; low = middle + 1; } else high = middle - 1;
    }
    if (found === current) return;
    if (current) current.button.removeAttribute("aria-current");
    current = found;
    if (!current) return;
    current.button.setAttribute("aria-current", "true");
    const list = $("turns"), box = $("follow");
    if (box && box.checked && !list.contains(document.activeElement)) {
      const top = current.button.offsetTop - list.clientHeight / 3;
      list.scrollTo({ top, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    }
  }
  const transcript = () => {
    const list = $("turns");
    if (!list) return;
    turns = [...list.querySelectorAll("button[data-from]")].map((button) => ({ button, from: Number(button.dataset.from) })).sort((a, b) => a.from - b.from);
    for (const t of turns) t.button.addEventListener("click", () => go(t.from));
    if ($("follows")) $("follows").hidden = false;
    const find = $("find"), hits = $("hits"), texts = [...list.querySelectorAll(".what")];
    let marks = [], at = -1;
    const plain = (s) => s.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
    const look = () => {
      for (const t of texts) if (t.querySelector("mark")) t.textContent = t.textContent;
      marks = [];
      at = -1;
      const what = plain(find.value.trim());
      hits.textContent = "";
      if (what.length < 2) return;
      for (const t of texts) {
        const text = t.textContent, folded = plain(text);
        if (folded.length !== text.length) { // letters with marks apart: the sentence as a whole
          if (folded.includes(what)) { const m = document.createElement("mark"); m.textContent = text; t.replaceChildren(m); marks.push(m); }
          continue;
        }
        const pieces = [];
        let from = 0;
        for (let i = folded.indexOf(what); i >= 0 && marks.length < 1000; i = folded.indexOf(what, from)) {
          const m = document.createElement("mark");
          m.textContent = text.slice(i, i + what.length);
          pieces.push(text.slice(from, i), m);
          marks.push(m);
          from = i + what.length;
        }
        if (pieces.length) t.replaceChildren(...pieces, text.slice(from));
      }
      if (!marks.length) hits.textContent = said.nohits;
      else next(1);
    };
    const next = (by) => {
      if (!marks.length) return;
      at = (at + by + marks.length) % marks.length;
      hits.textContent = fill(said.hits, at + 1, marks.length);
      const line = marks[at].closest("li");
      list.scrollTo({ top: line.offsetTop - list.clientHeight / 3 });
    };
    find.hidden = false;
    find.addEventListener("input", look);
    find.addEventListener("keydown", (e) => { if (e.key === "Enter") { e.preventDefault(); next(e.shiftKey ? -1 : 1); } });
    follow();
  };
  transcript();

  // Reading the transcript leaves the recording playing: the page comes again, and only
  // its part is taken over.
  const ask = document.querySelector("#transcript form");
  if (ask) {
    ask.addEventListener("submit", async (e) => {
      e.preventDefault();
      const button = ask.querySelector("button");
      button.disabled = true;
      try {
        const answer = await fetch(ask.action, { method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded" } });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("transcript");
        if (!answer.ok || !page) throw new Error(String(answer.status));
        $("transcript").replaceWith(document.adoptNode(page));
        transcript();
        $("transcript").querySelector("h2").setAttribute("tabindex", "-1");
        $("transcript").querySelector("h2").focus();
      } catch {
        ask.submit();
      }
    });
  }
  show();
})();
