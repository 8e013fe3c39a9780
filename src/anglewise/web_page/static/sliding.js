// Requests the list of a position while the slider moves: one request at a time, then the latest
// position, so that nobody waits for positions that the slider has left.

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
