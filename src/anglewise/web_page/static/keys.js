// Keys of a page: a table of keys and what each does. In a text field, keys only type.

const HELD = new Set(["j", "k", "h", "l", "ArrowDown", "ArrowUp", "PageDown", "PageUp", " "]);

export function keys(table) {
  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || event.repeat && !HELD.has(event.key)) return;
    const field = event.target.closest?.("input, select, textarea, [contenteditable]");
    if (field) {
      if (event.key === "Escape") field.blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    if (event.key === " " && event.target.closest?.("button, a, summary")) return; // presses that
    const act = table[event.key];
    if (!act) return;
    if (act(event) !== false) event.preventDefault();
  });
}

export function helpWithKeys() {
  const dialog = document.querySelector("dialog.keys");
  const button = document.querySelector("[data-keys]");
  if (!dialog) {
    button?.remove();
    return () => {};
  }
  const show = () => dialog.showModal();
  button?.addEventListener("click", show);
  return show;
}
