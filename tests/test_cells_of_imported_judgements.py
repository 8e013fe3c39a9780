"""What stands in a cell is read as it is, or refused: no digit is lost, no grade made up."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

import anglewise as aw
from anglewise.errors import ValuesError
from anglewise.io.judgement_cells import read_grade, read_text
from cli_run import anglewise

__all__ = ["anglewise"]


@pytest.mark.parametrize("cell", [2.0**53, -(2.0**53), 1e300])
def test_an_id_that_came_as_a_float_with_lost_digits_is_refused(cell):
    with pytest.raises(ValuesError, match="lost their last digits"):
        read_text(cell, "query_id")
    assert read_text(2.0**53 - 1, "query_id") == "9007199254740991"


def test_narrow_floats_are_refused_as_ids_where_they_leave_numbers_out(tmp_path):
    for top, is_exact in ((2**24 - 1, True), (2**24, False)):
        users = pa.array([1.0, float(top)], type=pa.float32())
        table = pa.table({"user_id": users, "item_id": ["a", "b"]})
        pq.write_table(table, tmp_path / "used.parquet")
        if is_exact:
            ids = aw.read_interactions(tmp_path / "used.parquet").user_ids
            assert str(top) in list(ids)
        else:
            with pytest.raises(ValuesError, match="lost their last digits"):
                aw.read_interactions(tmp_path / "used.parquet")


@pytest.mark.parametrize(
    ("kind", "top"), [(pa.float16(), 2**11), (pa.float32(), 2**24), (pa.float64(), 2**53)]
)
@pytest.mark.parametrize("column", ["query_id", "item_id"])
@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_rows_with_an_id_that_their_column_does_not_hold_are_refused_by_an_import(
    kind, top, column, encoded, ending, *, tmp_path, anglewise
):
    # Arrow makes 16-bit floats of NumPy's alone
    numbers = np.array([1.0, top - 1, top], dtype=kind.to_pandas_dtype())
    other = {"query_id": "item_id", "item_id": "query_id"}[column]
    ids = pa.array(numbers, type=kind)
    if encoded and kind != pa.float16():
        ids = ids.dictionary_encode()
    table = pa.table({column: ids, other: ["a", "b", "c"], "grade": numbers.astype(np.float32)})
    file = tmp_path / f"judged.{ending}"
    (pq.write_table if ending == "parquet" else feather.write_feather)(table, file)
    run = anglewise("judge", "import", tmp_path / "new.sqlite", file)
    assert f"{column} is {top}, and ids as floats of this size have lost their last digits" in (
        run.out + run.err
    )
    with aw.JudgementStore.open(tmp_path / "new.sqlite") as store:
        assert {getattr(row, column) for row in store.rows()} == {"1", str(top - 1)}


@pytest.mark.parametrize("cell", ["12:00", "10:30:00", "1:2", "2 : 3", "2 - 3", "2 (3)", "2-3"])
def test_a_time_a_ratio_or_a_range_is_no_grade(cell):
    with pytest.raises(ValuesError, match="grade"):
        read_grade(cell, {})


@pytest.mark.parametrize(
    "cell", ["2 - fully", "2: touches on it", "2 (fully, 3 of 4)", "2 good", "2:fully", "2"]
)
def test_a_number_with_its_meaning_is_a_grade(cell):
    assert read_grade(cell, {}) == 2
