"""What judgements of passages are worth in another cutting of the same documents.

    python benchmarks/cutting.py [--corpora 2]

Documents and questions are made, so that it is known which characters answer a question: two
sentences each, of which every document has 60. A passage is relevant where half of such a sentence
stands in it. All passages of one cutting are judged so, and those of another are given grades by
them; the first table says how right these are, by several rules of which passage a judged span
belongs to. ``kept``: of the relevant passages, those that are graded so. ``right``: of those graded
relevant, those that are. ``lost``: of the judged relevant spans, those that no passage stands for.
``wrong 0``: of those graded not relevant, those that are relevant (the same for all rules).

The second table compares both cuttings under one encoder by nDCG@10: by ids alone, as before
judgements knew their characters; by documents, as ``compare_spaces`` does it; and by documents of
which the truth is known. The differences are what the second cutting is ahead by.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import anglewise as aw
from anglewise.data_types.spans import PassageSpans, Span
from anglewise.judgements.combine import combined, placed_pairs
from anglewise.judgements.placed import with_spans

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from made_cuts import MadeCorpus, made_corpus, passages

WINDOWS = ((60, 30), (30, 60), (60, 45), (45, 60), (60, 20), (20, 60))
"""Words of the passages that are judged, and of those that find their grades by them."""

Rule = Callable[..., bool]
"""Whether a span stands for a passage, by what they share and how long span and passage are."""

RULES: dict[str, Rule] = {
    "any overlap": lambda shared, *_: shared > 0,
    "half of the shorter": lambda shared, *lengths: 2 * shared >= min(lengths),
    "half of the span": lambda shared, *lengths: 2 * shared >= lengths[0],
    "half of the passage": lambda shared, *lengths: 2 * shared >= lengths[1],
    "half of the longer": lambda shared, *lengths: 2 * shared >= max(lengths),
}


def judged_rows(corpus: MadeCorpus, space: aw.Space) -> list[aw.Judged]:
    """Every passage judged for every question."""
    rows = [
        aw.Judged(query, name, corpus.grade(query, *place), judge="made")
        for query in corpus.queries
        for name, *place in passages(space)
    ]
    return with_spans(rows, space.items)


def relevant_by(rule: Rule, span: Span, index: PassageSpans) -> list[int]:
    """The passages that a judged span stands for, by a rule."""
    return [
        row
        for row in index.overlapping(span).tolist()
        if rule(
            min(index.ends[row], span.end) - max(index.starts[row], span.start),
            span.end - span.start,
            index.ends[row] - index.starts[row],
        )
    ]


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpora", type=int, default=2)
    corpora = [made_corpus(seed, queries=40) for seed in range(parser.parse_args().corpora)]
    heads = f"{'kept':>5} {'right':>5} {'lost':>5} {'wrong 0':>7}"
    print(f"{'judged':>6} {'other':>5}  {'rule':<20} {heads}")
    gaps: list[tuple[int, int, list[float]]] = []
    for judged, other in WINDOWS:
        counts = {name: np.zeros(5) for name in RULES}
        zeros, ahead = np.zeros(2), np.zeros((len(corpora), 3))
        for number, corpus in enumerate(corpora):
            spaces = {"judged": corpus.cut(judged), "other": corpus.cut(other)}
            rows = judged_rows(corpus, spaces["judged"])
            ahead[number] = leads(corpus, spaces, rows)
            index = PassageSpans.of(spaces["other"].items)
            true = {
                (query, row)
                for query in corpus.queries
                for row, (_, *place) in enumerate(passages(spaces["other"]))
                if corpus.grade(query, *place) > 0
            }
            spans = [(row.query_id, row.span) for row in rows if row.grade > 0 and row.span]
            for name, rule in RULES.items():
                found = [
                    [(query, row) for row in relevant_by(rule, span, index)]
                    for query, span in spans
                ]
                graded = {pair for pairs in found for pair in pairs}
                none = sum(not pairs for pairs in found)
                counts[name] += len(graded & true), len(true), len(graded), none, len(found)
            row_of = spaces["other"].items.row_of
            wrong = [
                (pair.query_id, row_of[pair.item_id]) in true
                for pair in placed_pairs(rows, spaces["other"].items).pairs
                if pair.grade <= 0
            ]
            zeros += sum(wrong), len(wrong)
        gaps.append((judged, other, ahead.mean(axis=0).tolist()))
        for name, (both, true, graded, none, spans) in counts.items():
            right, lost = both / max(graded, 1), none / spans
            print(
                f"{judged:>6} {other:>5}  {name:<20} {both / true:>5.2f} {right:>5.2f} "
                f"{lost:>5.2f} {zeros[0] / zeros[1]:>7.4f}"
            )
    print(f"\n{'judged':>6} {'other':>5}  {'by ids':>7} {'by documents':>12} {'truth':>7}")
    for judged, other, (by_ids, by_documents, truth) in gaps:
        print(f"{judged:>6} {other:>5}  {by_ids:>+7.3f} {by_documents:>+12.3f} {truth:>+7.3f}")


def leads(corpus: MadeCorpus, spaces: dict[str, aw.Space], rows: list[aw.Judged]) -> list[float]:
    """What the other cutting is ahead by: by ids alone, by documents, and in truth."""
    by_id = [aw.Judged(r.query_id, r.item_id, r.grade, judge=r.judge) for r in rows]
    answers = {q: {name: 1.0 for name, *_ in places} for q, places in corpus.answers.items()}
    one_by_one = [
        aw.compare(space, combined(by_id, space, "queries-items"), "cosine")
        for space in spaces.values()
    ]
    united = {name: combined(rows, space, "queries-items") for name, space in spaces.items()}
    truth = {name: aw.Judgements.from_dict(answers, space) for name, space in spaces.items()}
    found = [by_name(aw.compare_spaces(spaces, one, "cosine")) for one in (united, truth)]
    means = [result.measures[0].metrics["nDCG@10"].mean for result in one_by_one]
    return [means[1] - means[0], *(one["other: cosine"] - one["judged: cosine"] for one in found)]


def by_name(result: aw.Comparison) -> dict[str, float]:
    """The mean of each candidate."""
    return {row.measure: row.metrics["nDCG@10"].mean for row in result.measures}


if __name__ == "__main__":
    main()
