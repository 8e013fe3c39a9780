"""What makes up a space is known by what it holds, in whatever folder a mount or link shows it."""

import numpy as np
import pytest

from anglewise import Embeddings, Judgements, Space, read_space, write_space
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import FileError
from anglewise.io.judgement_export import write_values
from anglewise.io.outputs import check_new_file, new_file
from anglewise.io.pairs_to_judge import write_columns
from anglewise.io.runs import append_history

FILES = (
    "space.json",
    "items.parquet",
    "queries.parquet",
    "seen.parquet",
    "judgements/queries-items.parquet",
    "judgements/queries-items-missing.parquet",
    "judgements/queries-items-judged-items.parquet",
    "judgements/queries-items-queries.parquet",
)


@pytest.fixture
def space(tmp_path):
    table = SparseRows.from_pairs([0, 1], [0, 2], [1.0, 1.0], shape=(2, 3))
    items = Embeddings(np.eye(3), ids=["a", "b", "c"], metadata={"title": ["A", "B", "C"]})
    queries = Embeddings(np.eye(3)[:2], ids=["q", "r"])
    judged = Judgements(
        table,
        missing=SparseRows.from_pairs([0], [0], [1.0], shape=(2, 1)),
        missing_ids=("x",),
        judged_items=np.array([True, True, False]),
        chances=SparseRows.from_pairs([0, 0, 1], [0, 3, 2], [1.0, 0.5, 0.5], shape=(2, 4)),
        judged_at=np.array([1.0, 2.0]),
    )
    space = Space(items=items, queries=queries, seen=table)
    write_space(space, tmp_path / "space", judgements={"queries-items": judged})
    return tmp_path / "space"


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_a_space_is_replaced_under_no_other_name(name, space, tmp_path):
    part = tmp_path / f"elsewhere{(space / name).suffix}"  # as through a mount of its folder
    (space / name).rename(part)
    before = part.read_bytes()
    for write in (check_new_file, lambda path: new_file(path).__enter__()):
        with pytest.raises(FileError, match="is what a space is made of"):
            write(part)
    assert part.read_bytes() == before


def test_every_file_of_a_space_is_looked_at(space):
    files = {path.relative_to(space).as_posix() for path in space.rglob("*") if path.is_file()}
    assert files == set(FILES)


def test_what_a_space_links_to_is_a_part_of_it(space):
    (space / "items.parquet").rename(space / "pool.parquet")
    (space / "items.parquet").symlink_to("pool.parquet")
    with pytest.raises(FileError, match="is what a space is made of"):
        check_new_file(space / "pool.parquet")
    assert len(read_space(space).items) == 3


def test_other_tables_are_replaced_as_before(tmp_path):
    file = tmp_path / "t.parquet"
    for _ in range(2):
        write_values(file, {"query_id": np.array(["q"]), "dot": np.array([0.5])})
    for _ in range(2):
        write_columns(file, {"query_id": ["q"], "item_id": ["a"], "grade": [1.0]})
    append_history(tmp_path / "h.parquet", [{"measure": "dot", "mean": 0.5}])
    assert append_history(tmp_path / "h.parquet", [{"measure": "dot", "mean": 0.5}]) == 2
    file.write_bytes(b"PAR1 and no table")
    (tmp_path / "r.json").write_text('{\n "format": 1\n}')
    for path in (file, tmp_path / "r.json"):
        with new_file(path) as opened:
            opened.write(b"{}")
