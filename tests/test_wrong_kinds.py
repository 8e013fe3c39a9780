"""What is of a wrong kind, or of the right one and out of bounds, is refused in one sentence."""

import subprocess
import sys

import numpy as np
import pytest

import anglewise as aw
from anglewise import Embeddings, Space, read_space, write_space
from anglewise.cli.path_checks import _check_word
from anglewise.cli.paths import PathRole
from anglewise.errors import AnglewiseError, FileError, ValuesError, WrongTypeError
from anglewise.io.files import checked_path
from anglewise.remedies.result_cache import open_cache

LONG = "x" * 3000
SPACE = aw.Space(items=aw.Embeddings(np.eye(4)))

CALLS = """
import sys
import numpy as np
import anglewise as aw
from anglewise.recommender_models.normalisation import normalisation

space = aw.Space(items=aw.Embeddings(np.eye(4)))
judged = aw.Judgements.from_dict({"0": {"1": 1}, "1": {"2": 1}}, space)
listed = aw.search(space, ["dot"], k=2)["dot"]
compared = aw.compare(space, judged)
wrong = {"none": None, "int": 0, "bytes": b"x", "list": [3], "array": np.eye(2)}
encoder = lambda texts: [[1.0]] * len(texts)
calls = {
    "measure": aw.measure,
    "measures": lambda wrong: aw.search(space, [wrong]),
    "metric": lambda wrong: aw.compare(space, judged, metric=7 if wrong is None else wrong),
    "fit_ease": lambda wrong: aw.fit_ease(None if isinstance(wrong, np.ndarray) else wrong),
    "adapter": lambda wrong: aw.adapter(space, wrong),
    "adapter of": lambda wrong: aw.adapter(wrong, None),
    "normalisation": normalisation,
    "compare_spaces": lambda wrong: aw.compare_spaces(wrong, judged),
    "read_judgements": lambda wrong: aw.read_judgements("qrels.tsv", wrong),
    "read_pairs": lambda wrong: aw.read_pairs("pairs.csv", wrong),
    "read_triplets": lambda wrong: aw.read_triplets("triplets.csv", wrong),
    "to_frame": lambda wrong: listed.to_frame(wrong),
    "per_query": lambda wrong: compared.per_query(7 if wrong is None else wrong),
    "rows_of": lambda wrong: space.items.rows_of({"0", "1"}, "user"),
    "rows_of dict": lambda wrong: space.items.rows_of({"0": "1"}, "user"),
    "replay": aw.replay,
    "study": aw.study,
    "inspect": lambda wrong: aw.inspect(space, port="8000"),
    "store": aw.JudgementStore.open,
    "index": lambda wrong: aw.Index.load(wrong, "dot"),
    "index to save": aw.Index(space, "dot").save,
    "items": lambda wrong: aw.read_space(items=7 if wrong is None else wrong),
    "store of the page": lambda wrong: aw.inspect(space, store=7 if wrong is None else wrong),
    "cache": lambda wrong: aw.encode(["a"], encoder, cache=7 if wrong is None else wrong),
}
for call, function in calls.items():
    for kind, value in wrong.items():
        try:
            function(value)
        except aw.AnglewiseError as error:
            if "due" not in str(error) and "give a list" not in str(error):
                print(call, kind, error)
        except Exception as error:
            print(call, kind, repr(error))
        else:
            print(call, kind, "passed")
"""


def test_a_value_of_a_wrong_kind_is_named_with_what_is_due():
    """In a process without the type checks of the tests, which would be first to refuse."""
    run = subprocess.run([sys.executable, "-c", CALLS], capture_output=True, text=True, check=True)
    assert not run.stdout


@pytest.mark.parametrize("cells", [[{}, {}], [[{}], [{}]], [10**30, 1], [-(10**30), 1]])
def test_metadata_that_parquet_cannot_hold_are_refused_by_their_column(tmp_path, cells):
    items = aw.Embeddings(np.eye(2), metadata={"strange": cells})
    with pytest.raises(ValuesError, match="metadata column 'strange'"):
        aw.write_space(aw.Space(items=items), tmp_path / "space")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("port", [-1, 70_000, 10**30, -(10**30)])
def test_a_port_that_no_machine_has_is_refused(port):
    with pytest.raises(AnglewiseError, match="port"):
        aw.inspect(SPACE, port=port)


@pytest.mark.parametrize(
    "call",
    [
        lambda path: aw.read_judgements(path, SPACE),
        aw.read_space,
        aw.read_interactions,
        aw.JudgementStore.open,
        lambda path: aw.write_space(SPACE, path),
    ],
)
def test_a_name_too_long_is_refused_with_the_path(call, tmp_path):
    with pytest.raises(FileError, match="xxx"):
        call(tmp_path / LONG)


def test_a_cache_whose_name_is_too_long_is_said_and_not_kept(tmp_path):
    said = []
    open_cache(tmp_path / LONG, said.append)
    assert "cannot be made" in said[0]


@pytest.mark.parametrize("path", [b"x", None, 3])
def test_what_is_no_path_of_an_output_is_named(path):
    with pytest.raises(WrongTypeError, match="path of an output"):
        checked_path(path, "an output")


@pytest.mark.wrong_kinds
def test_what_is_read_is_called_no_output():
    with pytest.raises(FileError, match="path of a file holds a zero"):
        checked_path("a\0b")
    word = "a\0b"
    option, reads, writes = object(), PathRole("reads"), PathRole("writes")
    with pytest.raises(FileError, match="path of a file holds a zero"):
        _check_word(option, reads, word)
    with pytest.raises(FileError, match="path of an output holds a zero"):
        _check_word(option, writes, word)


def test_an_empty_path_is_not_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileError, match="an empty path"):
        write_space(Space(items=Embeddings([[1.0, 0.0]])), "")
    with pytest.raises(FileError, match="an empty path"):
        read_space("")
