"""An address stands where a space does: all rows are read, nothing else is written or shown."""

import sqlite3
from contextlib import closing
from importlib.util import find_spec

import numpy as np
import pytest

import anglewise as aw
from anglewise.data_types.stored_lengths import LENGTH, stored_notes
from anglewise.errors import (
    FileError,
    IdsError,
    MissingExtraError,
    ShapeError,
    SpellingError,
    StoreError,
    ValuesError,
)
from anglewise.stores import stored_space
from anglewise.stores.address import KINDS, hidden, read_address
from anglewise.stores.export import RAW
from anglewise.stores.known_files import stored_place
from anglewise.stores.reductions import reductions
from anglewise.stores.vector_store import Described, StoredRows
from cli_run import anglewise, refused
from memory_store import MemoryStore, unit

__all__ = ["anglewise"]

ADDRESS = "faiss:///in/memory"
RNG = np.random.default_rng(0)
X = (RNG.normal(size=(40, 6)) * RNG.lognormal(0, 0.8, (40, 1))).astype(np.float32)
Q = RNG.normal(size=(9, 6)).astype(np.float32)
IDS = [f"d{row}" for row in range(40)]
ABOUT = [{"title": f"T{row}", "year": 1990 + row, "tags": ["x"]} for row in range(40)]


class KeptStore(MemoryStore):
    """One that keeps metadata, and may say that it has more rows than it gives back."""

    def __init__(self, metric="dot", about=(), more=0, **settings):
        super().__init__(metric, **settings)
        self.about, self.more = list(about), more

    def described(self):
        size = 0 if self.x is None else self.x.shape[1]
        return Described("memory 1", size, len(self.ids) + self.more, self.metric, "scan")

    def rows(self, batch=2000):
        for part in super().rows(batch):
            yield StoredRows(part.ids, part.vectors, self.about)


@pytest.fixture
def stored(monkeypatch):
    """Let every address lead to one store."""

    def set_up(store):
        monkeypatch.setattr(stored_space, "open_store", lambda _: store)
        return store

    return set_up


def film_store(**settings):
    return KeptStore(about=ABOUT, **settings).filled(IDS, X)


def test_rows_are_items_with_their_ids_and_metadata(stored):
    stored(film_store())
    said = []
    space = aw.read_space(ADDRESS, say=said.append)
    np.testing.assert_array_equal(space.items.vectors, X)
    assert space.items.ids.tolist() == IDS
    assert space.items.metadata["title"] == [row["title"] for row in ABOUT]
    assert space.items.metadata_columns == ["title", "year"]
    assert any("tags is not read" in sentence for sentence in said)
    assert space.one_sided
    assert space.about["store"]["ranks_by"] == "dot"
    assert space.about["read_from"] == {"items": ADDRESS}


def test_queries_come_from_a_file(stored, tmp_path):
    stored(film_store())
    np.save(tmp_path / "q.npy", Q)
    for given in ({"path": ADDRESS}, {"items": read_address(ADDRESS)}):
        space = aw.read_space(**given, queries=tmp_path / "q.npy", trained_for="dot")
        np.testing.assert_array_equal(space.queries.vectors, Q)
        assert (space.trained_for, len(space.items)) == ("dot", 40)
    np.save(tmp_path / "other.npy", Q[:, :3])
    with pytest.raises(ShapeError, match=r"in/memory and .*other\.npy: queries have 3 columns"):
        aw.read_space(ADDRESS, queries=tmp_path / "other.npy")
    with pytest.raises(SpellingError, match="queries come from a file"):
        aw.read_space(ADDRESS, queries=ADDRESS)
    with pytest.raises(FileError, match="does not exist"):
        aw.read_space(ADDRESS, queries=tmp_path / "none.npy")


def test_what_would_be_ignored_is_refused(stored, tmp_path):
    stored(film_store())
    for name in ("query_ids", "query_texts", "vector_column", "id_column", "vector_format"):
        with pytest.raises(SpellingError, match=f"{name} .*is of a file"):
            aw.read_space(ADDRESS, **{name: "bits"})
    with pytest.raises(SpellingError, match="ids of its own"):
        aw.read_space(ADDRESS, item_ids=tmp_path / "ids.txt")
    with pytest.raises(SpellingError, match="not both"):
        aw.read_space(ADDRESS, items=ADDRESS)


def test_texts_of_a_file_are_added_by_id(stored, tmp_path):
    stored(film_store())
    (tmp_path / "t.csv").write_text("id,text\n" + "".join(f"{i},about {i}\n" for i in IDS))
    items = aw.read_space(ADDRESS, item_texts=tmp_path / "t.csv").items
    assert items.metadata["text"][3] == "about d3"


@pytest.mark.parametrize(
    ("store", "error", "says"),
    [
        (lambda: KeptStore().filled(["a", "b", "a"], X[:3]), IdsError, "make ids unique"),
        (lambda: KeptStore().filled(IDS[:3], X[:3] * np.nan), ValuesError, "holds NaN"),
        (lambda: KeptStore().filled(IDS[:3], X[:3] * 0), ValuesError, "every number is zero"),
        (KeptStore, StoreError, "is empty"),
        (lambda: KeptStore(more=7), StoreError, "gives back none of the vectors of 7 rows"),
    ],
)
def test_what_cannot_be_ranked_is_named_with_the_address(stored, store, error, says):
    stored(store())
    with pytest.raises(error, match=rf"faiss:///in/memory.*{says}"):
        aw.read_space(ADDRESS)


def test_rows_without_a_vector_are_counted_aloud(stored):
    stored(film_store(more=3))
    said = []
    space = aw.read_space(ADDRESS, say=said.append)
    sentence = f"{ADDRESS}: 3 rows of 43 came without a vector, and are left out"
    assert sentence in said
    assert sentence in aw.audit(space, k=3).notes


def test_a_store_that_keeps_no_vectors_says_so(stored):
    class Without(KeptStore):
        def rows(self, batch=2000):
            del batch
            raise StoreError("reconstruct not implemented")
            yield

    stored(Without().filled(IDS, X))
    with pytest.raises(StoreError, match="not implemented; its vectors are due for this"):
        aw.read_space(ADDRESS)


def test_memory_is_looked_at_before_anything_is_read(stored, monkeypatch):
    class Huge(KeptStore):
        def rows(self, batch=2000):
            raise AssertionError(batch)

    monkeypatch.setenv("ANGLEWISE_MEMORY", "1MB")
    stored(Huge(more=1_000_000).filled(IDS, X))
    with pytest.raises(ValuesError, match=r"all of faiss:///in/memory takes 24 MB, 1.0 MB are"):
        aw.read_space(ADDRESS)
    texts = [{"text": "x" * 100_000} for _ in range(40)]  # which no count tells beforehand
    stored(KeptStore(about=texts).filled(IDS, X))
    with pytest.raises(ValuesError, match="are allowed"):
        aw.read_space(ADDRESS)


def test_prepared_vectors_are_said_and_kept_ones_taken(stored):
    made = aw.Space(items=aw.Embeddings(X, IDS), queries=Q)
    measure = aw.measure("csls(5)")
    way = reductions(measure, made, "queries-items")[0]
    prepared = way.items(np.arange(40, dtype=np.int64))
    store = stored(KeptStore().filled(IDS, prepared))
    store.write_manifest(manifest("csls(5)", way.name, prepared))
    said = []
    assert aw.read_space(ADDRESS, say=said.append).items.dimension == prepared.shape[1]
    assert any("its prepared vectors" in sentence for sentence in said)
    notes = aw.audit(aw.read_space(ADDRESS), k=3).notes  # which reach every report, and JSON
    assert any("not those of the model" in note for note in notes)
    store.about = [{RAW: row.tolist(), LENGTH: 1.5} for row in X]
    items = aw.read_space(ADDRESS, say=said.append).items
    np.testing.assert_array_equal(items.vectors, X)
    notes = aw.audit(aw.read_space(ADDRESS), k=3).notes
    assert not any("not those of the model" in note for note in notes)
    assert items.metadata_columns == [LENGTH]
    assert any(f"took {RAW}" in sentence for sentence in said)


def manifest(measure, way, vectors):
    from anglewise.stores.manifest import Manifest

    return Manifest(
        measure, "queries-items", way, "dot", vectors.shape[1], len(vectors), "t", "0", [0.0], 1e-6,
        {}, 1, 1.0, 0.9, 10, 9, "1",
    ).to_text()  # fmt: skip


def test_notes_say_what_the_lengths_show_and_nothing_of_files(stored):
    assert not list(stored_notes(aw.Space(items=X)))
    stored(KeptStore("cosine").filled(IDS, unit(X)))
    space = aw.read_space(ADDRESS, trained_for="dot")
    word, lengths = stored_notes(space)
    assert word == f"by its own word (cosine) {ADDRESS} ranks by cosine"
    assert "all lengths in faiss:///in/memory are 1, to within 0.001" in lengths
    assert "if the model gave other lengths, they are gone" in lengths
    assert "--measure dot --qrels FILE" in lengths
    about = [{LENGTH: float(length)} for length in np.linalg.norm(X, axis=1)]
    stored(KeptStore("cosine", about=about).filled(IDS, unit(X)))
    (_, lengths) = stored_notes(aw.read_space(ADDRESS))
    assert "which are gone from them" in lengths
    assert "declared" not in lengths
    stored(film_store())
    assert len(list(stored_notes(aw.read_space(ADDRESS)))) == 1
    assert word not in aw.audit(aw.read_space(ADDRESS), k=3).notes
    nameless = KeptStore("").filled(IDS, X)
    stored(nameless)
    assert f"by what {ADDRESS} ranks is not known: it names no metric" in list(
        stored_notes(aw.read_space(ADDRESS))
    )


def test_an_audit_and_a_comparison_bring_these_notes(stored, tmp_path):
    stored(KeptStore("cosine").filled(IDS, unit(X)))
    np.save(tmp_path / "q.npy", Q)
    space = aw.read_space(ADDRESS, queries=tmp_path / "q.npy")
    [note] = [note for note in aw.audit(space, k=3).notes if "own word" in note]
    judged = aw.Judgements.from_pairs([(f"{q}", f"d{q}", 1.0) for q in range(9)], space)
    assert note in aw.compare(space, judged).notes


def trained(trained_for="dot"):
    items, queries = aw.Embeddings(X, IDS), aw.Embeddings(Q, [f"q{row}" for row in range(9)])
    return aw.Space(items=items, queries=queries, trained_for=trained_for)


def judgements(space):
    best = np.argsort(-Q @ X.T, axis=1)[:, :4]
    return aw.Judgements.from_pairs(
        [(f"q{q}", f"d{i}", 1.0) for q, row in enumerate(best) for i in row], space
    )


def test_verify_says_that_lengths_are_gone_and_what_it_costs():
    space = trained()
    store = MemoryStore("cosine", written=unit).filled(IDS, X)
    found = aw.verify(store, space, "dot", judgements=judgements(space))
    means = found.metrics["nDCG@10"]
    assert means["exact"] == 1
    figures = f"nDCG@10 by dot would be 1.000, is {means['store']:.3f}"
    assert found.finding.startswith("This collection ranks by the cosine; all lengths in it are 1")
    assert found.finding.endswith(f"the model is declared as trained for dot: {figures}")
    assert found.to_dict()["finding"] == found.finding
    without = aw.verify(store, space, "dot").finding
    assert without.endswith("what that costs tell judgements (--qrels)")
    unsaid = aw.verify(store, trained("unknown"), "dot").finding
    assert "nothing says for what the model was trained" in unsaid


def test_where_it_is_asked_by_cosine_the_figures_are_those_of_dot_all_the_same():
    space = trained()
    store = MemoryStore("cosine", written=unit).filled(IDS, X)
    found = aw.verify(store, space, "cosine", judgements=judgements(space))
    assert found.recall == 1
    assert "by dot would be 1.000, is " in found.finding
    assert found.finding[-5:] == f"{found.metrics['nDCG@10']['store']:.3f}"


@pytest.mark.parametrize(
    ("store", "space", "measure"),
    [
        (lambda: MemoryStore().filled(IDS, X), trained(), "dot"),
        (lambda: MemoryStore("cosine", written=unit).filled(IDS, X), trained("cosine"), "cosine"),
        (lambda: MemoryStore("cosine", written=unit).filled(IDS, X), trained("unknown"), "cosine"),
        (lambda: MemoryStore("cosine", written=unit).filled(IDS, X[:, ::-1]), trained(), "dot"),
    ],
    ids=["lengths are kept", "trained for cosine", "nobody says", "other vectors"],
)
def test_nothing_is_found_where_it_was_not_tested_or_does_not_matter(store, space, measure):
    assert aw.verify(store(), space, measure).finding == ""


def test_the_finding_is_printed(tmp_path, anglewise, monkeypatch):
    from anglewise.stores import verify

    space = trained()
    aw.write_space(space, tmp_path / "space")
    store = MemoryStore("cosine", written=unit).filled(IDS, X)
    monkeypatch.setattr(verify, "open_store", lambda _: store)
    run = anglewise("verify", ADDRESS, tmp_path / "space", "--measure", "dot")
    assert run.code == 0
    assert "This collection ranks by the cosine; all lengths in it are 1" in run.out


COMMANDS = ("audit", "compare", "inspect", "search", "recommend", "remedy", "calibrate", "context")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_address_is_taken_as_a_space(stored, anglewise, command):
    """Each command gets to the store, which says that it is empty."""
    stored(KeptStore())
    more = {"search": ["--query", "a"], "context": ["--prompt", "a"], "recommend": ["--user", "a"]}
    run = anglewise(
        command, ADDRESS, *more.get(command, []), *(["--export", "x"] * (command == "inspect"))
    )
    refused(run, "faiss:///in/memory is empty")


def test_commands_read_the_collection(stored, anglewise, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stored(film_store())
    aw.write_space(trained(), "space")
    rows = "".join(f"q{q}\t0\td{q}\t1\n" for q in range(9))
    (tmp_path / "qrels.tsv").write_text(rows)
    run = anglewise("search", ADDRESS, "--query", "d3", "-k", "2")
    assert (run.code, "item d3: T3" in run.out) == (0, True)
    queries = ("--queries", "space/queries.parquet", "--qrels", "qrels.tsv", "--quiet")
    by_place = anglewise("compare", ADDRESS, *queries)
    by_option = anglewise("compare", "--items", ADDRESS, *queries)
    assert (by_place.code, by_option.code) == (0, 0)
    assert by_place.out == by_option.out
    run = anglewise("compare", "--spaces", "space", f"stored={ADDRESS}", "--qrels", "qrels.tsv")
    refused(run, "not one of 9 entries matches")  # a store has no queries of its own
    run = anglewise("inspect", ADDRESS, "--export", "page", "--quiet")
    assert (run.code, (tmp_path / "page/index.html").is_file()) == (0, True)


def test_no_output_lies_in_the_folder_of_a_collection(anglewise, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = tmp_path / "base/films.lance"
    table.mkdir(parents=True)
    for option, name in (
        ("--html", "x.html"), ("--json", "x.json"), ("--save-witness", "x"),
    ):  # fmt: skip
        run = anglewise("audit", "lancedb://base/films", option, table / name)
        refused(run, "lies in the folder of a collection of a store")
    run = anglewise("compare", "--spaces", f"a=lancedb://{tmp_path}/base/films", "b", "--html",
                    table / "x.html")  # fmt: skip
    refused(run, "lies in the folder of a collection of a store")
    run = anglewise("inspect", "lancedb://base/films", "--store", table / "s.sqlite")
    refused(run, "lies in the folder of a collection of a store")
    (tmp_path / "i.html").write_text("<html>")
    refused(
        anglewise("audit", "faiss://i.html", "--html", "i.html"), "is what this call also reads"
    )


def test_a_password_is_never_shown(anglewise, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for address in (
        "postgresql://me:hush@host/base/table",
        "postgresql://me@host/b/t?password=hush",
        "postgresql://me:hush@/x",
    ):
        assert "hush" not in hidden(address)
        for words in (
            ("audit", address),
            ("compare", address, "--qrels", "none.tsv"),
            ("compare", "--spaces", f"a={address}", "b", "--html", "x.html"),
            ("audit", address, "--html", tmp_path / "no/where.html"),
            ("probe", address.replace("/base", "").replace("/b/t", "")),
        ):
            run = anglewise(*words)
            assert run.code == 2
            assert "hush" not in run.out + run.err
    assert "hush" not in str(read_address("postgresql://me@h/b/t?password=hush"))


def test_a_folder_names_no_store(anglewise, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command, setting in (
        ("audit", 'items = "faiss:///x"'),
        ("compare", 'spaces = ["a=lancedb:///x/y"]'),
    ):
        (tmp_path / "anglewise.toml").write_text(f"[{command}]\n{setting}\n")
        refused(anglewise(command), "which store is asked a folder may not choose")


def test_what_is_no_address_or_not_taken_here_is_said(anglewise, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(anglewise("audit", "fais:///x"), "no store is called 'fais': did you mean 'faiss'?")
    refused(anglewise("audit", "lancedb:///films"), "lacks a part")
    np.save("x.npy", X)
    run = anglewise("audit", "--items", "x.npy", "--queries", "faiss:///x.faiss")
    refused(run, "mend the path (of a store none is read here)")


@pytest.mark.skipif(find_spec("faiss") is not None, reason="here it is installed")
def test_files_of_stores_are_known_by_their_content(tmp_path):
    for name in ("i.faiss", "index", "i.bin"):
        (tmp_path / name).write_bytes(b"IxFI" + bytes(60))
        with pytest.raises(MissingExtraError, match=r"pip install 'anglewise\[faiss\]'"):
            aw.read_space(tmp_path / name)
    (tmp_path / "b.faiss").write_bytes(b"IBxF" + bytes(60))
    with pytest.raises(FileError, match="binary index of faiss, whose vectors are packed bits"):
        aw.read_space(tmp_path / "b.faiss")
    (tmp_path / "films.lance" / "_versions").mkdir(parents=True)
    found = stored_place(tmp_path / "films.lance")
    assert (found.kind, found.path, found.name) == ("lancedb", str(tmp_path), "films")


def kind_of(path):
    """The kind of store that wrote a file; also where this version does not read it."""
    kinds = ("usearch", "chroma")
    if all(kind in KINDS for kind in kinds):
        return stored_place(path).kind
    with pytest.raises(FileError, match="is not read by this version") as caught:
        stored_place(path)
    return next(kind for kind in kinds if f"is of {kind}" in str(caught.value))


def test_a_file_of_usearch_is_known_by_its_name_behind_its_vectors(tmp_path):
    path = tmp_path / "i.usearch"
    path.write_bytes(np.array([2, 8], "<u4").tobytes() + bytes(16) + b"usearch" + bytes(57))
    assert kind_of(path) == "usearch"
    path.write_bytes(np.array([2**32 - 1] * 2, "<u4").tobytes() + bytes(80))
    assert stored_place(path) is None


def test_of_a_folder_of_chroma_the_one_collection_is_taken(tmp_path):
    def fill(*names):
        with closing(sqlite3.connect(tmp_path / "chroma.sqlite3")) as base, base:
            base.execute("CREATE TABLE IF NOT EXISTS collections (name TEXT)")
            base.executemany("INSERT INTO collections VALUES (?)", [(name,) for name in names])

    fill("films")
    assert kind_of(tmp_path) == "chroma"
    fill("books")
    with pytest.raises(
        FileError, match="with the collections books, films: name one, as in chroma"
    ):
        stored_place(tmp_path)
    (tmp_path / "chroma.sqlite3").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match="cannot be read as Chroma's"):
        stored_place(tmp_path)


def test_a_word_that_begins_as_an_index_does_is_no_index(tmp_path):
    (tmp_path / "w.txt").write_text("IxFI 1 2\nb 3 4\n")
    assert aw.read_space(tmp_path / "w.txt").items.ids.tolist() == ["IxFI", "b"]
