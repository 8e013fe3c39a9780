// The overview: its parts are computed after it has opened, one after the other. The server goes on
// only while this page asks, so that nothing is computed for a page that was closed.

import { helpWithKeys, keys } from "./keys.js";

const BETWEEN = 1000;
const gone = new AbortController();

function pause() {
  return new Promise((go) => setTimeout(go, BETWEEN));
}

async function fill(place) {
  for (;;) {
    const answer = await fetch(`/overview/${place.dataset.part}`, { signal: gone.signal });
    if (answer.status !== 202) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const shown = page.querySelector("main") ?? page.body;
      place.replaceChildren(...shown.childNodes);
      return;
    }
    await pause();
  }
}

async function fillAll() {
  for (const place of document.querySelectorAll("[data-part]")) {
    try {
      await fill(place);
    } catch (error) {
      if (gone.signal.aborted) return;
      place.textContent = "The server did not answer: load this page again.";
    }
  }
}

addEventListener("pagehide", () => gone.abort());
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
keys({ "?": helpWithKeys() });
fillAll();
