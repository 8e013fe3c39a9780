"""Which measure to use? Candidates ranked on a validation set, with a verdict."""
