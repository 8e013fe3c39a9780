"""What is compared other than one space: runs alone, trainings of a model, several spaces."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from anglewise.cli.console import Talk
from anglewise.cli.inputs import Judged, judged_names, judged_spaces
from anglewise.cli.options import NO_FILES, Judging, Results, SeenOptions, Several, Source, Vectors
from anglewise.cli.protocol_inputs import SplitReader
from anglewise.cli.results import check_run_out
from anglewise.comparison.compare_runs import compare_listed
from anglewise.comparison.compare_spaces import compare_spaces
from anglewise.comparison.compare_trainings import compare_trainings
from anglewise.comparison.comparison_result import Comparison
from anglewise.comparison.rankers import split_rankers
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.run import Run
from anglewise.data_types.typing import Direction
from anglewise.errors import SpellingError
from anglewise.nearest_neighbours.represented import usual_measures


def refuse(given: Mapping[str, Any], reason: str) -> None:
    """Refuse options that were given and say nothing here."""
    for name, value in given.items():
        if value:
            raise SpellingError(f"{name} {reason}")


def wanted_measures(
    given: str | None, runs: Sequence[str], spaces: Iterable[Space]
) -> str | tuple[str, ...]:
    """The measures that were asked for, or the usual ones of the spaces; none with runs alone."""
    if given is None:
        return usual_measures(*(space.items for space in spaces))
    if given.strip().lower() == "none":
        if not runs:
            raise SpellingError("--measures none leaves nothing to compare: give --runs FILE too")
        return ()
    return given


@dataclass(frozen=True, kw_only=True)
class _Options:
    """The groups of options that say what is compared and by what."""

    vectors: Vectors
    seen: SeenOptions
    several: Several
    judging: Judging
    results: Results
    runs: Sequence[Run]
    reader: SplitReader | None
    talk: Talk


@dataclass(frozen=True)
class ComparisonInputs(_Options):
    """What a call of compare names, and how to read it.

    Each way to read it gives what is judged, and what compares once it is called.
    """

    source: Source | None
    measures: str | None
    direction: Direction | None

    @property
    def is_of_runs_alone(self) -> bool:
        """Whether there are runs, and no vectors of any space."""
        named = self.source is not None or self.vectors != NO_FILES or self.several.spaces
        return bool(self.runs) and self.reader is None and not named

    @property
    def _names(self) -> list[str]:
        return [run.name for run in self.runs]

    def runs_alone(
        self, options: dict[str, Any], given: Mapping[str, Any]
    ) -> tuple[dict[str, Judged], "partial[Comparison]"]:
        """Read judgements by which runs are compared; ``given`` are options of a space."""
        names, results = self._names, self.results
        wanted = () if self.measures is None else wanted_measures(self.measures, names, ())
        rankers, plain = split_rankers(wanted, names)
        of_space = {
            "--measures": plain,
            "--variants": self.several.variants,
            "--seen": self.seen.seen,
            "--breadth": results.breadth,
        }
        refuse(
            {**of_space, **given},
            "is of a space, and --runs alone have no vectors: leave it out, or give the space too",
        )
        space, judgements = judged_names(
            self.runs, self.direction, self.judging, self.talk.say, options["seed"]
        )
        check_run_out(results.run_out, {"": space}, {"": judgements}, rankers, runs=names)
        run = partial(compare_listed, self.runs, judgements, space, rankers=rankers, **options)
        return {"": judgements}, run

    def trainings(
        self, words: Sequence[str], options: dict[str, Any]
    ) -> tuple[dict[str, Judgements], "partial[Comparison]"]:
        """Read the trainings of a model; the one that is compared stands before the others."""
        results = self.results
        given = {
            "--spaces": self.several.spaces,
            "--variants": self.several.variants,
            "--runs": self.runs,
            "--items": self.vectors != NO_FILES,
            "--run-out": results.run_out,
            "--breadth": results.breadth,
            "--sequential": results.sequential,
            "--unjudged": results.unjudged,
        }
        refuse(given, "is not of several trainings: leave it or --trainings out")
        first = () if self.source is None else (self.source,)
        spaces, judged = self._several((*first, *words), None, options["seed"])
        wanted = wanted_measures(self.measures, (), spaces.values())
        return judged, partial(compare_trainings, spaces, judged, wanted, **options)

    def spaces(
        self, options: dict[str, Any]
    ) -> tuple[dict[str, Judgements], "partial[Comparison]"]:
        """Read several spaces, or one whose variants are compared."""
        variants, names = self.several.variants or (), self._names
        spaces, judged = self._several(self.several.spaces, self.source, options["seed"])
        wanted = wanted_measures(self.measures, names, spaces.values())
        check_run_out(self.results.run_out, spaces, judged, wanted, variants=variants, runs=names)
        more = {"variants": variants, "runs": self.runs}
        return judged, partial(compare_spaces, spaces, judged, wanted, **more, **options)

    def _several(
        self, words: Sequence[str | Source], source: Source | None, seed: int
    ) -> tuple[dict[str, Space], dict[str, Judgements]]:
        return judged_spaces(
            source,
            words,
            self.vectors,
            self.direction,
            self.judging,
            seen=self.seen,
            say=self.talk.say,
            seed=seed,
            split=self.reader,
        )
