"""PyTorch, imported when a training begins."""

from importlib import import_module
from typing import Any

from anglewise.errors import MissingExtraError, ValuesError


def torch_library() -> Any:
    """Import PyTorch, or say which extra brings it; ``MissingExtraError``."""
    try:
        return import_module("torch")
    except ImportError as error:
        raise MissingExtraError(
            f"training for cosine, dot or euclidean needs PyTorch ({error}): "
            "pip install 'anglewise[train]', or take the objective product or factors"
        ) from error


def device_of(torch: Any, name: str) -> Any:
    """The device of a name; ``auto`` is a GPU where there is one.

    Raises ``ValuesError`` for a device that this machine, or this build of PyTorch, does not have.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # PyTorch raises both for what is not there
        why = " ".join(str(error).split())[:200]
        raise ValuesError(
            f"device {name!r} cannot be used ({why}): take cpu, cuda or auto"
        ) from error
    return device
