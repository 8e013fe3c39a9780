"""``anglewise judge``: everything about a validation set, its commands by name."""

from cyclopts import App

JUDGE_COMMANDS = {
    "sample": "Choose the queries and pairs to judge.",
    "next": "Name the pairs that would do most for the decision.",
    "power": "Say what difference the judgements can detect.",
    "import": "Record judgements from a file; name every bad row.",
    "export": "Write judgements for other programs.",
    "lint": "Say what is wrong with the judgements before any number.",
    "agreement": "Say how far the judges agree, and where they do not.",
    "from-interactions": "Make judgements of what users did.",
    "from-labels": "Make judgements of classes: the same class is relevant.",
    "from-text": "Make queries of which the answer is known.",
}

FILES = {
    "sample": "judge_plan",
    "next": "judge_plan",
    "power": "judge_plan",
    "import": "judge_files",
    "export": "judge_files",
    "lint": "judge_check",
    "agreement": "judge_check",
    "from-interactions": "judge_make",
    "from-labels": "judge_make",
    "from-text": "judge_make",
}
"""The file that holds each command."""

judge = App(name="judge", help_format="plaintext")
for place, (command, purpose) in enumerate(JUDGE_COMMANDS.items()):
    function = f"judge_{command.replace('-', '_')}"
    judge.command(
        f"anglewise.cli.{FILES[command]}:{function}",
        name=command,
        help=purpose,
        help_format="markdown",
        sort_key=place,
    )
