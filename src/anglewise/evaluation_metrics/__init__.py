"""Metrics of rankings, pairs and triplets; pools; incomplete judgements."""
