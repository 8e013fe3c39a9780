"""Recommend items to users under a measure, explain them, and replay them in time."""

from anglewise.recommendation.adapters import LikeImplicit, RectoolsRanker
from anglewise.recommendation.fold_in import Contribution, Explanation, FoldIn
from anglewise.recommendation.recommender import Recommended, Recommender
from anglewise.recommendation.replay import Replay, Replayed, replay

__all__ = [
    "Contribution",
    "Explanation",
    "FoldIn",
    "LikeImplicit",
    "Recommended",
    "Recommender",
    "RectoolsRanker",
    "Replay",
    "Replayed",
    "replay",
]
