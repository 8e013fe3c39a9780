// The list at the position of the slider: rows glide to their new ranks.

export function showList(list, items, address) {
  const there = new Map([...list.children].map((li) => [li.dataset.row, li]));
  const kept = new Set();
  items.forEach((item, rank) => {
    const key = String(item.row);
    let li = there.get(key);
    if (!li) {
      li = made(item, address);
      li.style.opacity = "0";
      place(li, Math.max(rank, items.length - 1));
      list.append(li);
      li.getBoundingClientRect(); // so that what follows is a movement
    }
    kept.add(li);
    li.style.opacity = "1";
    li.classList.toggle("new", item.new);
    li.querySelector(".rank").textContent = rank + 1;
    li.querySelector(".score").textContent = item.score.toFixed(3);
    place(li, rank);
    list.append(li); // keys and readers go by this order
  });
  for (const li of list.children) if (!kept.has(li)) setTimeout(() => li.remove(), 0);
}

function place(li, rank) {
  li.style.transform = `translateY(calc(var(--row) * ${rank}))`;
}

function made(item, address) {
  const li = document.createElement("li");
  li.dataset.row = item.row;
  const rank = document.createElement("span");
  rank.className = "rank";
  const link = document.createElement("a");
  link.href = address(item.id);
  link.dataset.swap = "";
  const title = document.createElement("bdi");
  title.dir = "auto";
  title.textContent = item.title;
  link.append(title);
  const score = document.createElement("span");
  score.className = "score";
  li.append(rank, link);
  if (item.grade > 0) {
    const mark = document.createElement("b");
    mark.textContent = `✓ ${Number(item.grade.toPrecision(3))}`;
    li.append(mark);
  }
  li.append(score);
  return li;
}
