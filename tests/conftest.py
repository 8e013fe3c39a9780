"""Settings that every test shares."""

import os
from pathlib import Path

import jaxtyping
from hypothesis import settings

from typechecker import checked

# The same examples at every run, and no verdict from a slow machine's clock.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# No test reads the settings of whoever runs it.
os.environ["XDG_CONFIG_HOME"] = str(Path(__file__).parent / "no-such-folder")

# What jaxtyping writes above each function of the package, and looks up there, checks once.
jaxtyping.jaxtyped = checked
