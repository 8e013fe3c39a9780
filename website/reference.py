"""The two pages of the reference that are made from the code: commands, and Python's public names.

Nothing of them is kept in the repository, so nothing of them can go stale.
"""

import re

import anglewise
from anglewise import rag
from anglewise.cli.judge import JUDGE_COMMANDS
from anglewise.cli.program import COMMANDS, program

SUBJECTS = {
    "Read and write": (
        "read_space write_space read_judgements read_interactions read_pairs read_triplets "
        "read_run read_item_sets read_protocol holdout from_model"
    ),
    "Embeddings and judgements": (
        "Embeddings Space SparseVectors TokenVectors Judgements Judged JudgementStore Pairs "
        "Triplets Run Neighbours"
    ),
    "Which measure": (
        "compare compare_spaces compare_runs compare_trainings by_protocol Comparison measure "
        "Measure Adapter adapter Reranker random_pairs"
    ),
    "Is it real": "audit Audit gauge study Study",
    "What to do": (
        "remedy Remedy LinearEmbedding TrainedEmbedding TableNormaliser fit_ease fit_shards"
    ),
    "Search and recommend": "search search_shards Index Recommender replay inspect to_atlas",
    "Texts and images": "encode encode_images encoder Encoder ask_retriever",
    "Vector stores": "probe export verify tune migrate",
    "Errors": "AnglewiseError",
}
"""Public names by subject; a test holds them to ``anglewise.__all__``."""

MARK = re.compile(r" \*(?:\*\[required\]\*|\[[^*]*\])\*")
"""What the command line puts behind an option: whether it is due, its choices, its default."""


def commands_page() -> str:
    """Every command with every option, as the command line describes itself."""
    app = program()
    text = app.generate_docs(output_format="markdown")
    found = re.search(r"^## anglewise ", text, re.MULTILINE)
    if found is None:
        raise SystemExit("the command line describes no command: has cyclopts changed its form?")
    about = "\n".join(f"* [`{name}`](#anglewise-{name}): {COMMANDS[name]}" for name in COMMANDS)
    judge = "\n".join(
        f"* [`judge {name}`](#anglewise-judge-{name}): {said}"
        for name, said in JUDGE_COMMANDS.items()
    )
    return (
        "# Commands and options\n\n"
        "Made from the command line itself; `anglewise COMMAND --help` says the same in a "
        f"terminal. {app.help_epilogue}\n\n{about}\n\nThose of `judge`:\n\n{judge}\n\n"
        f"{plain(text[found.start() :])}"
    )


def plain(text: str) -> str:
    """Words of help as they stand: no tags, no emphasis, continued lines in their entries."""
    lines = []
    is_code = False
    for line in text.splitlines():
        is_code ^= line.startswith("```")
        is_form = is_code or line.startswith(("```", "#", "**"))
        lines.append(line if is_form else escaped(line))
    return "\n".join(lines) + "\n"


def escaped(line: str) -> str:
    """A line of an entry: its name and its marks of form stay, what else it holds is words."""
    name = re.match(r"\s*(?:\* )?(?:`[^`]*`)?", line)
    start = name.end() if name else 0
    marks = MARK.findall(line)
    words = re.sub(r"([<>*_{}\[\]])", r"\\\1", MARK.sub("", line[start:]))
    return line[:start] + words + "".join(marks)


def python_page() -> str:
    """Every public name by subject, each for mkdocstrings to describe."""
    head = (
        "# Python\n\nMade from the docstrings of the public names. Each is imported from the "
        "package: `import anglewise as aw`, then `aw.compare(...)`. What else the package holds "
        "may change without notice; the [commands](commands.md) are the same work from a shell.\n"
    )
    parts = [head]
    for subject, names in SUBJECTS.items():
        parts += [f"## {subject}\n", *(entry(name, home(name)) for name in names.split())]
    parts += [
        "## Passages for a prompt\n",
        "From `anglewise.rag`.\n",
        *(entry(name, f"{getattr(rag, name).__module__}.{name}") for name in rag.__all__),
    ]
    return "\n".join(parts)


def home(name: str) -> str:
    """Where a public name is defined, in full."""
    return f"{anglewise._HOMES[name]}.{name}"  # noqa: SLF001 the face's own list


def entry(name: str, path: str) -> str:
    """What mkdocstrings describes, under the name by which it is imported."""
    return f'<span id="{name}"></span>\n\n::: {path}\n'
