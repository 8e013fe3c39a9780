"""What an option needs beside it: without that it would be ignored, and is refused instead.

Here stands what the options of a call tell by themselves. What the data tell, such as that a space
has no gauge or a file no labels, is refused where they are read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from anglewise.cli.paths import Given

NDCG = "ndcg"


@dataclass(frozen=True)
class Need:
    """When an option has a meaning, and the sentence that says why it has none otherwise.

    ``is_met`` is asked about all options of a call, those that were not given by their defaults.
    """

    is_met: Callable[[Given], bool]
    sentence: str


def _with(name: str) -> Callable[[Given], bool]:
    """Whether another option was given."""
    return lambda options: options[name] is not None and options[name] is not False


def _without(name: str) -> Callable[[Given], bool]:
    return lambda options: not _with(name)(options)


def _asks_a_model(sentence: str) -> Need:
    return Need(_with("model"), f"{sentence}, and no model is asked: give --by model and --model")


def _no_double(sentence: str) -> Need:
    return Need(
        _without("double"),
        f"{sentence}, and --double draws from what a machine graded already: leave one of them out",
    )


def _is_priced(sentence: str) -> Need:
    return Need(_with("price"), f"{sentence}, and nothing says what tokens cost: give --price")


def _is_copied(sentence: str) -> Need:
    return Need(_with("export"), f"{sentence}, and the page itself chooses: give --export")


def _ends(options: Given) -> bool:
    """Whether inspect writes something and ends."""
    return options["export"] is not None or options["atlas"] is not None


def _is_served(sentence: str) -> Need:
    return Need(
        lambda options: not _ends(options),
        f"{sentence}, and --export and --atlas write and end: give one",
    )


def _is_no_map(sentence: str) -> Need:
    return Need(_without("atlas"), f"{sentence}, and --atlas is of one space: give one of them")


def _is_own_study(sentence: str) -> Need:
    return Need(_with("on"), f"{sentence}, and the simulated users have their own: give --on")


def _never(options: Given) -> bool:
    del options
    return False


def _is_binary(why_not: str, is_met: Callable[[Given], bool] = _never) -> Need:
    return Need(is_met, f"is of R, P, RR, AP, bpref and infAP, and {why_not}: leave it out")


def _chooses_measure(options: Given) -> bool:
    """Whether what a space was trained for says how near is measured."""
    return options["measure"] is None and options.get("relevance") is None


TRAINED_FOR = Need(
    _chooses_measure,
    "chooses the measure where nothing names one, and here one is named: leave it out",
)
NO_TRAINING = Need(_never, "changes nothing that this command does: leave it out")


def _merges(options: Given) -> bool:
    from anglewise.cli.judge_files import FORMATS

    form = options["format"] or FORMATS.get(Path(options["file"]).suffix.lower())
    return form in {None, "trec", "beir"}  # None is refused elsewhere


def _weighs(options: Given) -> bool:
    """Whether weights show in what is recorded."""
    return options["graded"] or options["min_weight"] is not None


def _writes_encoder(options: Given) -> bool:
    return any(options[name] is not None for name in ("foreign", "output", "json"))


TO_A_TABLE = Need(_with("output"), "writes the lists of all: give --output lists.parquet")
OF_ALL = Need(_with("everybody"), "is a table of the lists of all: give --all too")

BY_QRELS = Need(
    _with("qrels"),
    "says how judgements are read, and none are given: give --qrels, or leave it out",
)

NEEDS: Mapping[str, Mapping[str, Need]] = {
    "audit": dict.fromkeys(
        (
            "query_column",
            "item_column",
            "gain_column",
            "label_queries",
            "missing",
            "relevant_from",
            "not_itself",
        ),
        BY_QRELS,
    ),
    "compare": {
        "model": Need(
            _with("protocol"),
            "is what was trained on a split, and none is given: give --protocol, or the model by "
            "itself, without --model",
        ),
        "truths": Need(
            lambda options: options["direction"] == "items-items",
            "is of similar items: give --direction items-items, or leave it out",
        ),
        "reranker_cache": Need(
            _with("reranker"), "keeps scores of a reranker, and none is named: give --reranker"
        ),
    },
    "encode": {
        "cache": Need(_without("no_cache"), "keeps vectors, and --no-cache keeps none: give one"),
        "overlap": Need(
            lambda options: options["chunk"] != "none",
            "is of passages, and --chunk none cuts none: leave one of them out",
        ),
    },
    "fit": {
        "split": Need(
            lambda options: options["holdout"] > 0,
            "says what is hidden of users held out, and --holdout 0 holds nobody out: leave "
            "one of them out",
        ),
        "graded": Need(
            lambda options: options["holdout"] > 0,
            "is of what is held out, and --holdout 0 holds nobody out: leave one of them out",
        ),
        "log_q": Need(
            lambda options: options["popularity"] != 0,
            "is of items drawn by their popularity, and --popularity 0 draws all alike: leave one "
            "of them out",
        ),
        "patience": Need(
            lambda options: options["validation"] != 0,
            "waits for a better nDCG@10 of users kept aside, and --validation 0 keeps nobody "
            "aside: leave one of them out",
        ),
    },
    "remedy": {"cache": Need(_with("keep"), "keeps results, and --no-keep keeps none: give one")},
    "recommend": {
        "reasons": Need(_with("explain"), "is how many are shown: give --explain too"),
        "explain": Need(_without("everybody"), "is of one list, and --all writes all: give one"),
        "everybody": TO_A_TABLE,
        "output": OF_ALL,
        "trained_for": TRAINED_FOR,
    },
    "search": {
        "everybody": TO_A_TABLE,
        "output": OF_ALL,
        "trained_for": NO_TRAINING,
        "shards": Need(
            lambda options: options["everybody"] or options["check_proof"] is not None,
            "are searched for all queries: give --all -o lists.parquet too",
        ),
        "proof": Need(
            lambda options: options["everybody"] and not options["where"],
            "is of the lists of all, among all items: give --all -o lists.parquet, and no --where",
        ),
        "engine": Need(
            _with("shards"), "searches many files: give --shards FOLDER, or leave it out"
        ),
        "workers": Need(
            _with("shards"), "search many files: give --shards FOLDER, or leave it out"
        ),
    },
    "context": {"trained_for": TRAINED_FOR},
    "replay": {
        "weight": Need(
            _with("min_weight"),
            "is read for --min-weight alone, as every interaction counts 1: give both or neither",
        ),
        "share": Need(_without("at"), "sets the moment, and --at names it: give one of them"),
    },
    "holdout": {
        "share": Need(
            lambda options: options["how"] != "last" and options["at"] is None,
            "is of --how users, and of --how time without --at: leave it out",
        ),
        "at": Need(lambda options: options["how"] == "time", "sets a moment: give --how time"),
        "split": Need(
            lambda options: options["how"] == "users",
            "says what is to be found of users held out: give --how users",
        ),
    },
    "calibrate": {
        "encoder": Need(
            _writes_encoder,
            "encodes --foreign and is named in --output: give one of them",
        ),
        "trained_for": TRAINED_FOR,
    },
    "study": {
        "components": _is_own_study("is of a model of your own interactions"),
        "penalty": _is_own_study("is of a model of your own interactions"),
        "min_weight": _is_own_study("is of your own interactions"),
    },
    "migrate": {
        "metric": Need(_with("qrels"), "is computed by judgements: give --qrels, or leave it out")
    },
    "mcp": {
        "json": Need(_never, "is of a result, and standard output is the client's: leave it out")
    },
    "inspect": {
        "host": _is_served("is where the page is served"),
        "port": _is_served("is where the page is served"),
        "store": _is_served("is where answers go"),
        "encoder": _is_served("encodes what is typed into the page"),
        "relevance": _is_served("is of what is typed into the page"),
        "queue": _is_served("is what is judged on the page"),
        "measures": Need(
            _ends, "is of a copy or a map, and the page itself chooses: give --export or --atlas"
        ),
        "export": _is_no_map("writes a copy"),
        "others": _is_no_map("are further spaces"),
        "runs": _is_no_map("are lists of other systems"),
        "export_queries": _is_copied("is of a copy"),
        "direction": Need(
            lambda options: _ends(options) or options["queue"] is not None,
            "is of a copy, a map or a queue, and the page itself chooses: give --export, --atlas "
            "or --queue",
        ),
        "open_browser": Need(
            lambda options: not _ends(options) or not options["open_browser"],
            "opens the page, and --export and --atlas write and end: give one",
        ),
    },
    "judge_sample": {
        "trained_for": NO_TRAINING,
        "budget": _no_double("is how many pairs of whole pools are drawn"),
        "by": _no_double("says how pairs of the pool are drawn"),
        "strata": _no_double("is what queries are spread over"),
        "traffic": _no_double("is by what queries are drawn"),
        "qrels": _no_double("is what is left out of the pool"),
        "runs": _no_double("is what else is pooled"),
        "machine": Need(_with("double"), "is the machine of --double: give both, or leave it out"),
    },
    "judge_lint": {
        "relevant_from": _is_binary("no check goes by it"),
        "trained_for": NO_TRAINING,
    },
    "judge_next": {
        "relevant_from": _is_binary("these pairs are named for nDCG"),
        "trained_for": NO_TRAINING,
    },
    "judge_power": {
        "trained_for": NO_TRAINING,
        "relevant_from": _is_binary(
            "--metric is nDCG",
            lambda options: not options["metric"].strip().lower().startswith(NDCG),
        ),
    },
    "judge_export": {
        "combine": Need(
            _merges, "makes one grade of several, and this format keeps every judge's: leave it out"
        ),
    },
    "judge_from_interactions": {
        "weight": Need(
            _weighs,
            "is read for --graded and --min-weight alone: give one of them, or leave it out",
        ),
        "time": Need(
            _weighs,
            "says which weight of a repeated pair is kept, and none is used: give --graded or "
            "--min-weight, or leave it out",
        ),
        "min_support": Need(
            lambda options: options["direction"] == "items-items",
            "is of items used together: give --direction items-items, or leave it out",
        ),
        "graded": Need(
            lambda options: options["direction"] != "items-items",
            "takes weights for grades, and of items used together the users are counted: leave "
            "one of them out",
        ),
    },
    "judge_grade": {
        "highest": Need(
            _with("instructions"),
            "is the highest grade of your own instructions, and TREC's end at 3: give "
            "--instructions",
        ),
        "answer_price": _is_priced("is the price of answers"),
        "budget": _is_priced("is what the run may cost"),
    },
    "judge_from_text": {
        "trained_for": NO_TRAINING,
        "url": _asks_a_model("is where a model is asked"),
        "key": _asks_a_model("is for a model that is asked"),
        "cache": _asks_a_model("keeps answers of a model"),
    },
}
"""By the function of a command and by option."""
