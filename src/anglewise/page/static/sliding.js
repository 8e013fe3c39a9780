// Asking for the list of a position while the slider moves: one question at a time, the latest
// position next, so that a fast hand never waits for positions it has left.

export function sliding(ask, show) {
  let wanted = null;
  let asking = false;
  return async function want(t) {
    wanted = t;
    if (asking) return;
    asking = true;
    try {
      while (wanted !== null) {
        const now = wanted;
        wanted = null;
        const answer = await ask(now);
        if (answer) show(answer);
      }
    } finally {
      asking = false;
    }
  };
}
