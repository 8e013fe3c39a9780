"""How much of a cosine is the model's, how much a choice nobody made: the paper's experiment."""

from anglewise.study.check import Check
from anglewise.study.clusters import Similarity
from anglewise.study.experiment import Study, study
from anglewise.study.own_data import Moved, OwnStudy, study_on
from anglewise.study.subject import FULL, SMALL, Size

__all__ = [
    "FULL",
    "SMALL",
    "Check",
    "Moved",
    "OwnStudy",
    "Similarity",
    "Size",
    "Study",
    "study",
    "study_on",
]
