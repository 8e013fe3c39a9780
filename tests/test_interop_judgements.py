"""Judgements of every format come out the same, and what is wrong with them is counted."""

import numpy as np
import pytest

import good_files
from anglewise import (
    AnglewiseError,
    Embeddings,
    Space,
    read_judgements,
    read_pairs,
    read_triplets,
    write_space,
)
from anglewise.errors import FileError, IdsError, SpellingError, TooFewError, ValuesError
from cli_run import anglewise, refused

__all__ = ["anglewise"]
from anglewise.io.read import judgement_kind, read_labels


def _space(queries=("q3", "q2", "q1", "q0"), items=("c", "a", "b")):
    return Space(
        queries=Embeddings(np.ones((len(queries), 2)), queries),
        items=Embeddings(np.ones((len(items), 2)), items),
    )


def _words(*names):
    return Space(items=Embeddings(np.ones((len(names), 2)), names))


def _file(folder, text, name="j.csv"):
    (folder / name).write_text(text)
    return folder / name


def _triples(judged, space):
    asking, ranked = space.sides(judged.direction)
    rows, columns = judged.gains.rows, judged.gains.indices
    return sorted(zip(asking.ids[rows], ranked.ids[columns], judged.gains.values, strict=True))


@pytest.mark.parametrize("maker", good_files.JUDGEMENTS, ids=lambda m: m.__name__)
def test_every_format_gives_the_same_judgements(maker, tmp_path):
    judged = read_judgements(maker(tmp_path), _space())
    assert _triples(judged, _space()) == sorted(good_files.QRELS)
    assert judged.direction == "queries-items"
    assert judged.complaints.queries_without_relevant == 1  # q3


def test_what_is_judged_and_not_relevant_is_stored(tmp_path):
    judged = read_judgements(good_files.trec(tmp_path), _space())
    assert judged.gains.counts.tolist() == [1, 1, 2, 0]


def test_unknown_ids_are_dropped_counted_and_three_are_named(tmp_path):
    rows = ["q1,a,1", *(f"x{i},a,1" for i in range(5)), "q1,y,1", "x0,y,1"]
    path = _file(tmp_path, "\n".join(["query_id,item_id,gain", *rows]))
    judged = read_judgements(path, _space())
    assert (judged.complaints.dropped, judged.missing_ids) == (6, ("y",))  # of q1; x0 is unknown
    complaints = read_judgements(path, _space(), missing="drop").complaints
    assert complaints.dropped == 7
    assert complaints.unknown_queries == ("x0", "x1", "x2")
    assert complaints.unknown_items == ("y",)


def test_of_a_repeated_pair_the_highest_gain_is_kept(tmp_path):
    path = _file(tmp_path, "query_id,item_id,gain\nq1,a,1\nq1,a,3\nq1,a,3\nq2,b,1\n")
    judged = read_judgements(path, _space())
    assert _triples(judged, _space()) == [("q1", "a", 3), ("q2", "b", 1)]
    assert judged.complaints.duplicates == 2


def test_gains_below_zero_stay_what_they_are(tmp_path):
    path = _file(tmp_path, "query_id,item_id,gain\nq1,a,-2\nq1,b,1\n")
    assert _triples(read_judgements(path, _space()), _space())[0] == ("q1", "a", -2)


def test_equal_gains_are_noticed(tmp_path):
    path = _file(tmp_path, "query_id,item_id,gain\nq1,a,1\nq1,b,1\n")
    assert read_judgements(path, _space()).complaints.gains_all_equal
    path = _file(tmp_path, "query_id,item_id\nq1,a\nq1,b\n")
    assert read_judgements(path, _space()).gains.values.tolist() == [1, 1]


def test_items_can_be_judged_against_items_but_not_against_themselves(tmp_path):
    path = _file(tmp_path, "query_id,item_id,gain\na,b,1\na,a,1\nc,a,2\n")
    judged = read_judgements(path, _space(), direction="items-items")
    assert _triples(judged, _space()) == [("a", "b", 1), ("c", "a", 2)]
    assert judged.gains.shape == (3, 3)
    assert judged.complaints.dropped == 1
    alone = _file(tmp_path, "query_id,item_id,gain\na,a,1\n")
    with pytest.raises(TooFewError, match="itself"):
        read_judgements(alone, _space(), direction="items-items")


def test_ids_that_match_nothing_are_shown_three_of_either_side(tmp_path):
    path = _file(tmp_path, "query_id,item_id,gain\n1,a,1\n2,a,1\n3,b,1\n4,b,1\n")
    with pytest.raises(IdsError) as raised:
        read_judgements(path, _space())
    assert "holds '1', '2', '3' (none known), the space 'q3', 'q2', 'q1'" in str(raised.value)
    assert "'item_id' holds 'a', 'b' (4 known)" in str(raised.value)
    assert "--query-column" in str(raised.value)
    path = _file(tmp_path, "query_id,item_id,gain\nx,y,1\n")
    nameless = Space(items=Embeddings(np.eye(2)))
    with pytest.raises(IdsError, match="which have none"):
        read_judgements(path, nameless)


def test_rows_counted_from_one_are_not_matched_to_rows_counted_from_zero(tmp_path):
    nameless = Space(items=Embeddings(np.eye(3)))
    path = _file(tmp_path, "query_id,item_id,gain\n1,2,1\n2,3,1\n")
    with pytest.raises(IdsError, match=r"'item_id' holds '3' and no '0', .* the wrong row"):
        read_judgements(path, nameless)
    path = _file(tmp_path, "query_id,item_id,gain\n1,2,1\n2,0,1\n")
    assert read_judgements(path, nameless).gains.row(1).tolist() == [2]


def test_labels_make_items_of_one_class_relevant_to_each_other(tmp_path):
    path = _file(tmp_path, "id,label\na,x\nb,x\nc,y\n")
    judged = read_judgements(path, _words("a", "b", "c"))
    assert judged.direction == "items-items"
    assert judged.gains.row(0).tolist() == [1]


def test_swapped_columns_are_recognised(tmp_path):
    path = _file(tmp_path, "query_id,item_id,gain\na,q1,1\n")
    with pytest.raises(IdsError, match="query_column='item_id', item_column='query_id'"):
        read_judgements(path, _space())
    judged = read_judgements(path, _space(), query_column="item_id", item_column="query_id")
    assert len(judged.gains.values) == 1


def test_a_space_folder_gives_its_own_judgements(tmp_path):
    space = _space()
    judged = read_judgements(good_files.trec(tmp_path), space)
    write_space(space, tmp_path / "s", judgements={"queries-items": judged})
    assert _triples(read_judgements(tmp_path / "s", space), space) == sorted(good_files.QRELS)


def test_a_beir_folder_without_a_test_split_asks_which(tmp_path):
    folder = good_files.beir_folder(tmp_path)
    said = []
    read_judgements(folder, _space(), say=said.append)
    assert "test.tsv as the judgements" in said[0]
    (folder / "qrels" / "test.tsv").rename(folder / "qrels" / "dev.tsv")
    with pytest.raises(FileError, match=r"dev\.tsv, train\.tsv: name one"):
        read_judgements(folder, _space())


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("query_id,item_id,gain", "judgements"),
        ("query-id,corpus-id,score", "judgements"),
        ("qid,docno,label", "judgements"),
        ("id_a,id_b,score", "pairs"),
        ("word1,word2,SimLex999", "pairs"),
        ("sentence1,sentence2,score", "pairs"),
        ("left,right,similarity", "pairs"),
        ("anchor,near,far", "triplets"),
        ("anchor,positive,negative", "triplets"),
        ("id,label", "labels"),
        ("item_id,class", "labels"),
    ],
)
def test_the_header_tells_the_kind(header, kind, tmp_path):
    path = _file(tmp_path, f"{header}\na,b,c\n"[: None if header.count(",") == 2 else -3] + "\n")
    assert judgement_kind(path) == kind


def test_pairs_are_no_graded_relevance(tmp_path):
    path = _file(tmp_path, "id_a,id_b,score\na,b,1\n")
    with pytest.raises(FileError, match="read_pairs"):
        read_judgements(path, _space())


@pytest.mark.parametrize(
    "header", ["id_a,id_b,score\n", "query_id,item_id,score\n", "one,two,n\n", ""]
)
def test_pairs_are_read_by_name_or_by_place(header, tmp_path):
    path = _file(tmp_path, f"{header}cat,dog,7\ncat,car,0.5\ncow,dog,3\n")
    pairs = read_pairs(path, _words("cat", "dog", "car"))
    assert pairs.rows_a.tolist() == [0, 0]
    assert pairs.rows_b.tolist() == [1, 2]
    assert pairs.scores.tolist() == [7, 0.5]
    assert pairs.complaints.dropped == 1
    assert pairs.complaints.unknown_queries == ("cow",)


def test_pairs_may_be_parted_by_blanks(tmp_path):
    path = _file(tmp_path, "cat   dog 7\ncat car 0.5\n", "pairs.txt")
    assert read_pairs(path, _words("cat", "dog", "car")).scores.tolist() == [7, 0.5]


def test_pairs_keep_the_order_of_the_file_and_repeated_ones_their_mean(tmp_path):
    path = _file(tmp_path, "id_a,id_b,score\nb,a,1\na,b,2\nb,a,4\n")
    pairs = read_pairs(path, _words("a", "b"))
    assert pairs.rows_a.tolist() == [1, 0]
    assert pairs.scores.tolist() == [2.5, 2]
    assert pairs.complaints.duplicates == 1


def test_pairs_of_a_two_sided_space_ask_with_queries(tmp_path):
    path = _file(tmp_path, "id_a,id_b,score\nq1,a,1\nq2,c,2\n")
    pairs = read_pairs(path, _space())
    assert pairs.rows_a.tolist() == [2, 1]
    assert pairs.rows_b.tolist() == [1, 0]


def test_triplets_are_read_once_each(tmp_path):
    path = _file(tmp_path, "anchor,far,near\na,c,b\na,c,b\nb,a,c\nz,a,b\n")
    triplets = read_triplets(path, _words("a", "b", "c"))
    assert triplets.anchors.tolist() == [0, 1]
    assert triplets.near.tolist() == [1, 2]
    assert triplets.far.tolist() == [2, 0]
    assert triplets.complaints.dropped == 1
    assert triplets.complaints.duplicates == 1


def test_labels_are_one_an_id(tmp_path):
    path = _file(tmp_path, "id,label\na,x\nb,x\na,x\n")
    assert read_labels(path).of == {"a": "x", "b": "x"}
    path = _file(tmp_path, "id,label\na,x\na,y\n")
    with pytest.raises(FileError, match="line 3"):
        read_labels(path)
    for header in ("id,colour", "thing,label"):
        with pytest.raises(FileError, match=f"id and label are due, it has {header[:2]}"):
            read_labels(_file(tmp_path, f"{header}\na,x\n"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("query_id,item_id,gain\nq1,a,good\n", "line 2: 'good' in 'gain'"),
        ("query_id,item_id,gain\nq1,a,1\nq1,b,nan\n", "line 3: 'nan' in 'gain'"),
        ("query_id,item_id,gain\nq1,,1\n", "line 2: the id in 'item_id' is empty"),
        ("query_id,item_id,gain\n", "a header and no rows"),
        ("query_id,gain\nq1,1\n", "which column holds the items"),
    ],
)
def test_a_bad_cell_is_named_by_line(text, says, tmp_path):
    with pytest.raises((ValuesError, FileError), match=says):
        read_judgements(_file(tmp_path, text), _space())


def test_too_few_columns_for_pairs_are_said(tmp_path):
    with pytest.raises(AnglewiseError, match="2 columns"):
        read_pairs(_file(tmp_path, "a,b\nx,y\n"), _words("x", "y"))


def test_of_two_columns_of_a_name_none_is_taken(tmp_path, anglewise):
    file = tmp_path / "judged.csv"
    file.write_text("query_id,item_id,gain,gain\na,b,0,1\n")
    items = Embeddings([[1.0, 0.0], [0.0, 1.0]], ids=["a", "b"])
    with pytest.raises(FileError, match="2 columns called 'gain'"):
        read_judgements(file, Space(items=items), direction="items-items")
    assert refused(anglewise("judge", "import", tmp_path, file), "2 columns called 'gain'")


def test_a_column_named_for_two_things_is_refused(tmp_path, anglewise):
    file = tmp_path / "judged.csv"
    file.write_text("query_id,item_id,gain\na,b,1\n")
    items = Embeddings([[1.0, 0.0], [0.0, 1.0]], ids=["a", "b"])
    with pytest.raises(SpellingError, match="cannot hold both"):
        read_judgements(file, Space(items=items), direction="items-items", item_column="query_id")
    run = anglewise("judge", "import", tmp_path, file, "--item-column", "query_id")
    assert refused(run, "cannot hold both")
