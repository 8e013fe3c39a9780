// The page of lists side by side.

import { helpWithKeys, keys } from "./keys.js";
import { drawLines, light } from "./lines.js";
import { go, whenChanged } from "./swap.js";
import { across, step } from "./walking.js";

const pick = (name) => () => {
  const link = document.querySelector(`[data-pick="${name}"]`);
  if (link) go(link.href);
};
const focus = (which) => () => {
  const field = document.querySelector(which);
  field?.focus();
  field?.select();
};

keys({
  "/": focus("[data-focus]"),
  m: focus(".measures input[name=measure]"),
  j: () => step(1),
  k: () => step(-1),
  ArrowDown: () => (document.activeElement.closest("[data-column], [data-list]") ? step(1) : false),
  ArrowUp: () => (document.activeElement.closest("[data-column], [data-list]") ? step(-1) : false),
  h: () => across(-1),
  l: () => across(1),
  r: pick("random"),
  d: pick("disagree"),
  w: pick("worst"),
  p: pick("popular"),
  o: pick("rare"),
  b: () => history.back(),
  "?": helpWithKeys(),
});

const row = (event) => event.target.closest?.("li[data-row]")?.dataset.row ?? null;
document.addEventListener("mouseover", (event) => light(row(event)));
document.addEventListener("focusin", (event) => light(row(event)));

new ResizeObserver(drawLines).observe(document.body);
whenChanged(drawLines);
document.addEventListener("load", (event) => event.target.matches?.("img") && drawLines(), true);
drawLines();
