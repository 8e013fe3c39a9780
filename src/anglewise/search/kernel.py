"""The compiled part, if it was built on this machine."""

from types import ModuleType


def _compiled() -> ModuleType | None:
    try:
        from anglewise.search import _kernel
    except ImportError:
        return None
    return _kernel


KERNEL = _compiled()
