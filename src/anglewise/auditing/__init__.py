"""Is the similarity real? What the model fixes, and what an arbitrary choice."""
