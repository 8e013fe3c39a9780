"""What to use instead of cosine: candidates under one budget, each of which must win."""
