"""Factorisations with the same predictions and other cosines: gauges, certificates, witnesses."""
