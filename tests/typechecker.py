"""Arguments and results are checked against their annotations by ``make check-types``.

jaxtyping marks each function of the package as it is imported. Its own wrapper checks arguments
twice, for the sake of its messages; the one here checks them once, and opens a scope for the sizes
of arrays only where an annotation names some. These checks take half the time of many tests.
"""

import dataclasses
import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, get_args, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype

RULES = BeartypeConf(is_pep484_tower=True, violation_type=jaxtyping.TypeCheckError)
check = beartype(conf=RULES)  # where a float is due, 1 will do; what is raised is a TypeError
scope = partial(jaxtyping.jaxtyped, "context")


def checked(made: Any = None, *, typechecker: Callable[[Any], Any]) -> Any:
    """Check a function, or what builds a dataclass; stands in for ``jaxtyping.jaxtyped``."""
    if made is None:
        return partial(checked, typechecker=typechecker)
    if inspect.isclass(made):
        if dataclasses.is_dataclass(made) and inspect.isfunction(vars(made).get("__init__")):
            made.__init__ = checked(made.__init__, typechecker=typechecker)
        return made
    written = made.__annotations__
    made.__annotations__ = {name: resolved(hint, made) for name, hint in written.items()}
    function = typechecker(made)
    sizes = any(map(names_sizes, made.__annotations__.values()))
    made.__annotations__ = function.__annotations__ = written
    if not sizes:
        return function

    @wraps(made)
    def in_scope(*args: Any, **named: Any) -> Any:
        with scope():
            return function(*args, **named)

    return in_scope


def resolved(hint: Any, of: Any) -> Any:
    """What an annotation of a function means; anything, where a name in it is not known yet."""

    def holds(value: hint) -> None:
        """Bear the annotation."""

    try:
        return get_type_hints(holds, of.__globals__, include_extras=True)["value"]
    except Exception:  # noqa: BLE001 what a name stands for may do anything
        return Any


def names_sizes(hint: Any) -> bool:
    """Whether an annotation holds that of an array, however deep."""
    if isinstance(hint, list):  # the arguments of a Callable
        return any(map(names_sizes, hint))
    if inspect.isclass(hint) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(map(names_sizes, get_args(hint)))
