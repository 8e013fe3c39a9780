"""Recommendations under a measure: for known and new users, explained, and replayed in time."""

from anglewise.recommend.explain import Contribution, Explanation
from anglewise.recommend.fold_in import FoldIn
from anglewise.recommend.like_implicit import LikeImplicit
from anglewise.recommend.recommender import Recommender
from anglewise.recommend.rectools_ranker import RectoolsRanker
from anglewise.recommend.replay import Replay, Replayed, replay
from anglewise.recommend.result import Recommended

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
