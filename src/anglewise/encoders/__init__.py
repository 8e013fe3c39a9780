"""Encode texts and images as vectors."""
