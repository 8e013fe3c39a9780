"""Which measure should I use? The conductor of the main job, and what it returns."""

from anglewise.compare.conduct import compare
from anglewise.compare.result import (
    Comparison,
    Decision,
    Difference,
    Estimate,
    Evidence,
    MeasureResult,
    SpaceFacts,
    Verdict,
)
from anglewise.compare.spaces import compare_spaces

__all__ = [
    "Comparison",
    "Decision",
    "Difference",
    "Estimate",
    "Evidence",
    "MeasureResult",
    "SpaceFacts",
    "Verdict",
    "compare",
    "compare_spaces",
]
