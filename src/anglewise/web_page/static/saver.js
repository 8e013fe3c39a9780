// Saves answers in the background, in their order, and sends each until the server confirms it.
// Answers that are not saved yet survive a reload of the page; their uuids make it harmless to send
// one twice. Each lies under a key of its own, as other tabs keep theirs beside it, and bears the
// mark of what it was judged for: the next page at this address may be that of another space.

const SHELF = "anglewise-unsaved:";
const TAKEN = ["/judge/answers", "/judge/undo"];
const PAUSES = [300, 600, 1200, 2500, 5000];

export function saver({ mark, space, said, elsewhere, refused, saved }) {
  const waiting = shelf().filter((answer) => answer.mark === mark);
  let last = waiting.at(-1)?.at ?? 0;
  let sending = false;
  let failures = 0;

  const report = (why) => said(waiting.length, failures, why);
  const look = () => elsewhere(shelf().filter((answer) => answer.mark !== mark));

  async function send() {
    if (sending) return;
    sending = true;
    while (waiting.length) {
      const [next] = waiting;
      const outcome = await post(next);
      if (outcome.again) {
        failures += 1;
        report(outcome.why);
        await new Promise((go) => setTimeout(go, PAUSES[Math.min(failures - 1, PAUSES.length - 1)]));
        continue;
      }
      failures = 0;
      waiting.shift();
      drop(next);
      report();
      if (outcome.why) refused(next, outcome.why);
      else saved(next);
    }
    sending = false;
  }

  addEventListener("beforeunload", (event) => waiting.length && event.preventDefault());
  addEventListener("online", send);
  addEventListener("storage", look);
  look();
  report();
  send();
  return {
    add(to, body) {
      last = Math.max(Date.now(), last + 1); // clocks are set back, and the order must stay
      const answer = { to, body: { ...body, mark }, mark, space, at: last };
      waiting.push(answer);
      keep(answer);
      report();
      send();
    },
    waiting: () => waiting.map((one) => one.body),
  };
}

async function post({ to, body }) {
  try {
    const answer = await fetch(to, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.ok) return {};
    // A restarted server accepts this page again once its new address was opened.
    if (answer.status === 403) return { again: true, why: "open the address that was printed last" };
    const told = await answer.json().catch(() => ({}));
    const why = told.error ?? `the server said ${answer.status}`;
    // With its mark a server says that another space is open there: the answer waits for its own.
    const later = answer.status >= 500 || answer.status === 429 || (told.mark && told.mark !== body.mark);
    return later ? { again: true, why } : { why };
  } catch {
    return { again: true, why: "the server does not answer" };
  }
}

function keyOf({ to, body }) {
  return `${SHELF}${to} ${body.uuid}`;
}

function keep(answer) {
  try {
    localStorage.setItem(keyOf(answer), JSON.stringify(answer));
  } catch {
    // without storage a reload would lose unsaved answers: the page warns before it
  }
}

function drop(answer) {
  try {
    localStorage.removeItem(keyOf(answer));
  } catch {
    // without storage nothing lies there
  }
}

// All answers of this browser that wait, of this and of other spaces, in the order of their making.
function shelf() {
  try {
    const names = Array.from({ length: localStorage.length }, (_, place) => localStorage.key(place));
    return names
      .filter((name) => name?.startsWith(SHELF))
      .map((name) => parsed(localStorage.getItem(name)))
      .filter((answer) => answer?.body?.uuid && TAKEN.includes(answer.to))
      .sort((one, other) => one.at - other.at);
  } catch {
    return [];
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
