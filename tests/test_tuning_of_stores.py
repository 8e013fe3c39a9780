"""Recall, latency and bytes over the settings of a store, and the one to take."""

import json

import numpy as np
import pytest

import anglewise as aw
from anglewise.cli import main
from anglewise.errors import AnglewiseError, ShapeError, SpellingError, StoreError
from anglewise.report.tuning_document import tuning_document, tuning_picture
from anglewise.similarity_measures.measure import measure
from anglewise.stores.reductions import reductions
from anglewise.stores.tune import TunedSetting, timed_in_turn, tune
from anglewise.stores.verify import verify
from memory_store import MemoryStore


def space(items=300):
    rng = np.random.default_rng(0)
    return aw.Space(
        queries=aw.Embeddings(rng.normal(size=(30, 8)), [f"q{i}" for i in range(30)]),
        items=aw.Embeddings(rng.normal(size=(items, 8)), [f"d{i}" for i in range(items)]),
    )


class IndexedStore(MemoryStore):
    """Calls itself an index, so that efforts are tried."""

    def described(self):
        said = super().described()
        return type(said)(said.store, said.dimension, said.count, said.metric, "graph")

    def stored_bytes(self):
        return self.x.nbytes


def filled(made, kind=IndexedStore, **settings):
    way = reductions(measure("dot"), made, "queries-items")[0]
    rows = np.arange(len(made.items), dtype=np.int64)
    names = [str(name) for name in made.items.ids]
    return kind("dot", **settings).filled(names, way.items(rows))


def test_recall_is_that_of_verify_and_rises_with_effort():
    made = space()
    store = filled(made, looks_at=100)
    result = tune(store, made, "dot", runs=1)
    by_effort = {tuple(one.effort.items()): one for one in result.settings}
    plain = verify(store, made, "dot")
    assert by_effort[()].recall == plain.recall
    assert by_effort[()].recall_low < plain.recall_low  # those of all settings hold together
    recalls = [by_effort[(("ef", n),)].recall for n in (16, 32, 64, 128)]
    assert recalls == sorted(recalls)
    assert recalls[0] < 0.6 < recalls[-1] == 1
    assert result.chosen.recall >= 0.98
    assert all(one.stored_bytes == 300 * 8 * 4 for one in result.settings)


def test_the_fastest_that_reaches_the_recall_is_chosen():
    made = space()
    result = tune(filled(made, looks_at=100), made, "dot", runs=1)
    enough = [one for one in result.settings if one.recall >= 0.98]
    assert result.chosen.milliseconds == min(one.milliseconds for one in enough)
    none = tune(filled(made, looks_at=2), made, "dot", runs=1, k=20)
    assert none.chosen is None
    assert "no setting reaches" in tuning_document(none).reason


def test_the_front_holds_what_nothing_beats():
    made = space()
    result = tune(filled(made, looks_at=100), made, "dot", runs=1)
    for one in result.settings:
        better = [
            other
            for other in result.settings
            if other.recall >= one.recall
            and other.milliseconds <= one.milliseconds
            and (other.recall, other.milliseconds) != (one.recall, one.milliseconds)
        ]
        assert one.on_front == (not better)


def test_a_scan_has_nothing_to_tune_and_that_is_said():
    made = space()
    result = tune(filled(made, MemoryStore), made, "dot", runs=1)
    assert [one.effort for one in result.settings] == [{}]
    assert "scans" in result.notes[0]


def test_efforts_that_are_refused_are_told_and_left_out():
    class Refusing(IndexedStore):
        def search(self, queries, k, effort=None):
            if (effort or {}).get("ef", 0) > 100:
                raise StoreError("ef is at most 100 here")
            return super().search(queries, k, effort)

    made = space()
    result = tune(filled(made, Refusing, looks_at=100), made, "dot", runs=1)
    assert max(one.effort.get("ef", 0) for one in result.settings) == 64
    assert len([note for note in result.notes if "was refused" in note]) == 4


def test_settings_take_turns_so_that_noise_meets_all():
    asked = []
    asking = [lambda _, name=name: asked.append(name) for name in "ab"]
    times = timed_in_turn(asking, np.zeros((3, 2), np.float32), 2)
    assert "".join(asked) == "ab" * 6
    assert times.shape == (2, 6)


def test_what_cannot_be_tuned_is_refused():
    made = space()
    with pytest.raises(SpellingError, match="no parameters of an index"):
        tune(filled(made), made, "dot", scratch=True)
    with pytest.raises(SpellingError, match="name the measure"):
        tune(filled(made), made)
    with pytest.raises(StoreError, match="is empty"):
        tune(MemoryStore("dot"), made, "dot")
    wide = MemoryStore("dot").filled(["d0"], np.ones((1, 3)))
    with pytest.raises(ShapeError, match="holds vectors of 3 numbers"):
        tune(wide, made, "dot")
    with pytest.raises(AnglewiseError, match="runs"):
        tune(filled(made), made, "dot", runs=0)


def test_a_document_names_the_setting_and_what_was_measured():
    made = space()
    result = tune(filled(made, looks_at=100), made, "dot", runs=1)
    document = tuning_document(result)
    assert document.headline.startswith("Take ef ")
    assert "exact scan by anglewise" in document.reason
    assert json.loads(json.dumps(result.to_dict()))["chosen"]["recall"] == result.chosen.recall
    assert tuning_picture(result, ".svg").startswith(b"<?xml")
    with pytest.raises(SpellingError):
        tuning_picture(result, ".gif")


def test_a_recall_that_may_be_lower_is_said_to_be():
    made = space()
    result = tune(filled(made, looks_at=100), made, "dot", runs=1)
    assert result.chosen.recall_low < 0.98  # of 30 queries
    assert "may be below 0.98" in tuning_document(result).reason


def test_an_address_of_nothing_is_refused_by_the_command(tmp_path, capsys):
    aw.write_space(space(), tmp_path / "space")
    assert main(["tune", "fais:///x.index", str(tmp_path / "space")]) == 2
    assert "no store is called" in capsys.readouterr().err


def test_a_setting_is_a_value():
    one = TunedSetting({}, {"ef": 64}, 1, 0.99, 0.97, 1.0, 2.0)
    assert one == TunedSetting({}, {"ef": 64}, 1, 0.99, 0.97, 1.0, 2.0)
