// Lines between lists join the same item left and right; they are thick where it moved far. They are
// drawn in the gaps only, and tell no more than the ranks do.

import { piece } from "./svg.js";

const FAR = 3;

export function drawLines() {
  const lists = document.querySelector("[data-lists]");
  const picture = lists?.querySelector("[data-moves]");
  if (!picture) return;
  picture.replaceChildren();
  const box = lists.getBoundingClientRect();
  const columns = [...lists.querySelectorAll("[data-column]")];
  columns.slice(1).forEach((right, place) => {
    const left = columns[place];
    if (Math.abs(left.getBoundingClientRect().top - right.getBoundingClientRect().top) > 4) return;
    const there = new Map([...right.querySelectorAll("li[data-row]")].map((li, i) => [li.dataset.row, [li, i]]));
    [...left.querySelectorAll("li[data-row]")].forEach((from, i) => {
      const found = there.get(from.dataset.row);
      if (found) picture.append(line(from, found[0], Math.abs(found[1] - i) >= FAR, box));
    });
  });
}

function line(from, to, far, box) {
  const a = from.getBoundingClientRect();
  const b = to.getBoundingClientRect();
  const x1 = a.right - box.left + 3, x2 = b.left - box.left - 3;
  const y1 = (a.top + a.bottom) / 2 - box.top, y2 = (b.top + b.bottom) / 2 - box.top;
  const bend = (x2 - x1) * 0.45;
  const d = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  return piece("path", { d, "data-row": from.dataset.row }, far ? ["far"] : []);
}

export function light(row) {
  const lists = document.querySelector("[data-lists]");
  if (!lists) return;
  for (const one of lists.querySelectorAll(".lit")) one.classList.remove("lit");
  const picture = lists.querySelector("[data-moves]");
  picture?.classList.toggle("some", row != null);
  if (row == null) return;
  for (const one of lists.querySelectorAll(`[data-row="${CSS.escape(row)}"]`)) one.classList.add("lit");
}
