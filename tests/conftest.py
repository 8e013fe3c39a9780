"""Settings that every test shares."""

from hypothesis import settings

# The same examples at every run, and no verdict from a slow machine's clock.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
