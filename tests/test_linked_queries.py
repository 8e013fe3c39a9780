"""Queries that what is relevant links are one group, over which chance can be taken."""

import numpy as np
import pytest

import anglewise as aw
from anglewise.comparison.linked_queries import linked_groups
from anglewise.data_types.sparse import SparseRows
from anglewise.errors import SpellingError, TooFewError
from anglewise.judgements.records import Labels
from anglewise.judgements.same_label import from_labels

DEPEND = "relevant to other queries too"
IF = "queries that are relevant to each other tell as much as independent ones"


def labelled(per_class=3, *, classes=40, seed=0):
    """Items of some classes; those of one class are relevant to each other."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(np.arange(classes), per_class)
    names = [f"i{row}" for row in range(len(kind))]
    columns = {"class": kind.astype(str).tolist()}
    vectors = rng.normal(size=(classes, 6))[kind] + 0.8 * rng.normal(size=(len(kind), 6))
    lengths = rng.uniform(0.2, 5, (len(kind), 1))
    space = aw.Space(items=aw.Embeddings(vectors * lengths, ids=names, metadata=columns))
    return space, from_labels(space, Labels(dict(zip(names, columns["class"], strict=True))))


def chain(count):
    """Each item asks for the next, so that all of them hang together."""
    rows = np.arange(count)
    gains = SparseRows.from_pairs(rows, (rows + 1) % count, shape=(count, count))
    return aw.Judgements(gains, "items-items")


def flooded(pairs, rows):
    """The groups of rows by taking up neighbours until none is left."""
    group = {}
    for row in rows:
        reached, todo = set(), [row]
        while todo:
            node = todo.pop()
            if node in reached:
                continue
            reached.add(node)
            todo += [b for a, b in pairs if a == node] + [a for a, b in pairs if b == node]
        group[row] = min(reached)
    return [group[row] for row in rows]


@pytest.mark.parametrize("direction", ["items-items", "queries-items"])
@pytest.mark.parametrize("seed", range(5))
def test_groups_are_what_following_every_judgement_reaches(direction, seed):
    rng = np.random.default_rng(seed)
    asking, answer = rng.integers(0, 30, (2, 22))
    kept = np.unique(np.stack([asking, answer], axis=1), axis=0)
    if direction == "items-items":
        kept = kept[kept[:, 0] != kept[:, 1]]
    gains = SparseRows.from_pairs(kept[:, 0], kept[:, 1], shape=(30, 30))
    judged = aw.Judgements(gains, direction)
    rows = judged.judged_rows
    other = 0 if direction == "items-items" else 100  # an item of that number is no query
    truth = flooded([(a, other + b) for a, b in kept.tolist()], rows.tolist())
    found = linked_groups(judged, rows).tolist()
    same = [[a == b for b in truth] for a in truth]
    assert [[a == b for b in found] for a in found] == same
    assert 1 < len(set(truth)) < len(rows)


def test_what_was_judged_and_is_not_relevant_links_nobody():
    gains = SparseRows.from_pairs(
        np.array([0, 0, 1, 2, 3]),
        np.array([1, 2, 0, 3, 2]),
        np.array([1.0, 0.0, 1.0, 1.0, 1.0]),
        shape=(4, 4),
    )
    groups = linked_groups(aw.Judgements(gains, "items-items"), np.arange(4))
    assert len(set(groups.tolist())) == 2


def test_linked_queries_are_the_groups_that_a_column_names():
    space, judged = labelled()
    linked = aw.compare(space, judged, "dot,cosine", split="linked")
    named = aw.compare(space, judged, "dot,cosine", split="group(class)")
    assert linked.groups == named.groups == 40
    first, second = (result.to_dict() for result in (linked, named))
    assert first["verdict"] == second["verdict"]
    assert first["measures"] == second["measures"]
    assert "split:linked.40|" in linked.signature


def test_over_linked_groups_nothing_is_supposed_of_queries_relevant_to_each_other():
    space, judged = labelled()
    alone = aw.compare(space, judged, "dot,cosine")
    assert IF in alone.verdict.reason
    assert any(
        DEPEND in note
        and note.endswith("links them into 40 groups: --split linked takes chance over these")
        for note in alone.notes
    )
    linked = aw.compare(space, judged, "dot,cosine", split="linked")
    assert IF not in linked.verdict.reason
    assert not any(DEPEND in note for note in linked.notes)
    several = aw.compare_spaces({"a": space, "b": space}, judged, "dot,cosine", split="linked")
    assert (several.groups, IF in several.verdict.reason) == (40, False)


@pytest.mark.parametrize(
    ("per_class", "words"),
    [
        (12, "links them into 8 groups: too few to tell by"),
        ([60] + 39 * [2], "links them into 40 groups that count as about 5 of one size: too few"),
        ([8] + 39 * [2], "links them into 40 groups that count as about 34 of one size: --split"),
    ],
    ids=["few", "one large", "one larger"],
)
def test_how_many_groups_there_are_and_as_how_many_they_count_is_said(per_class, words):
    classes = 8 if per_class == 12 else 40
    space, judged = labelled(per_class, classes=classes)
    (note,) = [n for n in aw.compare(space, judged, "dot,cosine").notes if DEPEND in n]
    assert words in note


def test_where_all_hang_together_it_is_said_that_no_split_parts_them():
    space, _ = labelled()
    result = aw.compare(space, chain(120), "dot,cosine")
    (note,) = [n for n in result.notes if DEPEND in n]
    assert note.endswith("links all of them into one group, so that no split parts them")
    assert IF in result.verdict.reason
    with pytest.raises(TooFewError, match="are one group by what is relevant to them"):
        aw.compare(space, chain(120), "dot,cosine", split="linked")


def test_items_that_are_passages_of_judged_documents_cannot_be_linked():
    gains = SparseRows.from_pairs(np.array([0]), np.array([1]), shape=(2, 2))
    judged = aw.Judgements(gains, "items-items")
    object.__setattr__(judged, "parts", object())
    with pytest.raises(SpellingError, match="passages of"):
        linked_groups(judged, np.array([0]))


def test_what_is_no_split_names_linked_among_those_that_are():
    space, judged = labelled()
    with pytest.raises(SpellingError, match=r"clusters\(8\), linked or time\(COLUMN\)"):
        aw.compare(space, judged, "dot", split="link")
