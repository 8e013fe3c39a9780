"""Target: the command line, whole, in this process."""

import contextlib
import io
import json
import os
import re
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from anglewise import Embeddings, Judged, JudgementStore, Space, read_judgements, write_space
from anglewise.cli import main
from fuzz import spellings
from fuzz.case import Case
from fuzz.readers import ABOUT, RELEVANCE, files_in
from fuzz.strange import NAMES, changed, number, word
from fuzz.target import Target, harmless, with_damage, with_renaming
from fuzz.watch import CANARY, BrokenError

ENVIRONMENT = "env:"
"""Before a word that is set in the environment: ``env:ANGLEWISE_COMPARE_METRIC=R@5``."""
FRAME = re.compile(r'File ".*/anglewise/([^"]+)", line \d+, in (\S+)')
ESCAPES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
LONGEST_LINE = 2000
SLOW = ("demo",)
"""Left out: it takes minutes whatever it is given."""
WHOLE = """
compare space
compare space --direction queries-items --measures dot,cosine@centred,norm(0,*) --metric R@3
judge export space2 out.txt --combine majority
judge agreement space2 --judges anna,ben --sources human
compare space --gate cosine>=dot-0.5 --gate dot>=0.1 --junit out.xml --markdown out.md
compare space --history h.parquet --label v1 --at 2024-05-01T12:00:00Z --gate cosine>=last-0.01
compare space --html out.html --run-out runs --sequential --unjudged --json out.json
compare space --split group(topic) --metrics nDCG@5,RR@10 --baseline dot --tolerance 0.02 --seed 3
compare --spaces space other=space3 --variants :2,int8 --measures dot,cosine
compare --items items.npy --item-ids ids.txt --queries q.npy --query-ids q.txt --qrels qrels.txt
compare --items items.npy --item-ids ids.txt --qrels pairs.csv
compare --items items.npy --item-ids ids.txt --qrels labels.csv --label-queries 5
compare pairs4.csv --items words.vec
audit space --k 3 --sample 5
audit space -k 2 --witness d1 --condition 3 --save-witness out --html out.html
audit space -k 2 --pair d1 d2 --runs space2 --json -
search space --query q1 --measures dot,cosine -k 3
search space --query d1 --direction items-items --json -
search space --text wing --encoder words:words.vec
search strange --text wing
recommend model --user q1 -k 3 --explain --reasons 2
recommend model --used d1,d2 --allowed few.txt --popularity 0.5 --measure dot
replay ratings.csv --share 0.5 --measures dot,cosine --components 2 -k 3
fit ratings.csv -o out --components 2 --penalty 1 --item-table films.csv
fit ratings.csv -o out --objective ease --penalty 5 --normalise bm25(1,0.5) --min-weight 2
fit ratings.csv -o out --gauge power(0.25) --split time --holdout 0.3
fit ratings.csv -o out --objective raw-data --split last --user user_id --item item_id
encode docs.csv -o out --encoder words:words.vec?pool=sum --no-cache --chunk 3 --overlap 1
encode corpus.jsonl -o out --encoder words:words.vec --cache kept --queries queries.jsonl
context space --prompt wing --encoder words:words.vec --where text!=x --where text is missing
calibrate space -o out.json --depth 5 --kind logistic --recall 0.9 --plot out.svg
calibrate space -o out.json --foreign foreign.txt --encoder words:words.vec --prices
context space --prompt wing --encoder words:words.vec --relevance relevance.json --budget 300
context space --prompt wing --encoder words:words.vec --messages --most 2 --diversity 0.5
judge sample space -o out.csv --budget 20 --strata clusters(2),topic --traffic traffic
judge sample space -o out.parquet --by disagreement --depth 4 --measures dot,cosine
judge import space judged.csv --judge anna --grades relevant=1,no=0 --rejects bad.csv
judge import space qrels.txt --format trec --strict --source label
judge lint space --html out.html --gate warning --k 5
judge power space --difference 0.02 --plot out.svg --metric nDCG@5
judge next space --pairs 5 -o out.csv
judge from-interactions space ratings.csv --min-support 1 --graded
judge from-labels space labels.csv
judge agreement space2 --resamples 50 --disputes out.csv
judge export space2 out.csv --judges anna
judge export space2 out.json --format label-studio --direction queries-items
judge from-text space -o out.csv
inspect space --export page --measures dot,cosine --export-queries 2
inspect --items items.npy --item-ids ids.txt --export page --direction items-items
remedy space --candidates dot,cosine@centred,norm(0,*) --budget 1 --html out.html
remedy model --candidates factors(2),dot --budget 1 --keep 1 --json -
compare space --truths co-use,labels.csv:label --direction items-items
compare space --runs a.run --measures dot,cosine --metric R@3
holdout ratings.csv -o out --how last --tables csv
holdout ratings.csv -o out --how users --share 0.3 --seed 2
verify-report report.json
verify-report report.json --json -
probe lancedb://films
verify faiss://x.faiss space --k 3
export space --measure cosine --to elasticsearch://es/items
export space --measure dot --to lancedb://films
tune duckdb://f.duckdb/t space --runs 1
migrate space space2 --pairs 8 --k 3 -o out
migrate space space2 --measure dot --json -
judge grade space pairs.csv --model m --url ftp:x
mcp --help
schema
schema compare
schema space.json --json -
study --on ratings.csv --components 2 --penalty 1 --json -
study --on ratings.csv --components 2 --penalty 1 --output out
demo --help
doctor --json -
compare space --help
--version
"""
SETTINGS = '[compare]\nmetric = "R@3"\nmeasures = "dot,cosine"\n[audit]\nk = 3\n'
VALUES: dict[str, Callable[[Random], str]] = {
    "--measures": spellings.measures,
    "--measure": spellings.measure,
    "--baseline": spellings.candidate,
    "--metric": spellings.metric,
    "--metrics": spellings.metrics,
    "--gate": spellings.gate,
    "--gauge": spellings.gauge,
    "--normalise": spellings.normalisation,
    "--split": spellings.split,
    "--strata": spellings.split,
    "--where": spellings.filter_text,
    "--variants": spellings.variant,
    "--encoder": lambda rng: f"words:words.vec?{spellings.encoder(rng).partition('?')[2]}",
    "--grades": spellings.grades,
    "--candidates": spellings.measures,
    "--budget": lambda rng: rng.choice(("1", "2s", "0", "-1", "nan", "1 year", "")),
}
COMMANDS = ("compare", "audit", "search", "recommend", "replay", "fit", "encode", "calibrate")
COMMANDS += ("context", "judge sample", "judge import", "judge lint", "judge power", "judge next")
COMMANDS += ("inspect", "remedy", "study", "judge from-text")
COMMANDS += ("holdout", "verify-report", "migrate", "export", "schema")
COMMANDS += ("judge from-interactions", "judge from-labels", "judge agreement", "judge export")


def _run(case: Case) -> str:
    words = [word for word in case.words if not word.startswith(ENVIRONMENT)]
    code, out, err = _called(words, _environment(case.words))
    name = " ".join(words[: 2 if words[:1] == ["judge"] else 1])
    lines = err.splitlines()
    messages = [line for line in lines if line.startswith("anglewise: ")]
    if code not in {0, 1, 2}:
        frames = FRAME.findall(err)
        place = ":".join(frames[-1]) if frames else "outside"
        kind = next((one for one in reversed(lines[:-1]) if one[:1].strip()), "exit")
        raise BrokenError(kind.partition(":")[0][:60], place, f"exit {code}: {err[-600:]}")
    _need("Traceback" not in err, "a traceback", name, err)
    _need(len(messages) == (code == 2), f"{len(messages)} messages at exit {code}", name, err)
    long = max((len(line) for line in lines), default=0)
    _need(long <= LONGEST_LINE, "a long message", name, err)
    _need(code != 2 or not out, "output beside a refusal", name, out)
    shown = "--json" not in words and "--help" not in words
    _need(not ESCAPES.search(err), "control characters on standard error", name, err)
    _need(not (shown and ESCAPES.search(out)), "control characters on standard output", name, out)
    return f"{name} {code}" if code != 2 else f"{name} {_pattern(messages[0])}"


def _need(holds: object, kind: str, place: str, said: str) -> None:
    if not holds:
        raise BrokenError(kind, place, repr(said[-400:]))


def _pattern(message: str) -> str:
    """A message without what it tells of the input."""
    return re.sub(r"'[^']*'|\S*[\d/=.]\S*", "*", message[:500])[:50]


def _called(words: list[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Both streams refuse what a terminal in UTF-8 would refuse."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", write_through=True)
    with _with(environment), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return code, _written(out), _written(err)


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


@contextlib.contextmanager
def _with(environment: Mapping[str, str]) -> Generator[None, None, None]:
    os.environ.update(environment)
    try:
        yield
    finally:
        for name in environment:
            del os.environ[name]


def _environment(words: Sequence[str]) -> dict[str, str]:
    said = [word.removeprefix(ENVIRONMENT) for word in words if word.startswith(ENVIRONMENT)]
    pairs = [one.partition("=") for one in said]
    return {name: value for name, _, value in pairs if name.startswith("ANGLEWISE_")}


def _make(case: Case, pool: Sequence[Case], rng: Random) -> Case:
    chance = rng.random()
    if chance < 0.4:
        wanted = [name for name in sorted(case.files) if any(_names(w, name) for w in case.words)]
        some = {name: case.files[name] for name in wanted} or dict(case.files)
        hurt = with_damage(Case(case.target, case.words, some), pool, rng)
        return Case(case.target, case.words, {**case.files, **hurt.files})
    if chance < 0.43:
        return with_renaming(case, rng)
    if chance < 0.5:
        return _settings(case, rng)
    words = list(case.words)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _change(words, sorted(case.files), rng)
    return Case(case.target, tuple(words), case.files) if _typed(words) else case


def _names(typed: str, file: str) -> bool:
    return typed == file or file.startswith(f"{typed}/") or f":{file}" in typed


def _change(words: list[str], files: Sequence[str], rng: Random) -> None:
    options = [at for at, word in enumerate(words[:-1]) if word.startswith("-")]
    if not words:  # all were taken away before
        words.append(word(rng))
    deed = rng.random()
    if deed < 0.45 and options:
        at = rng.choice(options)
        words[at + 1] = _value(words[at], words[at + 1], files, rng)
    elif deed < 0.8:
        command = " ".join(words[: 2 if words[:1] == ["judge"] else 1])
        known = options_of(command)
        if known:
            name = rng.choice(known)
            words += [name, _value(name, "", files, rng)] if rng.random() < 0.85 else [name]
    elif deed < 0.86:
        del words[rng.randrange(len(words))]
    elif deed < 0.9:
        words.insert(rng.randrange(len(words) + 1), word(rng))
    elif deed < 0.95:
        at = rng.randrange(len(words))
        words[at] = changed(words[at], rng)
    else:
        words.insert(rng.randrange(len(words)), rng.choice(words))


def _value(option: str, old: str, files: Sequence[str], rng: Random) -> str:
    chance = rng.random()
    if chance < 0.6 and option in VALUES:
        return VALUES[option](rng)
    if chance < 0.7 and old:
        return changed(old, rng)
    if chance < 0.8:
        return rng.choice((*files, "space", "space2", "out", ".", "new/x", "ids.txt/x"))
    if chance < 0.85:
        return rng.choice(NAMES)
    return number(rng) if rng.random() < 0.7 else word(rng)


def _settings(case: Case, rng: Random) -> Case:
    """Options in a file of settings, or in the environment."""
    command = rng.choice(COMMANDS[:4])
    name = rng.choice(options_of(command))[2:]
    value = _value(f"--{name}", "", sorted(case.files), rng)
    if rng.random() < 0.3:
        told = f"ANGLEWISE_{command}_{name}".upper().replace("-", "_") + f"={value}"
        words = (*case.words, f"{ENVIRONMENT}{told}")
        return Case(case.target, words, case.files) if _typed(words) else case
    written = rng.choice((json.dumps(value), value or '""', f"[{value}]", f'["{value}"]', "{a=1}"))
    text = changed(SETTINGS, rng) if rng.random() < 0.5 else f"[{command}]\n{name} = {written}\n"
    if not harmless((value, text)):
        return case
    data = text.encode("utf-8", "surrogatepass")
    words = (command, "space", *(("--query", "q1") if command == "search" else ()))
    return Case(case.target, words, {**case.files, "anglewise.toml": data})


def _typed(words: Sequence[str]) -> bool:
    """Whether a shell can pass these words on, and following them stays in the folder."""
    if not words or (words[0] in SLOW and "--help" not in words) or not harmless(words):
        return False
    if "inspect" in words and "--export" not in words:  # it would serve
        return False
    if "study" in words and "--on" not in words:  # its own catalogue takes many seconds
        return False
    if "from-text" in words and {"--model", "--url"} & set(words):  # another machine
        return False
    try:
        return not any(b"\0" in word.encode("utf-8", "surrogateescape") for word in words)
    except UnicodeEncodeError:
        return False


@cache
def options_of(command: str) -> tuple[str, ...]:
    """The options of a command, from its own help."""
    if command not in COMMANDS:
        return ()
    _, out, _ = _called([*command.split(), "--help"], {})
    return tuple(sorted(set(re.findall(r"--[a-z][a-z-]+", out)) - {"--help"}))


@cache
def _seeds() -> Sequence[Case]:
    files = _files()
    cases = [Case("command", tuple(line.split()), files) for line in WHOLE.strip().split("\n")]
    toml = {**files, "anglewise.toml": SETTINGS.encode()}
    return [*cases, Case("command", ("compare", "space"), toml)]


def _files() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        x = rng.standard_normal((12, 3))
        q = (x + 0.3 * rng.standard_normal((12, 3)))[:10]
        np.save(folder / "items.npy", x)
        np.save(folder / "q.npy", q)
        lines = {
            "ids.txt": [f"d{i}" for i in range(12)],
            "few.txt": ["d3", "d4", "d5"],
            "q.txt": [f"q{i}" for i in range(10)],
            "qrels.txt": [
                f"q{i} 0 d{(i + j) % 12} {2 * (j == 0)}" for i in range(10) for j in range(3)
            ],
            "pairs.csv": ["id_a,id_b,score", *(f"d{i},d{i + 1},{i / 3}" for i in range(11))],
            "pairs4.csv": ["word1,word2,score", "wing,flow,1", "wing,d1,2", "flow,d2,9", "d1,d2,4"],
            "labels.csv": ["id,label", *(f"d{i},{'ab'[i % 2]}" for i in range(12))],
            "films.csv": ["item_id,title", *(f"d{i},Film {i}" for i in range(9))],
            "judged.csv": ["query_id,item_id,grade,judge", "q1,d1,relevant,ben", "q1,d3,0,ben"],
            "a.run": [
                f"q{i} Q0 d{(i + j) % 12} {j + 1} {9 - j} x" for i in range(10) for j in range(4)
            ],
            "foreign.txt": ["who pays?", "what of it?"],
            "docs.csv": ["id,text", "a,wing flow lift", "b,flow", "c,a heist at night again"],
            "words.vec": ["4 3", "wing 1 0 0", "flow 0 1 0", "d1 0 0 1", "d2 0 1 1"],
            "corpus.jsonl": [json.dumps({"_id": f"c{i}", "text": "wing flow"}) for i in range(3)],
            "queries.jsonl": [json.dumps({"_id": f"k{i}", "text": "flow"}) for i in range(2)],
            "ratings.csv": [
                "user_id,item_id,rating,timestamp",
                *(
                    f"q{u},d{i},{1 + (u * i) % 5},{u + 7 * i}"
                    for u in range(14)
                    for i in range(9)
                    if (u + i) % 3
                ),
            ],
            f"{CANARY}.py": ["raise SystemExit('code of a stranger ran')"],
        }
        for file, rows in lines.items():
            (folder / file).write_text("\n".join(rows) + "\n", encoding="utf-8")
        (folder / "relevance.json").write_text(json.dumps(RELEVANCE), encoding="utf-8")
        _spaces(folder, x, q)
        with contextlib.chdir(folder):
            code, out, err = _called(["compare", "space", "--quiet", "--json", "-"], {})
            assert code == 0, err
            Path("report.json").write_text(out, encoding="utf-8")
        return files_in(folder)


def _spaces(folder: Path, x: np.ndarray, q: np.ndarray) -> None:
    asking = Embeddings(
        q,
        ids=[f"q{i}" for i in range(10)],
        metadata={"topic": list("aabbccddee"), "traffic": list(range(10))},
    )
    known = {"title": [f"Paper {i}" for i in range(12)], "text": ["wing flow"] * 12}
    ranked = Embeddings(x, ids=[f"d{i}" for i in range(12)], metadata=known)
    space = Space(queries=asking, items=ranked, trained_for="dot", about=ABOUT)
    judged = read_judgements(folder / "qrels.txt", space)
    write_space(space, folder / "space", judgements={"queries-items": judged})
    write_space(space, folder / "space2", judgements={"queries-items": judged})
    write_space(space, folder / "space3", judgements={"queries-items": judged})
    words = ["fit", str(folder / "ratings.csv"), "-o", str(folder / "model"), "--components", "2"]
    code, _, err = _called([*words, "--penalty", "1"], {})
    assert code == 0, err
    about = {"encoder": f"python:{CANARY}:encode"}
    write_space(Space(items=ranked, about=about), folder / "strange")
    with JudgementStore.open(folder / "space2" / "judgements.sqlite") as store:
        store.add_many(
            Judged(f"q{i}", f"d{i + j}", float(j == 0), judge=judge, time=1e9 + i)
            for i in range(5)
            for j in range(2)
            for judge in ("anna", "ben")
        )


COMMAND = Target("command", 5, _run, _seeds, _make, patience=2)
