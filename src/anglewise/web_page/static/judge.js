// The page for judging by keyboard.

import { showCard } from "./card.js";
import { helpWithKeys, keys } from "./keys.js";
import { painted } from "./painted.js";
import { saver } from "./saver.js";
import { supply } from "./supply.js";

const root = document.querySelector("[data-judging]");
const help = helpWithKeys();
if (root) judging();
else keys({ "?": help });

function judging() {
  const one = (name) => root.querySelector(`[data-${name}]`);
  const given = []; // the answers of this sitting, so that the last one can be taken back
  const { judge } = root.dataset; // all tabs share the cookie, which may name another judge by now
  const { mark, space } = root.dataset; // the next page at this address may be that of another space
  let current = null;
  let accepted = null; // the card that is on the screen for sure

  const saving = saver({
    mark,
    space,
    said(count, failures, why) {
      const line = one("saved");
      line.textContent = count ? `${count} not saved yet${why ? `: ${why}` : ""}` : given.length ? "all saved" : "nothing to save yet";
      line.classList.toggle("late", failures > 0);
    },
    elsewhere(others) {
      const line = one("elsewhere");
      const names = [...new Set(others.map((answer) => answer.space))].join(", ");
      const waits = others.length === 1 ? "answer waits" : "answers wait";
      line.hidden = !others.length;
      line.textContent = `${others.length} ${waits} in this browser for another space, store or queue (${names}): open that at this address, and judge there, to save what waits.`;
    },
    refused: (sent, why) => alarm(`Not taken: ${why}`),
    saved: () => tell(),
  });
  const cards = supply(judge, mark, () => saving.waiting().map((body) => body.card).filter((card) => card !== undefined));

  function show(card) {
    current = card;
    accepted = null;
    one("note").value = "";
    showCard(root, card);
    enable(false);
    if (!card) {
      one("query").textContent = "Everything here is judged.";
      return;
    }
    painted(() => {
      if (current !== card) return;
      accepted = card;
      enable(true);
      root.dataset.shown = card.card;
    });
  }

  function enable(on) {
    for (const button of root.querySelectorAll("[data-grade], [data-skip]")) button.disabled = !on;
    one("undo").disabled = !given.length;
  }

  async function next() {
    show(await waited(cards.next()));
  }

  async function waited(card) {
    const found = await card;
    if (found || cards.empty) return found;
    alarm(cards.why || "The server does not answer: trying again.");
    await new Promise((go) => setTimeout(go, 1000));
    return waited(cards.next());
  }

  function leave() {
    accepted = null;
    enable(false); // a key that is pressed before the next card comes would be for nothing
    next();
  }

  // crypto.randomUUID is there for https and this machine alone, and --host opens the page to others
  function randomUuid() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  function grade(value) {
    if (!current || accepted !== current) return; // not on the screen yet: this key meant another card
    const uuid = randomUuid();
    const { card, direction, query, item, context, shown } = current;
    given.push({ uuid, card: current });
    alarm("");
    saving.add("/judge/answers", { uuid, judge, card, direction, query, item, context, shown, grade: value, note: one("note").value });
    flash(value);
    leave();
  }

  function undo() {
    const last = given.pop();
    if (!last) return;
    saving.add("/judge/undo", { uuid: last.uuid, judge });
    if (current) cards.back(current);
    show(last.card);
  }

  function skip() {
    if (!current || accepted !== current) return;
    cards.later(current);
    leave();
  }

  function flash(value) {
    const button = root.querySelector(`[data-grade="${value}"]`);
    button.classList.add("pressed");
    setTimeout(() => button.classList.remove("pressed"), 180);
  }

  function alarm(text) {
    one("alarm").hidden = !text;
    one("alarm").textContent = text;
  }

  let telling = 0;
  function tell(after = 250) {
    clearTimeout(telling);
    telling = setTimeout(async () => {
      const to = new URL(location.href);
      to.pathname = "/judge/state";
      to.searchParams.set("judge", judge);
      to.searchParams.set("mark", mark);
      const found = await fetch(to).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
      if (!found) return;
      if (found.changed) alarm(found.changed);
      one("progress").max = found.size;
      one("progress").value = found.done;
      one("done").textContent = `${found.done.toLocaleString("en")} of ${found.size.toLocaleString("en")} pairs`;
      one("decision").textContent = found.decision.text ?? "";
      const { pairs, same } = found.agreement;
      const others = Object.keys(found.judges).length - (found.done ? 1 : 0);
      one("agreement").textContent = pairs
        ? `Of ${pairs} pairs that others judged too, ${same} have the same grade.`
        : others > 0 ? "No pair judged by you and others yet." : "";
      if (found.late) tell(3200); // the decision is made anew every few seconds
    }, after);
  }

  const grades = Object.fromEntries([0, 1, 2, 3, 4].map((value) => [value, () => grade(value)]));
  const passage = one("passage");
  const read = (share) => () => passage.scrollBy({ top: share * passage.clientHeight });
  const reading = { j: read(0.2), ArrowDown: read(0.2), k: read(-0.2), ArrowUp: read(-0.2), " ": read(0.9), PageDown: read(0.9), PageUp: read(-0.9), Home: () => passage.scrollTo({ top: 0 }), End: () => passage.scrollTo({ top: passage.scrollHeight }) };
  keys({ ...grades, ...reading, u: undo, s: skip, n: () => one("note").focus(), "?": help });
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.grade) grade(Number(button.dataset.grade));
    if (button?.hasAttribute("data-undo")) undo();
    if (button?.hasAttribute("data-skip")) skip();
  });
  one("note").addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.target.blur();
  });
  next();
  tell();
}
