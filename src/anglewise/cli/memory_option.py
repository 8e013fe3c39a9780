"""``--memory``: what a command may take in all, planned and refused before the work begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter, Token

if TYPE_CHECKING:
    from anglewise.data_types.embeddings import Space
    from anglewise.data_types.typing import Direction


def _size(_type: Any, tokens: Sequence[Token]) -> str:
    from anglewise.data_types.memory import memory_setting
    from anglewise.errors import SpellingError

    try:
        memory_setting(tokens[0].value, "--memory")
    except SpellingError as error:
        raise ValueError(str(error)) from None
    return tokens[0].value


@Parameter(name="*", group=Group("Memory", sort_key=90))
@dataclass(frozen=True)
class MemoryOptions:
    """How much memory a command may take."""

    memory: Annotated[str | None, Parameter(converter=_size)] = None
    """What the command may take in all, such as 4GB: vectors beyond a quarter of it stay on the
    disk and are gone through a part at a time; what needs more is refused before it begins."""


ANY_MEMORY = MemoryOptions()


def memory_of(arguments: Mapping[str, Any]) -> str | None:
    """What a call says of memory; None where it says nothing, or its command takes no such word."""
    groups = (value for value in arguments.values() if isinstance(value, MemoryOptions))
    return next((group.memory for group in groups), None)


def check_plan(
    memory: MemoryOptions,
    space: "Space",
    direction: "Direction",
    *,
    measures: int,
    k: int,
    asking: int | None = None,
) -> None:
    """Refuse a search that needs more than ``--memory`` allows; nothing where nobody said."""
    if memory.memory is None:
        return
    from anglewise.data_types.memory import memory_setting
    from anglewise.nearest_neighbours.memory_plan import plan_search

    most = memory_setting(memory.memory, "--memory")
    plan_search(space, direction, measures=measures, k=k, asking=asking).check(most)
