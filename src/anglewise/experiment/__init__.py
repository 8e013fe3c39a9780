"""The paper's experiment, on simulated and on one's own data."""
