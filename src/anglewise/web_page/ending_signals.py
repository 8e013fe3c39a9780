"""Signals that end a program, as they end the page: in order, with its store closed."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn


class Server(uvicorn.Server):
    """A server that leaves signals to ``ending_in_order``."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none: uvicorn takes over those that are ignored, and knows no closed terminal."""
        yield


@contextmanager
def ending_in_order(server: uvicorn.Server) -> Generator[list[str], None, None]:
    """Let signals that end programs, such as a closed terminal's, end the server; give their names.

    None is raised amid a request, where it would be taken for a fault of the page, or while the
    store is closed. One that is ignored, as ``nohup`` does, stays ignored.
    """
    names = list[str]()
    if threading.current_thread() is not threading.main_thread():
        yield names
        return

    def end(number: int, _frame: object) -> None:
        if names and number == signal.SIGINT:
            server.force_exit = True  # wait for no request any more
        server.should_exit = True
        names.append(signal.Signals(number).name)

    known = [name for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in known}
    before = {number: how for number, how in before.items() if how not in {signal.SIG_IGN, None}}
    for number in before:
        signal.signal(number, end)
    try:
        yield names
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
