"""Models learned from interactions: closed forms, EASE, training by gradient; table weighting."""
