// The page of the gauge slider.

import { helpWithKeys, keys } from "./keys.js";
import { showList } from "./list.js";
import { ranks } from "./ranks.js";
import { sliding } from "./sliding.js";
import { strip } from "./strip.js";
import { go, whenChanged } from "./swap.js";
import { step } from "./walking.js";

document.documentElement.classList.add("scripted");
const NAMES = { 0: "item-orthonormal", 0.5: "balanced", 1: "user-orthonormal" };
let now = null; // what belongs to the page that is shown: replaced when the page is

function begin() {
  const root = document.querySelector("[data-gauge]");
  if (!root) return;
  now?.end();
  const slider = root.querySelector("[data-slider]");
  const list = root.querySelector("[data-now]");
  list.dataset.list = "";
  const address = new URL(location.href);
  const told = (name, value) => Object.assign(document.querySelector(`[data-${name}]`), { textContent: value });
  const worst = address.searchParams.has("worst");
  let picture = null, below = null, place = null, playing = 0;

  const asks = (where, t) => {
    const to = new URL(location.href);
    to.pathname = `/gauge/${where}`;
    if (t !== undefined) to.searchParams.set("t", t);
    return fetch(to).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
  };
  const linked = (id) => {
    const to = new URL(location.href);
    to.searchParams.set("query", id);
    to.searchParams.delete("t");
    if (to.searchParams.get("direction") === "queries-items") to.searchParams.set("direction", "items-items");
    return to.pathname + to.search;
  };
  const show = (found) => {
    place = found;
    if (!root.isConnected) return;
    showList(list, found.items, linked);
    picture?.at(found.position, found.items);
    below?.at(found.position);
    if (below) told("ndcg", below.value(found.position)?.toFixed(3) ?? "–");
    told("change", found.change);
    told("stay", found.stay);
    told("position", found.position.toFixed(2));
    told("name", worst ? (found.position === 1 ? "the whole map" : found.position ? "of the map" : "as given") : NAMES[found.position] ?? "between two gauges");
    list.dataset.at = found.position;
  };
  const want = sliding((t) => asks("at", t), show);
  const move = (t) => {
    slider.value = t;
    want(Number(slider.value));
  };
  const settle = () => {
    const to = new URL(location.href);
    to.searchParams.set("t", slider.value);
    history.replaceState({}, "", to);
  };
  const draw = (path) => {
    picture = ranks(root.querySelector("[data-ranks]"), path, Number(root.dataset.k));
    if (place) picture.at(place.position, place.items);
  };
  const play = () => {
    cancelAnimationFrame(playing);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return move(1);
    const from = performance.now(), first = Number(slider.value) >= 1 ? 0 : Number(slider.value);
    const frame = (time) => {
      const t = Math.min(1, first + (time - from) / 4000);
      move(t.toFixed(2));
      if (t < 1) playing = requestAnimationFrame(frame);
      else settle();
    };
    playing = requestAnimationFrame(frame);
  };

  slider.addEventListener("input", () => {
    cancelAnimationFrame(playing);
    want(Number(slider.value));
  });
  slider.addEventListener("change", settle);
  root.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  const stage = root.querySelector("[data-ranks]");
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    move(picture?.t(event.clientX) ?? slider.value);
  });
  stage.addEventListener("pointermove", (event) => {
    if (event.buttons) move(picture?.t(event.clientX) ?? slider.value);
    else picture?.light(event.target.dataset?.row ?? null);
  });
  stage.addEventListener("pointerup", settle);
  list.addEventListener("mouseover", (event) => picture?.light(event.target.closest("li")?.dataset.row ?? null));
  list.addEventListener("mouseleave", () => picture?.light(null));

  let path = null;
  const watch = new ResizeObserver(() => path && draw(path));
  watch.observe(stage);
  now = {
    move,
    play,
    settle,
    slider,
    end() {
      watch.disconnect();
      cancelAnimationFrame(playing);
    },
  };
  asks("path").then((found) => {
    if (!found || !root.isConnected) return;
    path = found;
    draw(path);
    root.dataset.drawn = "";
    if (worst && !address.searchParams.has("t")) play();
  });
  want(Number(slider.value));
  if (document.querySelector("[data-quality-told]")) quality(root);

  async function quality() {
    const found = await asks("quality");
    if (!root.isConnected) return;
    if (found?.state === "working") return void setTimeout(quality, 700);
    if (found?.state === "none" && found.why) {
      document.querySelector("[data-quality-told]").hidden = false;
      return void told("metric", `no curve: ${found.why}`);
    }
    if (found?.state !== "done" || !picture) return found?.state === "done" && setTimeout(quality, 200);
    document.querySelector("[data-quality-told]").hidden = false;
    below = strip(root.querySelector("[data-quality]"), found, picture.x);
    told("metric", `${found.metric} of cosine here, ${found.direction.replace("-", " → ")}; ${found.given_score.toFixed(3)} as given; no difference is tested${found.by_use ? "; judged over all items by what was used together: how much items are used decides much of it" : ""}`);
    root.dataset.judged = "";
    if (place) show(place);
  }
}

const pick = (name) => () => {
  const link = document.querySelector(`[data-pick="${name}"]`);
  if (link) go(link.href);
};
const to = (t) => () => {
  now?.move(t);
  now?.settle();
};
const by = (d) => () => to(Math.min(1, Math.max(0, Number(now.slider.value) + d)).toFixed(2))();
keys({
  ArrowLeft: by(-0.02),
  ArrowRight: by(0.02),
  1: to(0),
  2: to(0.5),
  3: to(1),
  " ": () => now?.play(),
  x: () => document.querySelector('[data-worst="2"]')?.click(),
  j: () => step(1),
  k: () => step(-1),
  r: pick("random"),
  p: pick("popular"),
  o: pick("rare"),
  "/": () => document.querySelector("[data-focus]")?.focus(),
  b: () => history.back(),
  "?": helpWithKeys(),
});
whenChanged(begin);
begin();
