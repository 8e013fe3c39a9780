"""Which measure should I use? The conductor of the main job, and what it returns."""

from anglewise.compare.conduct import compare
from anglewise.compare.result import (
    Comparison,
    Decision,
    Difference,
    Estimate,
    Evidence,
    MeasureResult,
    Verdict,
)

__all__ = [
    "Comparison",
    "Decision",
    "Difference",
    "Estimate",
    "Evidence",
    "MeasureResult",
    "Verdict",
    "compare",
]
