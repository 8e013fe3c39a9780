"""From what was typed to a command, and from what went wrong to an exit code.

0 fine, 1 a requested gate failed, 2 bad use or bad input with one message, 70 a fault of ours,
130 interrupted.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import App, ArgumentCollection, CycloptsError
from cyclopts.config import Env

from anglewise.cli.check_paths import check_paths
from anglewise.cli.settings_file import SettingsFile, users_file
from anglewise.cli.version import version_line
from anglewise.core.numbers import shown
from anglewise.core.text import visible
from anglewise.errors import AnglewiseError, SpellingError

COMMANDS = {
    "encode": "Turn texts or images into vectors, and keep with them what made them.",
    "fit": "Learn embeddings from who used what; keep judgements aside.",
    "audit": "Say how much of the cosine is the model's and how much an arbitrary choice.",
    "judge": "Build, check and grow the judgements of a validation set.",
    "compare": "Rank measures on a validation set and say which to use.",
    "remedy": "Say what to use instead of cosine: each remedy is a candidate that must win.",
    "search": "Show the neighbours of a query, a text or an image under several measures.",
    "inspect": "Open a page: neighbours side by side, the gauge slider, judging by keyboard.",
    "recommend": "Recommend items to a user, and say why.",
    "replay": "Learn from the past before a moment, recommend, and look what followed.",
    "calibrate": "Learn what a score says about relevance, and whether that holds.",
    "context": "Give the passages for a prompt, ready to paste.",
    "study": "Show on an experiment how much of a cosine is a choice nobody made.",
    "demo": "Do the main job on generated data.",
    "doctor": "Show what this installation has.",
}
WITH_COMMANDS = {"judge"}
"""Commands that have commands of their own, and say themselves how they look."""

FINE, BAD_USE, OUR_FAULT, INTERRUPTED = 0, 2, 70, 130


def program() -> App:
    """All commands; each file is imported when its help or its work is asked for."""
    app = App(
        name="anglewise",
        help="Does the similarity of your embeddings mean anything, and which measure should you "
        "use?",
        help_epilogue="Settings are also read from the environment (ANGLEWISE_COMPARE_METRIC), "
        "from anglewise.toml here ([compare] metric = ...) and from your own file "
        "(~/.config/anglewise/config.toml); what is typed wins, then in this order. Encoders, "
        "servers, keys and hosts are not taken from anglewise.toml.",
        help_format="plaintext",
        version=version_line,
        config=[*_settings(), check_texts],
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    for place, (command, purpose) in enumerate(COMMANDS.items()):
        # Markdown costs 0.1 s, so that lists of commands do without
        form = {} if command in WITH_COMMANDS else {"help_format": "markdown"}
        app.command(
            f"anglewise.cli.{command}:{command}",
            name=command,
            help=purpose,
            sort_key=place,
            **form,
        )
    return app


def _settings() -> list[Any]:
    """Where settings come from beside what is typed, the strongest first."""
    commands, own = tuple(COMMANDS), users_file()
    found: list[Any] = [
        Env("ANGLEWISE_", show=False),
        SettingsFile(Path("anglewise.toml"), commands),
    ]
    return found if own is None else [*found, SettingsFile(own, commands, of_user=True)]


def run(tokens: Sequence[str]) -> Any:
    """Run one command, once nothing that it is to write is of value; raises what goes wrong."""
    command, bound, _ = program().parse_args(list(tokens))
    check_paths(command, bound)
    return command(*bound.args, **bound.kwargs)


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        code = run(sys.argv[1:] if tokens is None else list(tokens))
    except KeyboardInterrupt:
        return INTERRUPTED
    except (CycloptsError, AnglewiseError) as error:
        return _refuse(str(error))
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        return _refuse(f"{what}{error.strerror or error}")
    except MemoryError:
        return _refuse("this needs more memory than there is: take fewer queries or measures")
    except Exception:  # noqa: BLE001 a fault of ours must not look like a gate that failed
        sys.stderr.write(visible(traceback.format_exc()))
        _refuse("this is a fault of anglewise, not yours: please report the lines above")
        return OUR_FAULT
    return code if isinstance(code, int) else FINE


def check_texts(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Refuse a text, typed or in the settings, that is neither a path nor anything else."""
    del app, commands
    for argument in arguments:
        for token in argument.tokens:
            try:
                whole = b"\0" not in os.fsencode(token.value)
            except UnicodeEncodeError:
                whole = False
            if not whole:
                raise SpellingError(
                    f"{argument.name} {shown(token.value)!a} holds a character that no text "
                    "and no path can hold: leave it out"
                )


def _refuse(message: str) -> int:
    sys.stderr.write(f"anglewise: {visible(message)}\n")
    return BAD_USE
