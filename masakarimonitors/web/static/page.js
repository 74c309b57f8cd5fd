// Keeps the page as the host's monitors are: puts what has changed in its place, and says when nothing comes any more.
"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const SILENT = 12000; // milliseconds without a word, after which the page is stale: a word comes every 5 s
  const AGAIN = 5000; // milliseconds until a stream that was refused is asked for again
  let since = root.dataset.since;
  let heard = root.dataset.at; // the host's own time, as it was last told
  // Two clocks: the one is set now and then, the other may stand still while the computer sleeps.
  let last = Date.now(), ticked = performance.now();
  let asked = ticked;
  let broken = false;
  let stream = null;

  // ---- what is shown -------------------------------------------------------------------------

  function put(entry) {
    const [id, box, key, html] = entry;
    const old = byId(id);
    if (box === undefined) {
      if (old) old.remove();
      return;
    }
    const holder = byId(box);
    if (!holder) return;
    const made = document.createElement("template");
    made.innerHTML = html;
    const fresh = made.content.firstElementChild;
    const focused = old && old.contains(document.activeElement) ? document.activeElement : null;
    const scrolled = old && old.querySelector(".wide");
    const left = scrolled ? scrolled.scrollLeft : 0;
    if (old && old.parentNode === holder && old.dataset.key === key) {
      old.replaceWith(fresh);
    } else {
      if (old) old.remove();
      let after = null;
      for (const one of holder.children) {
        if (one.dataset.key > key) { after = one; break; }
      }
      holder.insertBefore(fresh, after);
    }
    if (left) fresh.querySelector(".wide").scrollLeft = left;
    fresh.classList.add("fresh");
    if (fresh.tagName === "LI") filterOne(fresh);
    if (focused) {
      const href = focused.getAttribute("href");
      const same = [...fresh.querySelectorAll("a, [tabindex]")].find((one) => one.getAttribute("href") === href);
      if (same) same.focus({ preventScroll: true });
    }
  }

  function alive(at) {
    heard = at;
    last = Date.now();
    ticked = performance.now();
    broken = false;
    byId("at").textContent = at;
    judge();
  }

  function judge() {
    const stale = broken || Math.max(Date.now() - last, performance.now() - ticked) > SILENT;
    const note = byId("stale");
    if (stale) {
      const words = `Stale since ${heard}: nothing was heard of this host's page since. What you see is how it was then. It is tried again.`;
      if (note.textContent !== words) note.textContent = words;
    }
    if (note.hidden === stale) note.hidden = !stale;
    document.title = (stale ? "stale, " : "") + byId("headline").dataset.title;
    return stale;
  }

  // ---- the filter ----------------------------------------------------------------------------

  const FILTERED = "#wrong li, .path li, ul.grid li";
  const words = () => byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);

  function filterOne(row, wanted = words(), alarms = byId("alarms").checked) {
    if (!row.matches(FILTERED)) return true;
    const text = wanted.length ? row.textContent.toLowerCase() : "";
    const shown = wanted.every((word) => text.includes(word)) && (!alarms || row.classList.contains("alarm"));
    row.hidden = !shown;
    return shown;
  }

  function filter() {
    const wanted = words(), alarms = byId("alarms").checked;
    const rows = [...document.querySelectorAll(FILTERED)];
    const hidden = rows.filter((row) => !filterOne(row, wanted, alarms));
    const lost = hidden.filter((row) => row.classList.contains("alarm")).length;
    byId("found").textContent = wanted.length || alarms
      ? `${rows.length - hidden.length} of ${rows.length} rows are shown` + (lost ? `; ${lost} alarms are hidden by these words` : "")
      : "";
    const state = new URLSearchParams();
    if (byId("filter").value) state.set("q", byId("filter").value);
    if (alarms) state.set("alarms", "1");
    history.replaceState(null, "", state.size ? `?${state}${location.hash}` : location.pathname + location.hash);
  }

  // ---- the stream ----------------------------------------------------------------------------

  function open() {
    if (stream) stream.close();
    asked = performance.now();
    stream = new EventSource(`events?since=${encodeURIComponent(since)}`);
    stream.addEventListener("change", (event) => {
      const told = JSON.parse(event.data);
      since = event.lastEventId;
      told.entries.forEach(put);
      if (byId("found").textContent) filter();
      alive(told.at);
    });
    stream.addEventListener("beat", (event) => alive(JSON.parse(event.data).at));
    // The server knows nothing of what this page has seen: it was started anew, or that is too long ago.
    stream.addEventListener("anew", () => location.reload());
    stream.onerror = () => { broken = true; judge(); };
  }

  function look() {
    const stale = judge();
    const closed = stream.readyState === EventSource.CLOSED;
    if ((closed || stale) && performance.now() - asked > AGAIN + (closed ? 0 : SILENT)) open();
  }

  const asked_for = new URLSearchParams(location.search);
  byId("filter").value = asked_for.get("q") || "";
  byId("alarms").checked = asked_for.has("alarms");
  byId("find").hidden = false;
  byId("find").addEventListener("submit", (event) => event.preventDefault());
  byId("filter").addEventListener("input", filter);
  byId("alarms").addEventListener("change", filter);
  if (asked_for.size) filter();
  setInterval(look, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  open();
})();
