// When is a card on the screen? After the second frame that follows the change: the first one is
// being drawn, the second begins when the first was shown. Keys typed before that count for nothing.

export function painted(act) {
  requestAnimationFrame(() => requestAnimationFrame(act));
}
