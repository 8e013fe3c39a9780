// Show one card: the pair to judge.

export function showCard(root, card) {
  const place = root.querySelector("[data-card]");
  place.toggleAttribute("data-empty", !card);
  for (const side of ["query", "item"]) {
    place.querySelector(`[data-${side}]`).textContent = card?.[`${side}_title`] ?? "";
    about(place.querySelector(`[data-${side}-about]`), card?.[`${side}_about`] ?? []);
    const picture = place.querySelector(`[data-${side}-picture]`);
    picture.hidden = !card?.[`${side}_picture`];
    if (card?.[`${side}_picture`]) picture.src = card[`${side}_picture`];
  }
  for (const role of place.querySelectorAll(".role")) role.hidden = !card;
  const found = place.querySelector("[data-found]");
  found.hidden = !card?.found;
  found.textContent = card?.found ? `found by ${card.found.join(", ")}` : "";
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
