"""Which anglewise this is."""


def version() -> str:
    """The version of the installed package."""
    from importlib.metadata import version

    return version("anglewise")


def engine() -> str:
    """Which engine searches: ``compiled (avx2)``, or ``numpy`` where there was no compiler."""
    from anglewise.engine.search import engine_kind

    return engine_kind()


def version_line() -> str:
    """Version and engine in one line."""
    return f"anglewise {version()}, engine: {engine()}"
