"""Vector stores: what a collection computes, how it is filled, and whether it answers exactly."""
