"""``anglewise judge``: everything about a validation set, its commands by name."""

from cyclopts import App

FILES = {
    "judge_plan": {
        "sample": "Choose the queries and pairs to judge.",
        "next": "Name the pairs that would do most for the decision.",
    },
    "judge_check": {
        "power": "Say what difference the judgements can detect.",
        "lint": "Say what is wrong with the judgements before any number.",
    },
    "judge_files": {
        "import": "Record judgements from a file; name every bad row.",
        "export": "Write judgements for other programs.",
        "agreement": "Say how far the judges agree, and where they do not.",
    },
    "judge_make": {
        "from-interactions": "Make judgements of what users did.",
        "from-labels": "Make judgements of classes: the same class is relevant.",
        "from-text": "Make queries of which the answer is known.",
    },
    "judge_grade": {
        "grade": "Let a model grade pairs, marked as generated.",
    },
}
"""For each file its commands, and what each does."""

JUDGE_COMMANDS = {
    name: purpose for commands in FILES.values() for name, purpose in commands.items()
}

judge = App(name="judge", help_format="plaintext")
for file, commands in FILES.items():
    for command, purpose in commands.items():
        judge.command(
            f"anglewise.cli.{file}:judge_{command.replace('-', '_')}",
            name=command,
            help=purpose,
            help_format="markdown",
            sort_key=list(JUDGE_COMMANDS).index(command),
        )
