"""Run ONNX files, which may be a stranger's: in bounded memory and time, and silently."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

from anglewise.data_types.libraries import library
from anglewise.data_types.memory import VARIABLE, room, words
from anglewise.data_types.typing import Array
from anglewise.errors import EncoderError
from anglewise.io.files import reading

SILENT = 4
"""Messages of onnxruntime that are shown: only that the process ends. They quote names raw."""
AS_ASKED = 1
"""How its store of memory grows: by what is asked for, so that the limit is met and no less."""
LONGEST = 600.0
"""Seconds for one call; a graph may hold a loop of any number of turns."""


def open_session(path: Path) -> Any:
    """A session that runs the model of a file; ``FileError`` if it holds no ONNX model."""
    with reading(path, "an ONNX model"):
        onnxruntime = library("onnxruntime", "onnx")
        _limit_memory(room())
        onnxruntime.disable_telemetry_events()  # of its builds for Windows
        options = onnxruntime.SessionOptions()
        options.log_severity_level = SILENT
        options.add_session_config_entry("session.use_env_allocators", "1")
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@cache
def _limit_memory(most: int) -> None:
    """Let all sessions together take so many bytes; the last call counts for new ones."""
    onnxruntime = library("onnxruntime", "onnx")
    kinds = onnxruntime.OrtAllocatorType, onnxruntime.OrtMemType
    where = onnxruntime.OrtMemoryInfo("Cpu", kinds[0].ORT_ARENA_ALLOCATOR, 0, kinds[1].DEFAULT)
    growth = onnxruntime.OrtArenaCfg(most, AS_ASKED, -1, -1)
    onnxruntime.create_and_register_allocator(where, growth)


def run(session: Any, output: str, feed: Mapping[str, Array]) -> Array:
    """One output of a model; Ctrl-C ends it, and so does the time.

    Raises ``EncoderError`` where it takes too long or more memory than is allowed; else what
    onnxruntime raises.
    """
    options: Any = library("onnxruntime", "onnx").RunOptions()
    options.log_severity_level = SILENT
    results: list[Array] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            results.append(session.run([output], dict(feed), options)[0])
        except Exception as error:  # noqa: BLE001 raised again where it is waited for
            errors.append(error)

    worker = Thread(target=work, daemon=True)
    worker.start()
    try:
        worker.join(LONGEST)
    finally:
        was_late = worker.is_alive()
        options.terminate = True
    if was_late:
        raise EncoderError(
            f"one call of the ONNX model took more than {LONGEST:,.0f} s and was ended: give it "
            "fewer texts or images at once (--batch), or take another model"
        )
    if errors and "Available memory of" in str(errors[0]):
        raise EncoderError(
            f"the ONNX model asks for more memory than the {words(room())} allowed: give it fewer "
            f"texts or images at once (--batch), or allow more ({VARIABLE})"
        ) from errors[0]
    if errors:
        raise errors[0]
    return results[0]
