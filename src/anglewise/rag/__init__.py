"""Passages for a prompt, with calibrated relevance."""
