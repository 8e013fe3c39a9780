"""Equally good factorisations: gauges, certificates, witnesses."""
