"""Is a cosine real? What the model determines, and what an arbitrary choice of gauge does."""
