"""Lights of the vectors alone: lengths, zeros, copies, columns, offset, precision, cut rows."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anglewise.auditing.findings import Light, State
from anglewise.auditing.gauge_overlap import GaugeAgreement
from anglewise.auditing.geometry import Geometry, SideGeometry
from anglewise.auditing.id_checks import Belonging, belonging
from anglewise.auditing.one_model import Halves, both_sides, halves
from anglewise.auditing.stored_numbers import LEVELS, StoredNumbers, stored_numbers
from anglewise.auditing.subject import AuditSubject
from anglewise.data_types.columns import column as cells_of
from anglewise.data_types.columns import trained_rows
from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.numbers import shown
from anglewise.data_types.text import counted, listed, percent
from anglewise.data_types.typing import Array, Direction, Int64
from anglewise.geometry.crowding import equal_rows
from anglewise.geometry.isotropy import column_means

COMPARE = "anglewise compare SPACE --qrels FILE --measures"
"""Judgements say whether it helps; the commands of a finding promise nothing."""


@dataclass(frozen=True, eq=False)
class Looked:
    """All that the lights are read from.

    ``sides`` are the items, and the queries where they are others; ``encoder`` says whether the
    space knows that an encoder made it; ``offsets`` are the shares of the squared length that
    belong to a common vector, without bias columns, which are alike in all rows by design;
    ``belongs`` is what tells whether ids and vectors belong together.
    """

    subject: AuditSubject
    geometry: Geometry
    agreement: Mapping[Direction, GaugeAgreement]
    cosine: Mapping[Direction, Neighbours]
    judged: Mapping[Direction, Judgements]
    encoder: bool
    sides: Mapping[str, Embeddings]
    numbers: Mapping[str, StoredNumbers]
    parts: Mapping[str, Halves | None]
    both: tuple[float, float] | None
    offsets: Mapping[str, float]
    belongs: Sequence[Belonging]

    @classmethod
    def at(
        cls,
        subject: AuditSubject,
        geometry: Geometry,
        agreement: Mapping[Direction, GaugeAgreement],
        cosine: Mapping[Direction, Neighbours],
        judged: Mapping[Direction, Judgements],
        *,
        encoder: bool,
    ) -> "Looked":
        """Look at samples of both sides."""
        space = subject.space
        sides = {"items": space.items}
        if not space.one_sided:
            sides["queries"] = space.queries
        rng = np.random.default_rng([subject.seed, 19])
        return cls(
            subject,
            geometry,
            agreement,
            cosine,
            judged,
            encoder,
            sides,
            {name: stored_numbers(side, rng) for name, side in sides.items()},
            {name: halves(side, rng) for name, side in sides.items()},
            None if space.one_sided else both_sides(space.queries, space.items, rng),
            {name: _offset(side, subject.biases) for name, side in sides.items()},
            belonging(subject, cosine, judged),
        )

    @property
    def again(self) -> str:
        """How all vectors are made anew by one model."""
        if self.encoder or not self.subject.gauged:
            return "anglewise encode TEXTS -o NEW --encoder MODEL"
        return "export both sides again, of one training"

    def of(self, name: str) -> SideGeometry:
        """The geometry of a side."""
        return self.geometry.sides["items" if name == "items" else "queries"]


def _offset(side: Embeddings, biases: tuple[int, ...]) -> float:
    """The share of the mean squared length that belongs to the mean."""
    mean = column_means(side.vectors)
    mean[list(biases)] = 0.0
    squares = np.square(side.norms.astype(np.float64)).mean()
    for column in biases:
        squares -= np.square(side.vectors[:, column].astype(np.float64)).mean()
    return float(mean @ mean / squares) if squares > 0 else 0.0


UNIT, COARSELY = 1e-3, 0.05
"""A row is of length one to within so much, in half precision and in a byte for each number."""
APART = 5.0
"""How many times the next shorter row one may be; where the longest few stand apart from all others
by more, single rows rule inner products."""
UPPER = 0.05
"""Among so many of the longest rows the gap is looked for."""


def lengths(looked: Looked) -> Light:
    """Whether lengths are of one kind: none lost, none left unnormalised, none out of all range."""
    for name, side in looked.sides.items():
        norms = side.norms[side.norms > 0]
        room = COARSELY if looked.numbers[name].coarse else UNIT
        unit = float((np.abs(norms - 1) <= room).mean())
        if 0.05 < unit < 1:
            return Light(
                "lengths",
                "fix",
                f"{percent(1 - unit)} of the {name} are not of length one, and all others are",
                1 - unit,
                0.0,
                changes=_moved(looked, "dot"),
                do=f"normalise all rows alike, or let judgements say whether to drop lengths: "
                f"{COMPARE} dot,cosine",
            )
    if looked.subject.space.trained_for == "dot" and all(
        bool((np.abs(side.norms[side.norms > 0] - 1) <= UNIT).all())
        for side in looked.sides.values()
    ):
        return Light(
            "lengths",
            "fix",
            "trained on inner products, and every row has length one: lengths were lost",
            1.0,
            1.0,
            changes=1.0,
            do="write the vectors again as the model gives them, before any normalisation",
        )
    gaps = {name: _gap_of_lengths(side) for name, side in looked.sides.items()}
    name = max(gaps, key=lambda side: gaps[side][0])
    gap, longer = gaps[name]
    found = f"{counted(longer, 'row')} of the {name} {'is' if longer == 1 else 'are'} {gap:.3g} "
    if gap > APART:
        return Light(
            "lengths",
            "fix",
            f"{found}times as long as all others, or more: they rule inner products and distances",
            gap,
            APART,
            changes=_moved(looked, "dot"),
            do=f"mend rows such as {_longest(looked.sides[name])}, or let judgements say whether "
            f"to drop lengths: {COMPARE} dot,cosine",
        )
    return Light("lengths", "ok", "lengths are of one kind", gap, APART)


def _longest(side: Embeddings) -> str:
    return shown(side.ids[int(side.norms.argmax())])


def _gap_of_lengths(side: Embeddings) -> tuple[float, int]:
    """The largest ratio of a length to the next shorter one among the longest; rows that long."""
    lengths = np.sort(side.norms[side.norms > 0])
    upper = lengths[-max(int(UPPER * len(lengths)), 2) :]
    ratios = upper[1:] / upper[:-1]
    if not len(ratios):
        return 1.0, 0
    place = int(ratios.argmax())
    return float(ratios[place]), len(ratios) - place


def _moved(looked: Looked, other: str) -> float:
    """The largest share of the cosine lists that another measure changes, in any direction."""
    return max(
        (
            1 - lists.overlap["cosine"][other]
            for lists in looked.agreement.values()
            if other in lists.overlap["cosine"]
        ),
        default=0.0,
    )


ZEROS, MANY_ZEROS = 0.02, 0.1
"""Shares of zero vectors from which on they are worth a look, and, where nothing explains them,
wrong: what nobody used in training cannot have a vector."""


def zeros(looked: Looked) -> Light:
    """Zero vectors, which no measure can rank."""
    shares = {name: len(side.zero_rows) / len(side) for name, side in looked.sides.items()}
    name = max(shares, key=lambda side: shares[side])
    count, share = len(looked.sides[name].zero_rows), shares[name]
    unused = _unused(looked, name)
    strange = share - unused / len(looked.sides[name])
    state: State = "fix" if strange > MANY_ZEROS else "look" if share > ZEROS else "ok"
    cold = f", {unused:,} of which nobody used in training" if unused else ""
    return Light(
        "zeros",
        state,
        f"{counted(count, 'zero vector')} among the {name} ({percent(share)}){cold}",
        share,
        ZEROS,
        changes=share,
        do=""
        if state == "ok"
        else "leave these rows out, or find why the model knows none of "
        f"them: the first is {looked.sides[name].ids[looked.sides[name].zero_rows[0]]}",
    )


def _unused(looked: Looked, name: str) -> int:
    """How many zero rows of a side have no interaction in training, where these are known.

    What held-out users use counts as no use of training, where the column ``split`` tells them;
    and what training knows of such a user are the used items that it saw others use.
    """
    used, side = looked.subject.space.seen, looked.sides[name]
    if used is None:
        return 0
    trained = trained_rows(looked.subject.space.queries)
    in_training = used if trained is None else used.where(trained[used.rows])
    uses = np.bincount(in_training.indices, minlength=used.shape[1])
    counts = uses if name == "items" else used.where(uses[used.indices] > 0).counts
    return int((counts[side.zero_rows] == 0).sum())


COPIES, MANY_COPIES = 0.05, 0.1
"""Shares of rows that repeat another, where their texts or interactions differ or are unknown."""


def copies(looked: Looked) -> Light:
    """Rows that repeat another one, though they are not known to be the same thing."""
    counts = {name: _repeats(looked, name) for name in looked.sides}
    shares = {name: count / len(looked.sides[name]) for name, count in counts.items()}
    name = max(shares, key=lambda side: shares[side])
    share = shares[name]
    state: State = "fix" if share > MANY_COPIES else "look" if share > COPIES else "ok"
    return Light(
        "copies",
        state,
        f"{counted(counts[name], 'row')} of the {name} ({percent(share)}) "
        f"{'repeats' if counts[name] == 1 else 'repeat'} the vector of another",
        share,
        COPIES,
        changes=share,
        do=""
        if state == "ok"
        else f"leave one of each, or encode them again: {_first_copies(looked, name)}",
    )


def _first_copies(looked: Looked, name: str) -> str:
    """The command that shows the largest group of copies, by its first row."""
    [group, *_] = looked.of(name).exact_duplicates.examples
    shown = shlex.quote(str(looked.sides[name].ids[group[0]]))
    way = "items-items" if name == "items" else "queries-queries"
    return f"anglewise search SPACE --query {shown} --direction {way} --measures cosine"


def _repeats(looked: Looked, name: str) -> int:
    """Rows beyond the first with the same vector, without zeros and without known twins.

    Twins have the same text, or were used by the same users.
    """
    if not looked.of(name).exact_duplicates.surplus:
        return 0
    groups = equal_rows(looked.sides[name])
    reasons = _reasons(looked, name, np.concatenate(groups))
    return sum(len({next(reasons) for _ in group}) - 1 for group in groups)


def _reasons(looked: Looked, name: str, rows: Int64[Array, " some"]) -> Iterator[object]:
    side, used = looked.sides[name], looked.subject.space.seen
    if "text" in side.metadata_columns:
        texts = cells_of(side, "text")
        yield from (texts[row] for row in rows.tolist())
    elif used is not None:
        by_row = used
        if name == "items":
            order = np.argsort(used.indices, kind="stable")
            ends = np.searchsorted(used.indices[order], np.arange(used.shape[1] + 1))
            users = used.rows[order]
            yield from (users[ends[row] : ends[row + 1]].tobytes() for row in rows.tolist())
        else:
            yield from (by_row.row(row).tobytes() for row in rows.tolist())
    else:
        yield from rows.tolist()


RULING = 0.5
"""The share of the squared length that one column may hold."""


def columns(looked: Looked) -> Light:
    """Columns that carry nothing, the same number, or nearly everything."""
    all_dimensions = {name: looked.of(name).dimensions for name in looked.sides}
    width = looked.subject.space.items.dimension
    dead = _in_all([{*found.zero, *found.faint} for found in all_dimensions.values()])
    same = _in_all([{*found.constant} for found in all_dimensions.values()])
    same -= set(looked.subject.space.named_biases or ())
    if same:
        return Light(
            "columns",
            "fix",
            f"{counted(len(same), 'column')} of {width} hold one number in all rows "
            f"(column {min(same)}): every cosine counts them",
            float(len(same)),
            0.0,
            changes=_moved(looked, "cosine@centred"),
            do="write the vectors again without them",
        )
    ruling = [
        (share, name, column)
        for name, found in all_dimensions.items()
        for column, share in found.dominating[:1]
        if share > RULING and column not in looked.subject.biases and looked.offsets[name] <= OFFSET
    ]
    if ruling:
        share, name, column = max(ruling)
        return Light(
            "columns",
            "look",
            f"column {column} holds {percent(share)} of the squared length of the {name}: lists "
            "follow it",
            share,
            RULING,
            changes=_moved(looked, "cosine@centred"),
            do=f"{COMPARE} cosine,cosine@centred,cosine@whitened",
        )
    if dead:
        return Light(
            "columns",
            "look",
            f"{counted(len(dead), 'column')} of {width} carry nothing: they change no list, and "
            "cost room; was the model asked for fewer dimensions?",
            len(dead) / width,
            0.0,
            do=f"leave out the columns {listed(map(str, sorted(dead)[:3]))}"
            + (" and others like them" if len(dead) > 3 else ""),
        )
    return Light("columns", "ok", f"all {width} columns carry something", 0.0, 0.0)


def _in_all(sets: Sequence[set[int]]) -> set[int]:
    """What stands in every one of some sets."""
    first, *others = sets
    return first.intersection(*others)


OFFSET, COLLAPSED = 0.6, 0.97
"""Shares of the mean squared length that belong to one common vector."""


def offset(looked: Looked) -> Light:
    """Whether all rows lean to one side, so that everything is similar to everything."""
    shares = {name: looked.offsets[name] for name in looked.sides}
    name = max(shares, key=lambda side: shares[side])
    share, mean = shares[name], looked.of(name).isotropy.mean_cosine
    narrow = "" if mean is None else f"; two {name} at random have a cosine of {mean:.2f}"
    found = f"{percent(share)} of the squared length of the {name} is one common vector{narrow}"
    changes = _moved(looked, "cosine@centred")
    if share > COLLAPSED:
        return Light(
            "offset",
            "fix",
            f"{found}: nearly all rows are the same",
            share,
            OFFSET,
            changes=max(changes, 0.5),
            do=f"see that the model was loaded with its weights; {looked.again}",
        )
    if share > OFFSET:
        return Light(
            "offset",
            "look",
            f"{found}: read scores by their percentile, not by their size; whether taking it off "
            "helps, judgements say",
            share,
            OFFSET,
            changes=changes,
            do=f"{COMPARE} cosine,cosine@centred",
        )
    return Light("offset", "ok", found, share, OFFSET)


def precision(looked: Looked) -> Light:
    """Whether numbers are stored finely enough."""
    coarse = [name for name, stored in looked.numbers.items() if stored.coarse]
    if coarse:
        stored = looked.numbers[coarse[0]]
        return Light(
            "precision",
            "look",
            f"the numbers of the {listed(coarse)} take {stored.steps} different values or fewer, "
            "as a byte each leaves: near neighbours change places",
            float(stored.steps),
            float(LEVELS),
            changes=0.05,
            do="audit the vectors before they were compressed, and hold the lists against each "
            "other: anglewise verify STORE --help",
        )
    bits = min(stored.bits for stored in looked.numbers.values())
    return Light("precision", "ok", f"numbers have {bits} binary digits", None, float(LEVELS))


CUT = 0.01
"""The share of rows that may end in zeros."""


def cut_rows(looked: Looked) -> Light:
    """Rows that end in zeros where others do not, and vectors of length one that were cut."""
    name = max(looked.numbers, key=lambda side: looked.numbers[side].cut)
    stored = looked.numbers[name]
    width = looked.sides[name].dimension
    if stored.cut > CUT:
        return Light(
            "cut rows",
            "fix",
            f"{percent(stored.cut)} of the {name} end in zeros after {stored.kept} of {width} "
            "columns, the others do not: they were cut or filled up",
            stored.cut,
            CUT,
            changes=2 * stored.cut * (1 - stored.cut),
            do=f"take the same columns of every row; {looked.again}",
        )
    return Light("cut rows", "ok", "all rows reach the last column", stored.cut, CUT)
