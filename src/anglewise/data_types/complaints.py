"""What was wrong with judgements as they came."""

from dataclasses import dataclass, replace

import numpy as np

from anglewise.data_types.numbers import check_kind
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import counted

MACHINE = "a machine alone graded"


@dataclass(frozen=True, eq=False)
class Complaints:
    """What is wrong with a set of judgements; reported before any number is shown.

    ``unknown_queries`` and ``unknown_items`` name up to three ids that the space does not hold;
    ``other_form`` says where it holds one of them in another Unicode form. Of judged characters
    ``stale`` counts the judgements that do not count, as another text stands there by now, and
    ``unchecked`` those of which nothing tells which text stands there; ``by_overlap`` the pairs
    whose passage was judged as a part of others, and ``of_longer`` those of them that are relevant
    by longer ones, of which they may be an irrelevant part. ``stale_pairs`` are the ids of the
    queries and passages that stale judgements would be of. Of the ``of_sources`` pairs of a store
    that count, a machine graded ``by_machine``, and no person; both 0 where it graded none.
    """

    unknown_queries: tuple[str, ...] = ()
    unknown_items: tuple[str, ...] = ()
    other_form: str = ""
    dropped: int = 0
    duplicates: int = 0
    queries_without_relevant: int = 0
    gains_all_equal: bool = False
    stale: int = 0
    unchecked: int = 0
    by_overlap: int = 0
    of_longer: int = 0
    stale_pairs: tuple[tuple[str, str], ...] = ()
    by_machine: int = 0
    of_sources: int = 0

    @property
    def machine_words(self) -> str:
        """That a machine alone graded some of it; empty where none is known to have.

        >>> Complaints(by_machine=40, of_sources=300).machine_words
        'a machine alone graded 40 of 300 judged pairs, and no person'
        """
        if not self.by_machine:
            return ""
        judged = counted(self.of_sources, "judged pair")
        return f"{MACHINE} {self.by_machine:,} of {judged}, and no person"


def with_gains(complaints: Complaints, graded: SparseRows) -> Complaints:
    """The complaints, with those about the gains filled in."""
    relevant = np.bincount(graded.rows, weights=graded.values > 0, minlength=graded.shape[0])
    return replace(
        complaints,
        queries_without_relevant=int(((graded.counts > 0) & (relevant == 0)).sum()),
        gains_all_equal=len(np.unique(graded.values)) == 1,
    )


def check_source(source: object, complaints: object) -> None:
    """Refuse what does not say where judgements come from, and what was wrong with them."""
    check_kind(source, str, "the source of judgements", "a text")
    check_kind(complaints, Complaints, "complaints", "Complaints")
