"""Measures: formulas in frames, how they are spelt, adapters."""
