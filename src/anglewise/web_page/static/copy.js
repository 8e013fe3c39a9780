// A page of a copy: lines between lists, keys, and the slider, all from data in the page.

function copied() {
  const help = helpWithKeys();
  drawLines();
  new ResizeObserver(drawLines).observe(document.body);
  const row = (event) => event.target.closest?.("li[data-row]")?.dataset.row ?? null;
  document.addEventListener("mouseover", (event) => light(row(event)));
  document.addEventListener("focusin", (event) => light(row(event)));
  const filter = document.querySelector("[data-filter]");
  filter?.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase();
    for (const li of document.querySelectorAll("[data-list] li")) li.hidden = !li.textContent.toLowerCase().includes(wanted);
  });
  keys({ j: () => step(1), k: () => step(-1), h: () => across(-1), l: () => across(1), b: () => history.back(), "/": () => filter?.focus(), "?": help });
  const held = document.querySelector("[data-path]");
  if (held) slide(JSON.parse(held.textContent));
}

function slide(path) {
  document.documentElement.classList.add("scripted");
  const slider = document.querySelector("[data-slider]");
  const list = document.querySelector("[data-now]");
  const home = new Set(path.lists[path.stops.indexOf(0.5)]);
  let picture = ranks(document.querySelector("[data-ranks]"), path, path.k);
  const show = () => {
    const stop = Number(slider.value);
    const items = path.lists[stop].map((item, rank) => ({
      row: item, id: path.ids[item], title: path.titles[item], score: path.scores[stop][rank], new: !home.has(item),
    }));
    showList(list, items, () => "#who");
    picture.at(path.stops[stop], items);
    document.querySelector("[data-position]").textContent = path.stops[stop].toFixed(2);
  };
  slider.addEventListener("input", show);
  new ResizeObserver(() => {
    picture = ranks(document.querySelector("[data-ranks]"), path, path.k);
    show();
  }).observe(document.querySelector("[data-ranks]"));
  show();
}

copied();
