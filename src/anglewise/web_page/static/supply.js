// The supply of cards, fetched ahead of the judge.

const LOW = 8;

export function supply(judge, mark, unsaved) {
  const ahead = [];
  const dealt = new Set();
  let fetching = null;
  let empty = false;
  let why = "";

  async function fetchMore() {
    const to = new URL(location.href);
    to.pathname = "/judge/cards";
    to.searchParams.set("judge", judge);
    to.searchParams.set("mark", mark);
    to.searchParams.set("have", [...ahead.map((card) => card.card), ...unsaved()].join(","));
    try {
      const answer = await fetch(to);
      const found = await answer.json().catch(() => ({}));
      why = answer.status === 403 ? "Open the address that was printed last." : (found.error ?? "");
      if (!answer.ok) return null;
      const fresh = found.cards.filter((card) => !dealt.has(card.card));
      fresh.forEach((card) => dealt.add(card.card));
      ahead.push(...fresh);
      empty = found.cards.length === 0;
      return found;
    } catch {
      why = "";
      return null; // the server is gone for a while: what is here goes on
    }
  }

  function more() {
    fetching ??= fetchMore().finally(() => {
      fetching = null;
    });
    return fetching;
  }

  return {
    async next() {
      if (!ahead.length) await more();
      const card = ahead.shift() ?? null;
      if (ahead.length < LOW && !empty) more();
      return card;
    },
    back: (card) => ahead.unshift(card),
    later: (card) => ahead.push(card),
    get why() {
      return why;
    },
    get empty() {
      return empty && !ahead.length;
    },
  };
}
