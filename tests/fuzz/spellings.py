"""Spellings by their grammar, right more often than not, and then bent."""

from random import Random

from fuzz.strange import changed, number, word

FORMULAS = ("dot", "cosine", "euclidean", "manhattan", "norm", "csls", "local-scaling")
FORMULAS += ("mutual-proximity",)
FRAMES = ("centred", "standardised", "whitened", "without-top", "without-biases", "balanced")
FRAMES += ("item-orthonormal", "user-orthonormal", "data-space", "power", "random", "given")
FRAMES += ("adapted",)
GAUGES = ("given", "item-orthonormal", "balanced", "user-orthonormal", "power", "random")
GAUGES += ("tied-weights", "raw-users")
METRICS = ("nDCG", "nDCG(exp)", "R", "P", "RR", "AP", "Judged", "nDCG(condensed)", "bpref", "infAP")
METRICS += ("nDCG(sampled)", "DCG(sampled)", "AP(sampled)", "recall", "mrr", "map", "precision")
WITHOUT_LISTS = ("spearman", "pearson", "triplet-accuracy", "triplets")
RULES = ("none", "standardised", "l2", "tf-idf", "bm25", "propensity", "exponents")
ENCODERS = ("use", "words", "onnx", "onnx-images", "unknown", "")
OPTIONS = ("pooling", "size", "words", "pool", "case", "query_prompt", "shorter", "mean", "std")
UNITS = ("s", "m", "h", "", "ms", "d", "min")


def measure(rng: Random) -> str:
    """A formula in some frames."""
    parts = [numbered(rng, FORMULAS, often=0.3)]
    while rng.random() < 0.4 and len(parts) < 5:
        parts.append(numbered(rng, FRAMES, often=0.4))
    return _bent(rng, _join(rng, "@").join(parts))


def measures(rng: Random) -> str:
    """Several, parted by commas."""
    return _bent(rng, _join(rng, ",").join(measure(rng) for _ in range(rng.randrange(1, 5))))


def gauge(rng: Random) -> str:
    """One of the equally good factorisations."""
    return _bent(rng, numbered(rng, GAUGES, often=0.5))


def metric(rng: Random) -> str:
    """A metric at a depth."""
    if rng.random() < 0.2:
        return _bent(rng, rng.choice(WITHOUT_LISTS))
    return _bent(rng, f"{rng.choice(METRICS)}{_join(rng, '@')}{number(rng)}")


def metrics(rng: Random) -> str:
    """Several, parted by commas."""
    return _join(rng, ",").join(metric(rng) for _ in range(rng.randrange(1, 4)))


def normalisation(rng: Random) -> str:
    """A rule for a table."""
    return _bent(rng, numbered(rng, RULES, often=0.5))


def split(rng: Random) -> str:
    """Which queries belong together."""
    kind = rng.choice(("group", "clusters", "time", "queries", "length"))
    inner = rng.choice((number(rng), "topic", "day", word(rng)))
    return _bent(rng, kind if rng.random() < 0.3 else f"{kind}({_blank(rng)}{inner}{_blank(rng)})")


def filter_text(rng: Random) -> str:
    """What the metadata of an item must be."""
    column = rng.choice(("topic", "day", "text", "traffic", "items.topic", '"topic"', word(rng)))
    operators = ("=", "==", "!=", "<", "<=", ">", ">=", " in ", " not in ", " is missing", "~", "")
    values = ("a", '"b"', "2024-01-03", "3", "a, b", "queries.topic", number(rng), word(rng), "")
    blanks = _blank(rng), _blank(rng)
    return _bent(rng, f"{column}{blanks[0]}{rng.choice(operators)}{blanks[1]}{rng.choice(values)}")


def variant(rng: Random) -> str:
    """Cheaper vectors."""
    steps = ("int8", "binary", f":{number(rng)}", f"[:{number(rng)}]", ":2", "[:1]")
    parts = [rng.choice(steps) for _ in range(rng.randrange(1, 4))]
    name = rng.choice(("", "", "", "old", "new", word(rng)))
    return _bent(rng, name + _join(rng, rng.choice(("+", "\u00b7", ""))).join(parts))


def candidate(rng: Random) -> str:
    """A measure, perhaps in a named space."""
    if rng.random() < 0.6:
        return measure(rng)
    return f"{rng.choice(('new', 'old', 'new[:2]', variant(rng)))}{_join(rng, ':')} {measure(rng)}"


RUNS = ("mine", "My Run", "a(b)", "bm-25")
"""Names of runs, which may stand in rankers."""


def ranker(rng: Random) -> str:
    """BM25, a fusion, or a list of which the first places are reranked."""
    parts = ("bm25", "BM25", rng.choice(RUNS), measure(rng), "dot", "cosine")
    if rng.random() < 0.5:
        kind = rng.choice(("fusion", "weighted", "Fusion", "bm25"))
        words = [rng.choice(parts) for _ in range(rng.randrange(1, 5))]
        return _bent(rng, f"{kind}({_join(rng, ',').join(words)})")
    depth = rng.choice(("*", "100", number(rng), word(rng)))
    inner = rng.choice((rng.choice(parts), ranker(rng)))
    return _bent(rng, f"rerank{_blank(rng)}({inner}{_join(rng, ',')}{depth})")


def gate(rng: Random) -> str:
    """What must hold, or the build fails."""
    relation = rng.choice((">=", "<=", ">", "=", ">=>="))
    last = rng.choice(("last", f"last({word(rng)})", "last( v1 )", "LAST"))
    right = rng.choice((candidate(rng), last, number(rng), ""))
    slack = rng.choice(("", "", f"-{number(rng)}", f" + {number(rng)}", "-0.01"))
    return _bent(rng, f"{candidate(rng)}{_blank(rng)}{relation}{_blank(rng)}{right}{slack}")


def encoder(rng: Random) -> str:
    """An encoder with options; none that runs code or asks another machine."""
    place = rng.choice(("", "items.npy", "words.vec", number(rng), word(rng), "%", "%2e%zz"))
    said = [
        f"{rng.choice(OPTIONS)}{_join(rng, '=')}{rng.choice((number(rng), word(rng), 'mean'))}"
        for _ in range(rng.randrange(4))
    ]
    options = "?" + _join(rng, "&").join(said) if said else ""
    return _bent(rng, f"{rng.choice(ENCODERS)}:{place}{options}")


def seconds(rng: Random) -> str:
    """A time to spend."""
    return _bent(rng, number(rng) + rng.choice(UNITS))


def grades(rng: Random) -> str:
    """What words mean."""
    pairs = [f"{rng.choice(('relevant', 'no', word(rng)))}={number(rng)}" for _ in range(3)]
    return _bent(rng, ",".join(pairs[: rng.randrange(1, 4)]))


def numbered(rng: Random, names: tuple[str, ...], *, often: float) -> str:
    """A name, perhaps with numbers in brackets behind it."""
    name = rng.choice(names)
    needs = {"norm": 2, "power": 1, "without-top": 1, "random": 2, "csls": 1}.get(name, 0)
    if not needs and rng.random() > often:
        return name
    count = needs if rng.random() < 0.7 else rng.choice((0, 1, 2, 3, 7, 300))
    inner = ",".join("*" if rng.random() < 0.05 else number(rng) for _ in range(count))
    return f"{name}({inner})" if rng.random() < 0.95 else f"{name}({inner}"


def _join(rng: Random, usual: str) -> str:
    return usual if rng.random() < 0.9 else rng.choice((f" {usual} ", usual * 2, "", "@", ",", "("))


def _blank(rng: Random) -> str:
    return rng.choice(("", "", "", " ", "\t", "\u00a0", " " * 5000))


def _bent(rng: Random, text: str) -> str:
    return changed(text, rng) if rng.random() < 0.25 else text
