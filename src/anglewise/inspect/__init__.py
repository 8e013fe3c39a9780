"""The page: neighbours side by side, the gauge slider, judging by keyboard."""

from anglewise.inspect.start import Inspection, inspect

__all__ = ["Inspection", "inspect"]
