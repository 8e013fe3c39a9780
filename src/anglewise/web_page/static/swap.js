// Links and forms marked data-swap change the page without loading it anew: the server sends the
// whole new page, its <main> replaces the present one, and the address changes with it.

const changed = new Set();

export function whenChanged(act) {
  changed.add(act);
}

export async function go(address, { push = true, keep = null } = {}) {
  document.documentElement.classList.add("busy");
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = page.querySelector("main");
    if (!main) throw new Error("no page");
    document.querySelector("main").replaceWith(document.adoptNode(main));
    document.title = page.title;
    if (push) history.pushState({}, "", answer.url);
    else history.replaceState({}, "", answer.url);
    if (push && !keep) scrollTo({ top: 0 });
    if (keep) document.querySelector(keep)?.focus({ preventScroll: true });
    changed.forEach((act) => act());
  } catch {
    location.assign(address); // the browser then says what is wrong
  } finally {
    document.documentElement.classList.remove("busy");
  }
}

function addressOf(form) {
  const told = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value !== "") told.append(name, value);
  return `${form.getAttribute("action")}?${told}`;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-swap]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go(link.href, { keep: link.closest("[data-list], [data-lists]") ? "#main" : null });
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-swap]")) return;
  event.preventDefault();
  go(addressOf(event.target));
});

addEventListener("popstate", () => go(location.href, { push: false }));
