// Make SVG elements.

const SVG = "http://www.w3.org/2000/svg";

export function piece(name, attributes = {}, classes = []) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.classList.add(...classes);
  return made;
}

// A smooth line through points, horizontal at each of them.
export function smooth(points) {
  return points
    .map(([x, y], i) => {
      if (i === 0) return `M${x} ${y}`;
      const [px, py] = points[i - 1];
      const half = (px + x) / 2;
      return `C${half} ${py} ${half} ${y} ${x} ${y}`;
    })
    .join("");
}
