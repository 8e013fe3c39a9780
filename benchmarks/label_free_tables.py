"""The results of `label_free.py` as a section of a page."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from label_free_rules import HINDSIGHT, LEARNT, TRAINED

from anglewise.data_types.text import counted

ANSWERS = {
    "no": "No: no finding loses less than constants do, beyond what chance does.",
    "hardly": (
        "Hardly: some findings lose less than constants do, none less than knowing what the model "
        "was trained for, beyond what chance does."
    ),
    "yes": "Yes: some finding loses less than knowing what the model was trained for.",
}
MARK = re.compile(r"(<!-- label-free -->\n).*?(<!-- end -->)", re.DOTALL)


def section(found: Mapping[str, Any]) -> str:
    """The answer, what was ahead where, what each rule loses, and what each finding does."""
    main = found["analyses"]["primary"]
    return "\n\n".join(
        [
            f"**{ANSWERS[main['answer']]}** {_facts(found, main)}",
            _where(found["cases"]),
            _rules(main),
            _findings(main),
            _others(found["analyses"]),
        ]
    )


def written(page: str, made: str) -> str:
    """The page with the section between its marks."""
    if not MARK.search(page):
        raise SystemExit("the page has no mark <!-- label-free -->")
    return MARK.sub(lambda match: f"{match[1]}{made}\n{match[2]}", page)


def _facts(found: Mapping[str, Any], main: Mapping[str, Any]) -> str:
    unit = sum(case["excluded"].startswith("items of length one") for case in found["cases"])
    best = min(main["findings"], key=lambda name: main["findings"][name]["regret"])
    rules = main["rules"]
    return (
        f"{found['pairs']} models with data, {main['cases']} cases (a model in a direction) on "
        f"{main['data_sets']} data sets; {counted(unit, 'more case')} of unit length, where "
        f"nothing is to be chosen. In {main['decided']} cases one of the two is ahead by more than "
        f"the tolerance, dot in {main['first_ahead']} of them. nDCG@10 lost, beside the better of "
        f"the two in every case: {_three(rules['always cosine']['regret'])} by always cosine, "
        f"{_three(rules['always dot']['regret'])} by always dot, "
        f"{_three(rules[LEARNT]['regret'])} by the one that was better in the same direction "
        f"elsewhere, {_three(rules[HINDSIGHT]['regret'])} by the best constant of each direction "
        f"in hindsight, {_three(rules[TRAINED]['regret'])} by what the model was trained for, "
        f"{_three(main['findings'][best]['regret'])} by the best of {len(main['findings'])} rules "
        f"from findings (*{best}*, chosen after the fact)."
    )


def _where(cases: Sequence[Mapping[str, Any]]) -> str:
    blocks: dict[tuple[str, str, bool], list[Mapping[str, Any]]] = {}
    for case in cases:
        if not case["excluded"]:
            blocks.setdefault((case["data"], case["direction"], case["made"]), []).append(case)
    rows = []
    for (data, direction, made), own in blocks.items():
        leads = [case["reached"]["dot"] - case["reached"]["cosine"] for case in own]
        ahead = sum(lead > 0 for lead in leads)
        means = [sum(c["reached"][m] for c in own) / len(own) for m in own[0]["reached"]]
        name = f"{data} (made)" if made else data
        rows.append([name, direction, len(own), f"{ahead} of {len(own)}", *map(_three, means)])
    heads = [
        "data",
        "direction",
        "models",
        "dot ahead",
        *(f"mean of {m}" for m in own[0]["reached"]),
    ]
    return _table(heads, rows)


def _rules(main: Mapping[str, Any]) -> str:
    rows = [
        [name, _percent(rule["right"]), _three(rule["regret"])]
        for name, rule in main["rules"].items()
    ]
    rows[-1][0] = f"{rows[-1][0]} (p {_p(main['p_of_as_trained'])} beside the line above)"
    return _table(["rule without a finding", "right", "nDCG@10 lost"], rows)


def _findings(main: Mapping[str, Any]) -> str:
    rows = []
    for name, rule in main["findings"].items():
        within = rule["within"]
        among = ["", ""] if within is None else [f"{within['spearman']:+.2f}", _p(within["p"])]
        told = [_percent(rule["right"]), _three(rule["regret"])]
        rows.append(
            [name, rule["known"], *told, _p(rule["p_constant"]), _p(rule["p_trained"]), *among]
        )
    heads = [
        "finding",
        "known",
        "right",
        "nDCG@10 lost",
        "p, beside learnt",
        "p, beside as trained",
    ]
    return _table([*heads, "rank correlation within", "p"], rows)


def _others(analyses: Mapping[str, Any]) -> str:
    named = {
        "euclidean": "euclidean or cosine",
        "queries-items": "dot or cosine, queries to items alone",
        "items-items": "dot or cosine, items to items alone",
        "with made data": "dot or cosine, with the made data",
    }
    rows = []
    for key, words in named.items():
        if key not in analyses:
            continue
        one = analyses[key]
        best = min(one["findings"], key=lambda name: one["findings"][name]["regret"])
        losses = [one["rules"][n]["regret"] for n in (LEARNT, TRAINED)]
        losses.append(one["findings"][best]["regret"])
        rows.append([words, one["cases"], one["answer"], *map(_three, losses), best])
    heads = ["not the main question", "cases", "answer", LEARNT, TRAINED]
    return _table([*heads, "best finding", "which"], rows)


def _three(value: float) -> str:
    return f"{value:.3f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
