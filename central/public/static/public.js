"use strict";
/* Two conveniences: saying that a page has become old, and sorting by distance. Without a script all else works.
   The position stays in the browser: nothing is sent. */
(() => {
  const time = document.getElementById("as-of");
  const old = document.getElementById("old");
  const look = () => { old.hidden = Date.now() - Date.parse(time.dateTime) < time.dataset.old * 1000; };
  look();
  setInterval(look, 30000);

  const near = document.getElementById("near");
  if (!near || !navigator.geolocation) return;
  near.hidden = false;
  const said = near.querySelector(".said");
  const rad = (degrees) => degrees * Math.PI / 180;
  const km = (here, [lat, lon]) => {
    const a = Math.sin(rad(lat - here.latitude) / 2) ** 2
      + Math.cos(rad(here.latitude)) * Math.cos(rad(lat)) * Math.sin(rad(lon - here.longitude) / 2) ** 2;
    return 12742 * Math.asin(Math.min(1, Math.sqrt(a)));
  };
  const sort = (here) => {
    for (const list of document.querySelectorAll(".list")) {
      const rows = [...list.children].map((row) => [km(here, row.dataset.p.split(",").map(Number)), row]);
      rows.sort((one, other) => one[0] - other[0]);
      for (const [far, row] of rows) {
        row.querySelector(".km").textContent = near.dataset.km.replace("#", far < 10 ? far.toFixed(1) : far.toFixed(0));
        list.append(row);
      }
    }
    said.textContent = near.dataset.done;
  };
  near.querySelector("button").addEventListener("click", () => {
    said.textContent = near.dataset.wait;
    navigator.geolocation.getCurrentPosition(
      (found) => sort(found.coords),
      () => { said.textContent = near.dataset.failed; },
      { maximumAge: 300000, timeout: 20000 });
  });
})();
