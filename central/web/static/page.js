// Live values: puts the texts that the stream sends where the page shows them, and says honestly when it is silent.
"use strict";
(() => {
  const SILENCE_MAX_MS = 12000; // The stream speaks every two seconds.
  const RETRY_MS = 5000;
  const page = document.body;
  const root = document.documentElement;
  const words = JSON.parse(page.dataset.words);
  const badgeWord = document.getElementById("badge-word");
  const places = new Map(); // "owner name" → elements
  const ages = [];
  let mark = page.dataset.mark;
  let source = null;
  let heardAt = performance.now();
  let openedAt = -Infinity;
  let serverAhead = Number(page.dataset.now) - Date.now();

  for (const element of document.querySelectorAll("[data-k]")) {
    const key = element.closest("[data-o]").dataset.o + " " + element.dataset.k;
    places.set(key, [...(places.get(key) || []), element]);
    if (element.dataset.as === "age") ages.push(element);
  }

  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  const put = {
    state(element, text) {
      element.dataset.state = text;
      for (const use of element.querySelectorAll("use")) use.setAttribute("href", "#s-" + (text || "on_grid"));
      for (const word of element.querySelectorAll("[data-word]")) say(word, words.states[text] || "");
      if (element.parentNode.id === "dots" && text !== "on_grid") element.parentNode.append(element);
    },
    width(element, text) {
      element.setAttribute("width", parseFloat(text) || 0);
    },
    band(element, text) {
      const [x, width] = text.split(" ");
      element.setAttribute("x", x);
      element.setAttribute("width", width);
    },
    age(element, text) {
      element.setAttribute("datetime", text);
      tell(element);
    },
    "x-pct"(element, text) {
      element.setAttribute("x1", text + "%");
      element.setAttribute("x2", text + "%");
    },
  };

  function show(owner, name, text) {
    if (owner === "city" && name === "now") serverAhead = Number(text) - Date.now();
    if (owner === "city" && name === "release" && text !== page.dataset.release) {
      page.dataset.release = text;
      setTimeout(() => location.reload(), 500 + Math.random() * 4500);
    }
    for (const element of places.get(owner + " " + name) || []) {
      const as = element.dataset.as;
      if (!as) say(element, text);
      else if (put[as]) put[as](element, text);
      else element.setAttribute(as, text);
    }
  }

  function tell(element) {
    const at = Date.parse(element.getAttribute("datetime"));
    if (Number.isNaN(at)) return say(element, words.age_never);
    const seconds = Math.max(0, Math.floor((Date.now() + serverAhead - at) / 1000));
    const [key, size] =
      seconds < 60 ? ["age_s", 1] : seconds < 3600 ? ["age_min", 60] : seconds < 172800 ? ["age_h", 3600] : ["age_d", 86400];
    say(element, words[key].replace("{n}", Math.floor(seconds / size)));
  }

  function sortRows() {
    const rows = document.getElementById("rows");
    if (!rows || !rows.parentNode.dataset.sorted) return;
    const rank = (row) => words.order.indexOf(row.dataset.state);
    const sorted = [...rows.children].sort((a, b) => rank(a) - rank(b) || a.dataset.n - b.dataset.n);
    if (sorted.some((row, n) => row !== rows.children[n]) && !rows.contains(document.activeElement)) rows.append(...sorted);
  }

  function setLink(state) {
    if (root.dataset.link === state) return;
    root.dataset.link = state;
    say(badgeWord, state === "live" ? words.live : words.reconnecting);
  }

  function take(event) {
    heardAt = performance.now();
    mark = event.lastEventId || mark;
    let moved = false;
    for (const [owner, texts] of Object.entries(JSON.parse(event.data))) {
      for (const [name, text] of Object.entries(texts)) {
        show(owner, name, text);
        moved = moved || (name === "state" && owner !== "city");
      }
    }
    if (moved) sortRows();
    setLink("live");
  }

  function open() {
    if (source) source.close();
    openedAt = performance.now();
    source = new EventSource(page.dataset.stream + "&since=" + encodeURIComponent(mark));
    source.addEventListener("texts", take);
    source.onopen = () => {
      heardAt = performance.now();
      setLink("live");
    };
    source.onerror = () => setLink("lost");
  }

  function watch() {
    for (const element of ages) tell(element);
    const now = performance.now();
    if (now - heardAt < SILENCE_MAX_MS) return;
    setLink("lost");
    const silent = now - openedAt > SILENCE_MAX_MS;
    const refused = source.readyState === EventSource.CLOSED && now - openedAt > RETRY_MS;
    if (silent || refused) open();
  }

  open();
  setInterval(watch, 1000);
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && open());
})();
