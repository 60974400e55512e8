// Receipts as they come: every tally of the stream fetches the page's live part again, at most once a second.
"use strict";
(() => {
  const section = document.querySelector("[data-incident]");
  const id = section && section.dataset.incident;
  if (!id || !window.EventSource) return;
  const PAUSE_MS = 1000;
  let timer = null;
  let fetching = false;

  async function refresh() {
    timer = null;
    if (fetching) return later();
    fetching = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const live = fresh.getElementById("live");
      const before = document.querySelector("#live details");
      if (!live) return;
      const folded = live.querySelector("details");
      if (before && folded) folded.open = before.open;
      // A phase that changed brings other forms: they come with the whole page.
      const phase = (root) => root.querySelector(".phase").textContent;
      if (phase(fresh) !== phase(document)) return location.reload();
      document.getElementById("live").replaceWith(live);
    } catch {
      later(); // The link is gone for a moment; the stream tells when it is back.
    } finally {
      fetching = false;
    }
  }

  function later() {
    if (timer === null) timer = setTimeout(refresh, PAUSE_MS);
  }

  const source = new EventSource("/api/v1/incidents/" + encodeURIComponent(id) + "/stream");
  source.addEventListener("tally", later);
})();
