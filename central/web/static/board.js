// Receipts as they come: every tally of the stream fetches the page's live part again, at most once a second.
"use strict";
(() => {
  const section = document.querySelector("[data-incident]");
  const id = section && section.dataset.incident;
  if (!id || !window.EventSource) return;
  const PAUSE_MS = 1000;
  const page = section.dataset.page;
  const link = document.getElementById("link");
  let timer = null;
  let fetching = false;

  function say(isLive) {
    document.body.dataset.link = isLive ? "live" : "lost";
    const word = isLive ? section.dataset.live : section.dataset.lost;
    if (link.textContent !== word) link.textContent = word;
  }

  async function refresh() {
    timer = null;
    if (fetching) return later();
    fetching = true;
    try {
      const answer = await fetch(page, { headers: { Accept: "text/html" } });
      if (!answer.ok) return say(false);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const live = fresh.getElementById("live");
      if (!live) return say(false); // Signed out meanwhile: the page for signing in came.
      // A phase that changed brings other forms: they come with the whole page.
      const phase = (root) => root.querySelector(".phase").textContent;
      if (phase(fresh) !== phase(document)) return location.assign(page);
      for (const before of document.querySelectorAll("#live details[data-fold]")) {
        const after = live.querySelector(`details[data-fold="${before.dataset.fold}"]`);
        if (after) after.open = before.open;
      }
      document.getElementById("live").replaceWith(live);
      const forms = document.getElementById("forms");
      const reasons = [...forms.querySelectorAll("[name=why]")];
      const isTouched = forms.contains(document.activeElement) || reasons.some((one) => one.value);
      if (!isTouched) forms.replaceWith(fresh.getElementById("forms")); // What somebody fills in stays as it is.
      say(true);
    } catch {
      say(false);
      later();
    } finally {
      fetching = false;
    }
  }

  function later() {
    if (timer === null) timer = setTimeout(refresh, PAUSE_MS);
  }

  const source = new EventSource("/api/v1/incidents/" + encodeURIComponent(id) + "/stream");
  source.addEventListener("open", () => say(true));
  source.addEventListener("error", () => say(false));
  source.addEventListener("tally", later);
})();
