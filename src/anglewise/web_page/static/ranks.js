// The plot of ranks: one line for each item that is near anywhere on the path. Its horizontal axis
// is that of the slider below; a rank is as high as a row of the list beside it.

import { piece, smooth } from "./svg.js";

const EDGE = 8; // half the thumb of the slider: so the cursor stands over it

export function ranks(picture, path, k) {
  const box = picture.getBoundingClientRect();
  const row = box.height / (k + 0.6);
  const x = (t) => EDGE + t * (box.width - 2 * EDGE);
  const y = (rank) => (rank + 0.5) * row;
  picture.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
  picture.replaceChildren();
  for (const t of [0, 0.5, 1]) picture.append(piece("line", { x1: x(t), x2: x(t), y1: 0, y2: box.height - row * 0.6 }));
  const places = new Map(); // row of the item -> rank at each stop, null where it is not near
  path.lists.forEach((list, stop) =>
    list.forEach((item, rank) => {
      if (!places.has(item)) places.set(item, path.lists.map(() => null));
      places.get(item)[stop] = rank;
    }),
  );
  const lines = new Map();
  for (const [item, at] of places) {
    const line = piece("path", { d: drawn(at, path.stops, x, y, k), "data-row": item });
    const title = piece("title");
    title.textContent = path.titles[item];
    line.append(title);
    lines.set(item, line);
    picture.append(line);
  }
  const cursor = piece("line", { y1: 0, y2: box.height }, ["cursor"]);
  const dots = piece("g");
  picture.append(cursor, dots);
  return {
    x,
    at(t, items) {
      cursor.setAttribute("x1", x(t));
      cursor.setAttribute("x2", x(t));
      for (const line of lines.values()) line.setAttribute("class", "");
      dots.replaceChildren();
      items.forEach((item, rank) => {
        lines.get(item.row)?.classList.add("here", ...(item.new ? ["new"] : []));
        dots.append(piece("circle", { cx: x(t), cy: y(rank), r: 4.5 }, item.new ? ["new"] : []));
      });
    },
    light(item) {
      picture.classList.toggle("some", item != null);
      for (const [row, line] of lines) line.classList.toggle("lit", String(row) === String(item));
    },
    t: (clientX) => {
      const now = picture.getBoundingClientRect();
      return Math.min(1, Math.max(0, (clientX - now.left - EDGE) / (now.width - 2 * EDGE)));
    },
  };
}

// The ranks of an item where it is near; before and after, one step below the last rank.
function drawn(at, stops, x, y, k) {
  const runs = [];
  let run = null;
  at.forEach((rank, i) => {
    if (rank === null) {
      if (run) run.push([x(stops[i]), y(k)]);
      run = null;
    } else {
      if (!run) {
        run = i > 0 ? [[x(stops[i - 1]), y(k)]] : [];
        runs.push(run);
      }
      run.push([x(stops[i]), y(rank)]);
    }
  });
  return runs.map(smooth).join("");
}
