"""What an ``/embeddings`` server answers, read with suspicion."""

from collections.abc import Callable
from typing import Any, cast

from anglewise.errors import EncoderError


def in_order(
    answer: Any, due: int, address: str, clean: Callable[[str], str] = str
) -> list[list[float]]:
    """The vectors of an answer in the order of the texts, which its ``index`` tells.

    Raises ``EncoderError`` unless there is one for each text; ``clean`` takes out of its words
    what nobody may see.

    >>> swapped = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
    >>> in_order({"data": swapped}, 2, "here")
    [[1.0], [2.0]]
    """
    rows = _rows(answer, address, clean)
    if len(rows) != due:
        raise EncoderError(
            f"{address} gave {len(rows)} vectors for {due} texts: one each is due; nothing was "
            "written. Smaller batches may help (batch=16)"
        )
    vectors: dict[Any, list[float]] = {}
    for at, row in enumerate(rows):
        vector = row.get("embedding")
        if not isinstance(vector, list):
            raise EncoderError(
                f'{address} gave no list of numbers under "embedding" for text {at} of a batch'
            )
        vectors[row.get("index", at)] = cast("list[float]", vector)
    if set(vectors) != set(range(due)):
        shown = clean(str(sorted(vectors, key=str)[:5]))
        raise EncoderError(
            f"{address} numbers its vectors {shown}, where each number "
            f"from 0 to {due - 1} is due once: the server is broken"
        )
    if len({len(vector) for vector in vectors.values()}) > 1:
        raise EncoderError(f"{address} gave vectors of several lengths in one batch")
    return [vectors[place] for place in range(due)]


def _rows(answer: Any, address: str, clean: Callable[[str], str]) -> list[dict[str, Any]]:
    said = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    rows = said.get("data")
    if not isinstance(rows, list) or not all(isinstance(r, dict) for r in cast("list[Any]", rows)):
        why = f" but {clean(str(said['error']))[:200]!r}" if "error" in said else ""
        raise EncoderError(
            f'{address} answered without a list of vectors under "data"{why}: is it an endpoint '
            "for embeddings?"
        )
    return cast("list[dict[str, Any]]", rows)
