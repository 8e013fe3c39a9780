"""Opening the page of a space, from a program or a notebook."""

import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from anglewise.core.embeddings import Space
from anglewise.core.judgements import Judgements
from anglewise.core.typing import Direction
from anglewise.errors import MissingExtraError
from anglewise.inspect.inspected import Inspected

if TYPE_CHECKING:
    from anglewise.inspect.serving import Served

HEIGHT = 820


class Inspection:
    """A page that is being served; a notebook shows it in its place.

    Attributes
    ----------
    address
        Where it is, on this machine.
    """

    def __init__(self, served: "Served") -> None:
        self._served = served
        self._thread = served.start()

    @property
    def address(self) -> str:
        """Where the page is."""
        return self._served.address

    def stop(self) -> None:
        """End the server; what was judged is in the store already."""
        self._served.stop()
        self._thread.join(timeout=5)

    def __repr__(self) -> str:
        return f"Inspection({self.address})"

    def _repr_html_(self) -> str:
        address = escape(self.address)
        return (
            f'<iframe src="{address}" width="100%" height="{HEIGHT}" '
            'title="neighbours under several measures"></iframe>'
            f'<p><a href="{address}" target="_blank" rel="noopener">in a tab of its own</a></p>'
        )


def inspect(
    space: Space,
    *,
    judgements: Mapping[Direction, Judgements] | None = None,
    port: int | None = None,
    name: str = "space",
    seed: int = 0,
    store: str | os.PathLike[str] | None = None,
) -> Inspection:
    """Open a page on this machine with the neighbours of a space under several measures.

    The server runs on a thread beside the program, until it ends or :meth:`Inspection.stop`.
    In a notebook the result shows itself. Needs the extra ``inspect``.

    Parameters
    ----------
    space
        The vectors.
    judgements
        By direction; judged items are marked, and the gauge shows its nDCG.
    port
        Where to listen; the next free one if not given.
    name
        What the page calls the space.
    seed
        Orders what is shown by chance.
    store
        The file into which judgements go, made if need be; without it nothing can be judged.

    Raises
    ------
    MissingExtraError
        Without starlette, jinja2 and uvicorn.
    FileError
        A port that cannot be had.

    Examples
    --------
    >>> from anglewise.core.embeddings import Embeddings
    >>> page = inspect(Space(items=Embeddings([[1.0, 0.0], [0.0, 1.0]])))
    >>> page.address.startswith("http://127.0.0.1:")
    True
    >>> page.stop()
    """
    try:
        from anglewise.inspect.serving import served
    except ImportError as missing:
        raise MissingExtraError(
            f"the page needs {missing.name}: pip install 'anglewise[inspect]'"
        ) from missing
    seen = Inspected(
        space, judgements or {}, name, None, seed, None if store is None else Path(store)
    )
    return Inspection(served(lambda: seen, port=port, framed=True))
