"""From a split and the models that were trained on it to spaces and judgements."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from anglewise.cli.options import (
    AS_BROUGHT,
    NO_FILES,
    Judging,
    SeenOptions,
    Several,
    Source,
    SplitOptions,
    Vectors,
)
from anglewise.data_types.embeddings import Space
from anglewise.data_types.evaluation_rules import evaluated_with
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.text import Say
from anglewise.data_types.typing import Direction
from anglewise.errors import SpellingError
from anglewise.io.holdout_folder import MANIFEST, EvaluationProtocol, file_checksum, read_protocol
from anglewise.recommendation.protocol import by_protocol


@dataclass(frozen=True)
class SplitReader:
    """Reads models by one split; ``remarks`` are what was done to them."""

    split: EvaluationProtocol
    judging: Judging
    direction: Direction = "queries-items"
    remarks: list[str] = field(default_factory=list[str])

    def towards(self, direction: Direction | None) -> "SplitReader":
        """The same for a direction; ``SpellingError`` for one that a split does not judge."""
        if direction == "queries-queries":
            raise SpellingError(
                f"--direction {direction}: --protocol judges what users are recommended "
                "(queries-items, which is meant without --direction) or similar items (items-items)"
            )
        return replace(self, direction=direction or "queries-items")

    def read(self, model: Path, say: Say) -> tuple[Space, Judgements]:
        """A model in the rows of the split, and what is to be found."""
        ready = by_protocol(self.split, model, direction=self.direction, name=str(model), say=say)
        self.remarks.extend(ready.remarks)
        judged = evaluated_with(
            ready.judgements,
            ready.space,
            missing=self.judging.missing,
            relevant_from=self.judging.relevant_from,
            not_itself=self.judging.not_itself,
        )
        return ready.space, judged

    def content(self) -> Mapping[str, Any]:
        """What a result says of the split."""
        return {
            "folder": str(self.split.path),
            "sentence": self.split.manifest["sentence"],
            "manifest_sha256": file_checksum(self.split.path / MANIFEST),
            "remarks": self.remarks,
        }


def split_reader(
    options: SplitOptions,
    several: Several,
    source: Source | None,
    *,
    vectors: Vectors,
    seen: SeenOptions,
    judging: Judging,
) -> SplitReader | None:
    """What reads models by the split that was given; None where none was.

    Raises ``SpellingError`` for what the split says already, or unless it has one model or several,
    ``FileError`` for a split of which a file changed.
    """
    if options.protocol is None:
        return None
    given = {
        str(source): source,
        "--items": vectors.items,
        "--queries": vectors.queries,
        "an option of vectors from files": vectors != NO_FILES,
        "--seen": seen != AS_BROUGHT,
        "--qrels": judging.qrels,
        "--label-queries": judging.label_queries,
        "a name of a column of judgements": judging.names_columns,
    }
    clashing = [name for name, value in given.items() if value]
    if clashing:
        raise SpellingError(
            f"{clashing[0]} came beside --protocol, and the split says who asks, what trained and "
            "what is to be found: leave it out, and name the model by --model"
        )
    if (options.model is None) == (not several.spaces and not options.trainings):
        raise SpellingError(
            "beside --protocol give what was trained on the split: --model FILE, or several "
            "models as --spaces NAME=FILE NAME=FILE, or one several times as --trainings FILE FILE"
        )
    return SplitReader(read_protocol(options.protocol), judging)
