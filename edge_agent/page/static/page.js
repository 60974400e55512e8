// Keeps a page fresh without loading it anew. Without this script the browser loads the page again by itself.
(() => {
  "use strict";
  const every = Number(document.body.dataset.fresh) * 1000;
  if (!every) return;
  let misses = 0;
  async function look() {
    if (document.hidden) return;
    const url = new URL(location.href);
    url.searchParams.set("auto", "1");
    const cut = new AbortController();
    const timer = setTimeout(() => cut.abort(), 10000);
    try {
      const answer = await fetch(url, { credentials: "same-origin", cache: "no-store", signal: cut.signal });
      if (answer.redirected || !answer.ok) { location.reload(); return; }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      misses = 0;
      document.body.removeAttribute("data-lost");
      for (const now of document.querySelectorAll("[data-live]")) {
        const then = fresh.querySelector(`[data-live="${now.dataset.live}"]`);
        if (!then) { location.reload(); return; }
        const typing = now.contains(document.activeElement) && document.activeElement !== now;
        if (now.innerHTML !== then.innerHTML && (!typing || now.querySelectorAll("form").length !== then.querySelectorAll("form").length)) {
          now.innerHTML = then.innerHTML;
        }
      }
      if (!fresh.body.dataset.fresh || fresh.body.dataset.fresh === "0") { location.reload(); return; }
    } catch {
      misses += 1;
      if (misses >= 3) document.body.setAttribute("data-lost", "");
    } finally {
      clearTimeout(timer);
    }
  }
  setInterval(look, every);
})();
