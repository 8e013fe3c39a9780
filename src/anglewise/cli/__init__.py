"""The command line: one file for each command, light until a command runs."""

from anglewise.cli.program import main

__all__ = ["main"]
