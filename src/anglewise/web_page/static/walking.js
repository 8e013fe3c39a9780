// Move through lists by key: j and k along a list, h and l from list to list.

export function step(by) {
  const items = itemsOf(here()?.closest("[data-column], [data-list]") ?? first());
  if (!items.length) return;
  const at = items.indexOf(here());
  const to = at < 0 ? (by > 0 ? 0 : items.length - 1) : Math.min(items.length - 1, Math.max(0, at + by));
  items[to].focus();
}

export function across(by) {
  const columns = [...document.querySelectorAll("[data-column]")];
  if (!columns.length) return;
  const column = here()?.closest("[data-column]");
  const at = columns.indexOf(column);
  const row = column ? itemsOf(column).indexOf(here()) : 0;
  const to = columns[at < 0 ? 0 : Math.min(columns.length - 1, Math.max(0, at + by))];
  const items = itemsOf(to);
  items[Math.min(row, items.length - 1)]?.focus();
}

function here() {
  return document.activeElement?.closest("[data-column] a, [data-list] a");
}

function first() {
  return document.querySelector("[data-column], [data-list]");
}

function itemsOf(list) {
  return list ? [...list.querySelectorAll("a")] : [];
}
