"""Settings that every test shares."""

import os
from pathlib import Path

from hypothesis import settings

# The same examples at every run, and no verdict from a slow machine's clock.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# No test reads the settings of whoever runs it.
os.environ["XDG_CONFIG_HOME"] = str(Path(__file__).parent / "no-such-folder")
