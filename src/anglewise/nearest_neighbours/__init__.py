"""Exact search under many measures in one pass, and the index."""
