// Saves answers in the background, in their order, and sends each until the server confirms it.
// Answers that are not saved yet survive a reload of the page; their uuids make it harmless to send
// one twice.

const SHELF = "anglewise-unsaved";
const PAUSES = [300, 600, 1200, 2500, 5000];

export function saver({ said, refused, saved }) {
  let waiting = read();
  let sending = false;
  let failures = 0;

  function keep() {
    try {
      localStorage.setItem(SHELF, JSON.stringify(waiting));
    } catch {
      // without storage a reload would lose unsaved answers: the page warns before it
    }
    said(waiting.length, failures);
  }

  async function send() {
    if (sending) return;
    sending = true;
    while (waiting.length) {
      const [next] = waiting;
      const outcome = await post(next);
      if (outcome.again) {
        failures += 1;
        said(waiting.length, failures, outcome.why);
        await new Promise((go) => setTimeout(go, PAUSES[Math.min(failures - 1, PAUSES.length - 1)]));
        continue;
      }
      failures = 0;
      waiting.shift();
      keep();
      if (outcome.why) refused(next, outcome.why);
      else saved(next);
    }
    sending = false;
  }

  addEventListener("beforeunload", (event) => waiting.length && event.preventDefault());
  addEventListener("online", send);
  keep();
  send();
  return {
    add(to, body) {
      waiting.push({ to, body });
      keep();
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
    return answer.status >= 500 || answer.status === 429 ? { again: true, why } : { why };
  } catch {
    return { again: true, why: "the server does not answer" };
  }
}

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(SHELF) ?? "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}
