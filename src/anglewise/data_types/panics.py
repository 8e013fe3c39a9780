"""Libraries of Rust, which panic where what they read does not fit: no ``Exception`` of Python."""

import os
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from tempfile import TemporaryFile
from typing import IO

PANIC = "PanicException"
"""How the class is called; each library has its own, which none of them exports."""


def is_panic(error: BaseException) -> bool:
    """Whether something raised is a panic of Rust.

    >>> is_panic(ValueError())
    False
    """
    return type(error).__name__ == PANIC


@contextmanager
def panics_as(error_of: Callable[[BaseException], Exception]) -> Generator[None]:
    """Turn a panic into an error, without the lines that are printed of it.

    Other lines that are printed to standard error meanwhile come afterwards.
    """
    with ExitStack() as files:
        printed, saved = None, None
        with suppress(OSError):  # standard error is closed, or there is no room for a file
            printed = files.enter_context(_nameless_file())
            saved = os.dup(2)
            os.dup2(printed.fileno(), 2)
        try:
            yield
        except BaseException as error:
            if not is_panic(error):
                raise
            if printed is not None:
                printed.truncate(0)
            raise error_of(error) from None
        finally:
            if printed is not None and saved is not None:
                os.dup2(saved, 2)
                os.close(saved)
                printed.seek(0)
                with suppress(OSError):
                    os.write(2, printed.read())


def _nameless_file() -> IO[bytes]:
    """In memory where the system has such files."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("stderr"), "w+b")
    return TemporaryFile()
