// Show one card: the pair to judge.

export function showCard(root, card) {
  const place = root.querySelector("[data-card]");
  place.toggleAttribute("data-empty", !card);
  for (const side of ["query", "item"]) {
    const heading = place.querySelector(`[data-${side}]`);
    heading.textContent = card?.[`${side}_title`] ?? "";
    heading.closest("h2").hidden = card && !card[`${side}_title`];
    paragraphs(place.querySelector(`[data-${side}-text]`), card?.[`${side}_text`] ?? "");
    about(place.querySelector(`[data-${side}-about]`), card?.[`${side}_about`] ?? []);
    const picture = place.querySelector(`[data-${side}-picture]`);
    picture.hidden = !card?.[`${side}_picture`];
    if (card?.[`${side}_picture`]) picture.src = card[`${side}_picture`];
  }
  for (const role of place.querySelectorAll(".role")) role.hidden = !card;
  for (const section of place.querySelectorAll("section")) section.scrollTop = 0;
  const found = place.querySelector("[data-found]");
  found.hidden = !card?.found;
  found.textContent = card?.found ? `found by ${card.found.join(", ")}` : "";
}

function paragraphs(place, text) {
  place.hidden = !text;
  place.replaceChildren(
    ...text.split(/\n\s*\n/).map((words) => {
      const paragraph = document.createElement("p");
      paragraph.dir = "auto";
      paragraph.textContent = words;
      return paragraph;
    }),
  );
}

function about(list, pairs) {
  list.replaceChildren(
    ...pairs.flatMap(([name, text]) => {
      const term = document.createElement("dt");
      const said = document.createElement("dd");
      for (const [cell, words] of [[term, name], [said, text]]) {
        const apart = document.createElement("bdi");
        apart.dir = "auto";
        apart.textContent = words;
        cell.append(apart);
      }
      return [term, said];
    }),
  );
}
