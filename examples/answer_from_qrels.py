"""Fill in the column grade of pairs to judge with what assessors said before.

    python examples/answer_from_qrels.py to-judge.csv qrels.tsv > judged.csv

It stands in for a person with a spreadsheet. What the assessors did not list is graded 0: they
had looked for all that is relevant.
"""

import csv
import sys
from pathlib import Path


def main(queue: str, qrels: str) -> None:
    """Write the filled table to standard output."""
    with Path(qrels).open() as file:
        said = {(q, item): grade for q, item, grade in csv.reader(file, delimiter="\t")}
    with Path(queue).open(newline="") as file:
        rows = list(csv.DictReader(file))
    sheet = csv.DictWriter(sys.stdout, rows[0], lineterminator="\n")
    sheet.writeheader()
    for row in rows:
        grade = said.get((row["query_id"], row["item_id"]), "0")
        sheet.writerow({**row, "grade": grade})


if __name__ == "__main__":
    main(*sys.argv[1:])
