"""Models of interactions: closed forms, EASE, weighting, training by gradient."""
