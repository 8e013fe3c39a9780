"""Which measure on real data, by encoder and model: the tables of docs/how-to/remedies.md.

    python benchmarks/real_spaces.py [NAME ...] [--data ../shared/data] [-w FILE]

Encodes texts and images and trains recommenders (`real_texts.py`, `real_images.py`,
`real_interactions.py` say with what), compares measures on each space, and prints a table for
each data set. Vectors are kept in `--cache`, so that a second run takes the time of the
comparisons; a data set is left out if it or a package is missing, unless it is named. `-w` puts
the tables between the marks of their names in a page. The folder of data holds
`NAME/corpus.jsonl.gz`, `queries.jsonl` and `qrels.tsv`, `banking77/texts.csv` and
`NAME/interactions.csv.gz`.
"""

import argparse
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import real_images
import real_interactions
import real_texts

from anglewise.comparison.compare import compare
from anglewise.comparison.comparison_result import Comparison
from anglewise.data_types.embeddings import Space
from anglewise.data_types.judgements import Judgements
from anglewise.report.words import interval, number

MEASURES = "dot,cosine,euclidean,manhattan,norm(0,0.5),cosine@centred,cosine@whitened"
ROOT = Path(__file__).parents[1]
Judged = Iterator[tuple[str, Space, Judgements]]


def main() -> None:
    """Print, or write, one table a data set."""
    parser = argparse.ArgumentParser(description="Which measure on real data?")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--clothes", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--cache", type=Path, default=ROOT.parent / "build" / "real-spaces")
    parser.add_argument("-w", "--write", type=Path)
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    known = data_sets(options.data, options.clothes, options.cache)
    if unknown := set(options.names) - set(known):
        parser.error(f"no data set is called {min(unknown)}: there are {', '.join(known)}")
    for name in options.names or known:
        try:
            found = section(known[name]())
        except (ImportError, OSError) as missing:
            if options.names:
                raise
            print(f"{name}: left out ({missing})\n")
            continue
        print(f"{name}\n\n{found}\n", flush=True)
        if options.write is not None:
            options.write.write_text(written(options.write.read_text(), name, found))


def data_sets(data: Path, clothes: Path, cache: Path) -> dict[str, Callable[[], Judged]]:
    """What makes the spaces of each data set, with judgements."""
    sets: dict[str, Callable[[], Judged]] = {
        name: partial(real_texts.retrieval, data / name, cache)
        for name in ("cranfield", "scifact", "chroma-chunking-eval")
    }
    sets["banking77"] = partial(real_texts.labelled, data / "banking77", cache)
    sets["digits"] = partial(real_images.digits, cache)
    sets["fashion-mnist"] = partial(real_images.clothes, clothes, cache)
    for name in ("ml-1m", "movietweetings-100k"):
        for way in ("queries-items", "items-items"):
            sets[f"{name} {way}"] = partial(real_interactions.trained, data / name, way)
    return sets


def section(judged: Judged) -> str:
    """A table of the measures (rows) in the spaces of one data set (columns)."""
    results = {name: compare(space, one, MEASURES) for name, space, one in judged}
    first = next(iter(results.values()))
    names = sorted((one.measure for one in first.measures), key=MEASURES.find)
    rows = [[f"`{name}`", *(_cell(result, name) for result in results.values())] for name in names]
    rows.append(["verdict", *(_verdict(result) for result in results.values())])
    heading = [f"{first.metric} [95%]", *results]
    facts = f"{first.direction}, {first.queries:,} queries, {first.items:,} items"
    return f"{facts}\n\n{_table(heading, rows)}"


def written(page: str, name: str, found: str) -> str:
    """The page with another table between the marks of a name."""
    mark = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not mark.search(page):
        raise SystemExit(f"the page has no mark <!-- {name} -->")
    return mark.sub(lambda match: f"{match[1]}{found}\n{match[2]}", page)


def _cell(result: Comparison, name: str) -> str:
    one = next(m for m in result.measures if m.measure == name)
    at = one.metrics[result.metric]
    told = f"{number(at.mean)} {interval(at.low, at.high)}"
    return f"**{told}**" if one.may_be_best else told


def _verdict(result: Comparison) -> str:
    said = result.verdict
    if said.decision == "use":
        return f"use `{said.measure}`"
    if said.decision == "tie" and said.at_least is not None:
        return f"keep `{said.measure}`, the best"
    if said.decision == "tie":
        return f"tie, keep `{said.measure}`"
    if said.decision == "better":
        return f"`{said.measure}` is better, perhaps not by as much as matters"
    return f"cannot tell: {said.needed_queries:,} more" if said.needed_queries else "cannot tell"


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
