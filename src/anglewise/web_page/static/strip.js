// The strip below the plot of ranks: nDCG along the same axis.

import { piece } from "./svg.js";

export function strip(picture, quality, x) {
  picture.removeAttribute("hidden");
  const box = picture.getBoundingClientRect();
  picture.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
  picture.replaceChildren();
  const top = Math.max(...quality.score), low = Math.min(...quality.score);
  const span = Math.max(top - low, 0.01);
  const y = (value) => box.height - 8 - ((value - low) / span) * (box.height - 26);
  const points = quality.powers.map((t, i) => `${x(t)} ${y(quality.score[i])}`);
  picture.append(piece("path", { d: `M${x(quality.powers[0])} ${box.height}L${points.join("L")}L${x(quality.powers.at(-1))} ${box.height}Z` }, ["area"]));
  picture.append(piece("path", { d: `M${points.join("L")}` }));
  const text = piece("text", { x: x(1), y: 9, "text-anchor": "end" });
  text.textContent = `${quality.metric} from ${low.toFixed(3)} to ${top.toFixed(3)}, ${quality.direction.replace("-", " → ")}, ${quality.queries} judged queries`;
  const cursor = piece("line", { y1: 0, y2: box.height }, ["cursor"]);
  const dot = piece("circle", { r: 4 });
  picture.append(text, cursor, dot);
  const value = (t) => {
    // an end of the path is missing where rounding alone would order the lists
    const { powers, score } = quality, after = powers.findIndex((power) => power >= t);
    if (after < 0 || t < powers[0]) return null;
    if (after === 0) return score[0];
    const rest = (t - powers[after - 1]) / (powers[after] - powers[after - 1]);
    return score[after - 1] * (1 - rest) + score[after] * rest;
  };
  return {
    value,
    at(t) {
      cursor.setAttribute("x1", x(t));
      cursor.setAttribute("x2", x(t));
      dot.setAttribute("cx", x(t));
      const here = value(t);
      dot.toggleAttribute("hidden", here === null);
      if (here !== null) dot.setAttribute("cy", y(here));
    },
  };
}
