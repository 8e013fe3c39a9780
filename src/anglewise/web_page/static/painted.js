// Tells when a card is on the screen: at the second frame after the change, which begins when the
// first one was shown. Keys that are typed earlier are ignored.

export function painted(act) {
  requestAnimationFrame(() => requestAnimationFrame(act));
}
