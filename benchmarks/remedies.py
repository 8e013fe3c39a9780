"""Every remedy against raw cosine and raw dot: the tables of what-to-use-instead-of-cosine.md.

    python benchmarks/remedies.py [--only ml-1m/items-items] [--budget 1800] [--into PAGE]
        [--data ../shared/data] [--cache DIR]

MovieLens-1M and MovieTweetings with the linear model of ``anglewise fit`` (64 dimensions, a fifth
of the users held out), in both directions; Cranfield's questions by two encoders; Banking77's
texts by the Universal Sentence Encoder, 500 of them asking for texts of their label. Similar films
are judged by what held-out users used together, within strata of similar use, with the verdict of
each way of judging beneath, and one or two candidates of each kind. Nothing is screened: all
candidates are one family of tests on all judged queries. Prints a Markdown table for each, or puts
it into a page between ``<!-- remedies NAME -->`` and ``<!-- end -->``. With PyTorch (the extra
``train``) what is trained for a measure is among them.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

from anglewise.comparison.comparison_result import Comparison
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.encoders.encode import encode
from anglewise.io.read import read_interactions, read_judgements, read_space
from anglewise.judgements.records import Labels
from anglewise.judgements.same_label import from_labels
from anglewise.recommender_models.fit import fit
from anglewise.remedies.remedy import remedy
from anglewise.remedies.remedy_result import Remedied, Remedy
from anglewise.report.remedy_document import duration

TABLES = ("ml-1m", "movietweetings-100k")
ENCODERS = ("paraphrase-L3", "use")
LABELLED = "banking77"
SIMILAR = (
    "euclidean, norm(0,*), cosine@centred, cosine@standardised, cosine@without-top(1), "
    "cosine@whitened, csls(10), mutual-proximity, cosine@adapted, "
    "cosine@data-space, cosine@balanced, "
    "product(10): cosine@data-space, product(100): cosine@data-space, "
    "product(10000): cosine@data-space, product(10000): cosine, "
    "factors(3): cosine@data-space, factors(10): cosine@data-space, "
    "propensity·product(2000): cosine@data-space, bm25·product(2000): cosine@data-space, "
    "tf-idf·product(5): cosine@data-space, standardised·product(20000): cosine@data-space, "
    "ease(*): cosine, raw-data: cosine, trained-cosine: cosine, trained-dot: dot, "
    "trained-dot: cosine, trained-euclidean: euclidean"
)
"""What competes for similar films: one or two of each kind, as every further one costs power."""
FEWER = (
    "norm(0,*), cosine@centred, csls(10), cosine@data-space, cosine@adapted, "
    "product(10000): cosine@data-space, factors(10): cosine@data-space, "
    "bm25·product(2000): cosine@data-space, raw-data: cosine, trained-cosine: cosine, "
    "trained-dot: dot"
)
"""Of MovieTweetings, which has more queries and fewer ways to do well."""
COMPETING = {"ml-1m/items-items": SIMILAR, "movietweetings-100k/items-items": FEWER}
NAMES = (
    *(f"{table}/{way}" for table in TABLES for way in ("queries-items", "items-items")),
    *(f"cranfield/{encoder}" for encoder in ENCODERS),
    LABELLED,
)


FIRST = 6
"""So many candidates of a table stand in a page."""


def main() -> None:
    """Run what is asked for, one table after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=NAMES, action="append")
    parser.add_argument("--budget", type=float, default=1800)
    parser.add_argument("--into", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    for name in options.only or NAMES:
        space, judged = made(name, options.data)
        result = remedy(
            space,
            judged,
            COMPETING.get(name),
            finalists=1000,
            budget_seconds=options.budget,
            cache=options.cache,
        )
        told = "\n".join(lines(result))
        if options.into is None:
            print(f"## {name}\n\n{told}\n", flush=True)
        else:
            put(options.into, name, shortened(told))


def made(name: str, data: Path) -> tuple[Space, Judgements]:
    """A space and its judgements, by name."""
    if name == LABELLED:
        return labelled(data / LABELLED / "texts.csv")
    folder, kind = name.split("/")
    if folder in TABLES:
        fitted = fit(read_interactions(data / folder / "interactions.csv.gz"))
        return fitted.space, fitted.judgements[kind]
    space = read_space(data / folder / "vectors" / kind)
    return space, read_judgements(data / folder / "qrels.tsv", space)


def labelled(path: Path) -> tuple[Space, Judgements]:
    """Texts with labels, of which 500 drawn at random ask for the others of their label."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [row["text"] for row in rows]
    ids = [str(place) for place in range(len(rows))]
    space = encode(dict(zip(ids, texts, strict=True)), "use")
    labels = Labels({name: row["label"] for name, row in zip(ids, rows, strict=True)})
    return space, from_labels(space, labels, queries=500)


def lines(result: Remedy) -> Iterator[str]:
    """The table, best first, with what is left out behind it."""
    comparison = result.comparison
    yield (
        f"{comparison.queries:,} queries, {comparison.items:,} items, {comparison.judged:,} "
        f"judgements. {result.advice.sentence}."
    )
    yield ""
    strata = [one.name for one in result.strata]
    heads = ["candidate", f"{comparison.metric} [95%]", "vs cosine", "vs dot", *strata]
    heads += ["coverage", "bytes", "training"]
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' + '---:|' * (len(heads) - 1)}"
    for row, one in zip(comparison.measures, result.candidates, strict=True):
        it = row.metrics[comparison.metric]
        name = f"**`{one.candidate}`**" if row.may_be_best else f"`{one.candidate}`"
        cells = [name, f"{it.mean:.3f} [{it.low:.3f}, {it.high:.3f}]"]
        cells += [apart(one, against) for against in ("cosine", "dot")]
        cells += [f"{part.means[one.candidate]:.3f}" for part in result.strata]
        cells += [f"{one.coverage.share:.0%}", f"{one.cost.bytes_a_vector:,}"]
        cells.append(duration(one.cost.making_seconds) if one.kind == "re-made" else "")
        yield f"| {' | '.join(cells)} |"
    for name, why in result.left_out.items():
        yield f"\nLeft out: `{name}`, {why}."
    if comparison.ways:
        yield from ways(comparison)


def ways(comparison: Comparison) -> Iterator[str]:
    """The verdict of each way of judging, and what lists without a model reach."""
    shown = [row.measure for row in comparison.measures[:1]]
    shown += [name for name in ("cosine", "dot") if name not in shown]
    yield ""
    yield f"| judged | queries | verdict | {' | '.join(f'`{name}`' for name in shown)} |"
    yield f"|---|---:|---|{'---:|' * len(shown)}"
    for way in comparison.ways:
        cells = [way.name, f"{way.queries:,}", way.verdict.headline]
        cells += [f"{way.means[name]:.3f}" for name in shown]
        yield f"| {' | '.join(cells)} |"
    floors = ", ".join(f"{floor.name} {floor.mean:.3f}" for floor in comparison.floors)
    yield f"\nWithout a model, {comparison.within}: {floors}."


def apart(one: Remedied, against: str) -> str:
    """A difference with its interval, a star where it is real at 95% in the whole family."""
    it = one.vs.get(against)
    if it is None:
        return ""
    star = "\\*" if it.p_adjusted <= 0.05 else ""
    return f"{it.difference:+.3f}{star} [{it.low:+.3f}, {it.high:+.3f}]"


def shortened(told: str) -> str:
    """A table for a page: its first rows, raw cosine and dot; all are printed without --into."""
    head, mark, rest = told.partition("---:|\n")
    rows, gap, after = rest.partition("\n\n")
    lines = rows.splitlines()
    kept = [
        line
        for place, line in enumerate(lines)
        if place < FIRST or line.replace("*", "").startswith(("| `cosine` |", "| `dot` |"))
    ]
    if len(lines) > len(kept):
        kept.append(f"\n{len(lines) - len(kept)} more stand below these in the whole table.")
    return f"{head}{mark}{chr(10).join(kept)}{gap}{after}"


def put(page: Path, name: str, told: str) -> None:
    """Replace what stands between the markers of a table."""
    begin, end = f"<!-- remedies {name} -->", "<!-- end -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n{told}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
