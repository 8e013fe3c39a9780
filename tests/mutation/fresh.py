"""Mutants of what runs while the package is imported: it is imported anew, with the change."""

import importlib.abc
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from mutation.mutants import Mutant, mutated
from mutation.rooms import ROOT, SOURCE
from mutation.server import ALIVE, DEAD, LOG, OPTIONS, FirstFailure, ended, module_of, quiet


def run_anew(mutant: Mutant, tests: dict[str, float]) -> tuple[int, str]:
    """Whether a test fails on a mutant, and which."""
    plugin = FirstFailure(tests)
    plugin.note.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        try:
            os.setsid()
            quiet()
            finder = _Mutated(module_of(mutant.file), SOURCE / mutant.file, mutant.number)
            # heavy libraries are imported before the fork, too late for asserts of their plugins
            words = [*OPTIONS, "-x", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
            code = pytest.main([*words, *(str(ROOT / one) for one in tests)], [finder, plugin])
            os._exit(ALIVE if code == 0 else DEAD)
        except BaseException:  # noqa: BLE001 whatever it is, the fork ends here
            LOG.write_text(traceback.format_exc(), encoding="utf-8")
        os._exit(DEAD)
    code = ended(child, 300 + 20 * sum(tests.values()))
    return code, plugin.last() or "import"


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module with its change, in place of what stands in the file."""

    def __init__(self, name: str, path: Path, number: int) -> None:
        self.name, self.path, self.number = name, path, number

    def pytest_configure(self) -> None:
        """Stand before pytest's own finder, which rewrites asserts of the package too."""
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """Speak for the one module."""
        del path, target
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def create_module(self, spec: Any) -> None:
        """As usual."""
        del spec

    def exec_module(self, module: Any) -> None:
        """Run the changed tree."""
        code = compile(mutated(self.path, self.number), str(self.path), "exec")
        exec(code, module.__dict__)  # noqa: S102 our own source
