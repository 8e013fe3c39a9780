"""Broken files of judgements: rows, or one message, never a fault of ours."""

import random

import pytest

from anglewise import AnglewiseError, Judged, JudgementStore
from anglewise.io.judgement_export import write_judged
from anglewise.io.judgement_formats import read_judged

ROWS = [
    Judged(
        f"q{i // 3}",
        f"d{i}",
        i % 3,
        judge="anna" if i % 2 else "a model",
        source="human" if i % 2 else "generated",
        note='say "hm", twice\n' * (i % 4),
        context={"dot": {"rank": i}},
    )
    for i in range(12)
]
ENDINGS = {
    "csv": "csv",
    "parquet": "parquet",
    "label-studio": "json",
    "argilla": "json",
    "trec": "txt",
    "beir": "tsv",
}
PIECES = [b"", b"\0", b'"', b"\xff\xfe", b"\n\n", b"[", b"{}", b"null", b"-1e999", b"\t" * 9, b","]


def broken(whole, rng):
    """A file with a few bytes cut out, doubled, changed or put in."""
    data = bytearray(whole)
    for _ in range(rng.randrange(1, 4)):
        at, length = rng.randrange(len(data)), rng.randrange(1, 40)
        deed = rng.randrange(4)
        if deed == 0:
            del data[at : at + length]
        elif deed == 1:
            data[at:at] = data[at : at + length]
        elif deed == 2:
            data[at] = rng.randrange(256)
        else:
            data[at:at] = rng.choice(PIECES)
        if not data:
            return b" "
    return bytes(data[: rng.randrange(1, len(data) + 1)]) if rng.random() < 0.3 else bytes(data)


@pytest.mark.parametrize("form", ENDINGS)
def test_broken_files_give_rows_or_one_message(form, tmp_path):
    path = tmp_path / f"file.{ENDINGS[form]}"
    write_judged(path, ROWS, form)
    whole = path.read_bytes()
    rng = random.Random(0)  # noqa: S311 no secret
    refused = 0
    for _ in range(150):
        path.write_bytes(broken(whole, rng))
        try:
            found = read_judged(path)
        except AnglewiseError as error:
            refused += 1
            assert str(path) in str(error)  # noqa: PT017 whether it comes is left to chance
        else:
            for bad in found.rejects:
                assert bad.row
                assert bad.reason
                assert bad.remedy
    assert refused < 150


def test_a_broken_store_gives_rows_or_one_message(tmp_path):
    path = tmp_path / "judgements.sqlite"
    with JudgementStore.open(path) as store:
        store.add_many(ROWS)
    whole = path.read_bytes()
    rng = random.Random(0)  # noqa: S311 no secret
    for _ in range(150):
        path.write_bytes(broken(whole, rng))
        for beside in tmp_path.glob("*-*"):
            beside.unlink()
        try:
            with JudgementStore.open(path) as store:
                list(store.rows())
                store.counts()
        except AnglewiseError as error:
            assert str(path) in str(error)  # noqa: PT017 likewise


@pytest.mark.parametrize("form", ENDINGS)
def test_no_row_is_dropped_silently(form, tmp_path):
    """Rows read, refused and repeated are all the rows there are."""
    path = tmp_path / f"file.{ENDINGS[form]}"
    write_judged(path, ROWS, form)
    if form == "parquet":
        return
    text = path.read_text()
    for number, (old, new) in enumerate([("d3", ""), ("q1", " "), ('"2"', '"x"'), ("\t0\n", "\n")]):
        changed = path.with_name(f"{number}-{path.name}")
        changed.write_text(text.replace(old, new, 1))
        found = read_judged(changed, form=form)
        total = (
            len(found.judged) + len(found.rejects) + found.repeated + sum(found.skipped.values())
        )
        assert total == len(ROWS)
