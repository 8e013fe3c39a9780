"""Settings that every test shares."""

import gc
import os
import signal
import threading
from tempfile import TemporaryDirectory
from threading import Lock

import jaxtyping
from hypothesis import settings
from jaxtyping import _import_hook as hook

from json_schemas import hold_results
from typechecker import checked

# A shell lets what it starts in the background ignore Ctrl-C, and so would the programs that tests
# start and interrupt.
if threading.current_thread() is threading.main_thread():
    for _signal, _usual in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
        _number = getattr(signal, _signal, None)
        if _number is not None and signal.getsignal(_number) == signal.SIG_IGN:
            signal.signal(_number, _usual)

# The same examples at every run, and no verdict from a slow machine's clock.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# No test reads the settings of whoever runs it; libraries that keep some there get a folder.
_settings = TemporaryDirectory(prefix="no-settings-")
os.environ["XDG_CONFIG_HOME"] = _settings.name

# What jaxtyping writes above each function of the package, and looks up there, checks once.
jaxtyping.jaxtyped = checked

# Python below 3.12.4 fails now and then where two threads turn sources into trees at once
# ("AST constructor recursion depth mismatch"), as pages do that import while they answer.
_loader, _one_at_a_time = hook._JaxtypingLoader, Lock()
_source_to_code = _loader.source_to_code


def _alone(self, *args, **named):
    with _one_at_a_time:
        return _source_to_code(self, *args, **named)


_loader.source_to_code = _alone


# What is collected stays to the end: looking through it again and again for what may go takes a
# third of the time of collecting.
gc.disable()


def pytest_collection_finish():
    hold_results()
    gc.freeze()
    gc.enable()
