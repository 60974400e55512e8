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
  // Rows say once which text stands in which cell, and dots are states: 182 of each would name it at every place.
  const rows = document.getElementById("rows");
  const dots = document.getElementById("dots");
  function place(owner, name, element, as) {
    element.dataset.as = as;
    const key = owner + " " + name;
    places.set(key, [...(places.get(key) || []), element]);
  }
  if (rows) {
    const names = rows.dataset.cells.split(",");
    for (const row of rows.children) {
      row.dataset.o = row.querySelector("a").pathname.split("/").pop();
      place(row.dataset.o, "state", row, "state");
      names.forEach((name, n) => {
        const cell = row.cells[n];
        if (name === "state") cell.dataset.word = "";
        else if (name === "at") ages.push(cell), place(row.dataset.o, name, cell, "at");
        else if (name) place(row.dataset.o, name, cell, "");
      });
    }
  }
  if (dots) for (const dot of dots.children) place(dot.dataset.o, "state", dot, "state");

  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  const put = {
    state(element, text) {
      element.dataset.state = text;
      const uses = element.tagName === "use" ? [element] : element.querySelectorAll("use");
      for (const use of uses) use.setAttribute("href", "#s-" + (text || "on_grid"));
      for (const word of element.querySelectorAll("[data-word]")) say(word, words.states[text] || "");
      if (element.parentNode.id === "dots" && text !== "on_grid") element.parentNode.append(element);
    },
    count(element, text) {
      say(element, text);
      element.toggleAttribute("data-none", text === "0");
    },
    width(element, text) {
      element.setAttribute("width", parseFloat(text) || 0);
    },
    band(element, text) {
      const [x, width] = text.split(" ");
      element.setAttribute("x", x);
      element.setAttribute("width", width);
    },
    at(element, text) {
      element.dataset.at = text;
      tell(element);
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
    const at = "at" in element.dataset ? parseInt(element.dataset.at, 10) * 1000 : Date.parse(element.getAttribute("datetime"));
    if (Number.isNaN(at)) return say(element, words.age_never);
    const seconds = Math.max(0, Math.floor((Date.now() + serverAhead - at) / 1000));
    const [key, size] =
      seconds < 60 ? ["age_s", 1] : seconds < 3600 ? ["age_min", 60] : seconds < 172800 ? ["age_h", 3600] : ["age_d", 86400];
    say(element, words[key].replace("{n}", Math.floor(seconds / size)));
  }

  function sortRows() {
    const order = rows && rows.parentNode.dataset.sorted;
    if (!order) return;
    const names = rows.dataset.cells.split(",");
    const hours = (row) => {
      const said = order === "hours" ? parseFloat(row.cells[names.indexOf("hours")].textContent.replace(",", "")) : 0;
      return Number.isNaN(said) ? Number.MAX_VALUE : said;
    };
    const rank = (row) => words.order.indexOf(row.dataset.state);
    const sorted = [...rows.children].sort(
      (a, b) => hours(a) - hours(b) || rank(a) - rank(b) || (a.dataset.o < b.dataset.o ? -1 : 1),
    );
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
        moved = moved || ((name === "state" || name === "hours") && owner !== "city");
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

  // A dot without a link of its own leads where the row of its shelter leads, and is called by its name.
  if (dots) {
    const named = (dot) => dot && document.querySelector(`#rows tr[data-o="${dot.dataset.o}"] a`);
    dots.addEventListener("click", (event) => {
      const link = named(event.target.closest("#dots > use"));
      if (link) link.click();
    });
    dots.addEventListener("pointerover", (event) => {
      const dot = event.target.closest("#dots > use");
      const link = !dot || dot.firstChild ? null : named(dot);
      if (!link) return;
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      title.textContent = link.textContent;
      dot.append(title);
    });
  }
  open();
  setInterval(watch, 1000);
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && open());
})();
