"""How measures are written, and read back: ``cosine@centred``, ``norm(0,0.5)``."""

from collections.abc import Callable, Iterable

from anglewise.core.text import named, parted
from anglewise.errors import SpellingError
from anglewise.measures.bias_frame import WithoutBiases
from anglewise.measures.formula import Cosine, Dot, Euclidean, Formula, Manhattan, Norm
from anglewise.measures.frame import Frame
from anglewise.measures.gauge_frames import GAUGE_FRAMES
from anglewise.measures.hubs import Csls, LocalScaling, MutualProximity
from anglewise.measures.linear_frames import Centred, Standardised, Whitened, WithoutTop
from anglewise.measures.measure import Measure

FORMULAS: dict[str, Callable[..., Formula]] = {
    "dot": Dot,
    "cosine": Cosine,
    "euclidean": Euclidean,
    "manhattan": Manhattan,
    "norm": Norm,
    "csls": Csls,
    "local-scaling": LocalScaling,
    "mutual-proximity": MutualProximity,
}
FRAMES: dict[str, Callable[..., Frame]] = {
    "centred": Centred,
    "standardised": Standardised,
    "whitened": Whitened,
    "without-top": WithoutTop,
    "without-biases": WithoutBiases,
    **GAUGE_FRAMES,
}
DEFAULT_MEASURES = ("dot", "cosine", "euclidean")
EXAMPLE = "norm(0,0.5) or without-top(3)"


def measure(spelling: "str | Measure") -> Measure:
    """Read a measure from its spelling; a measure passes through.

    Raises ``SpellingError`` with the nearest known word.

    >>> str(measure("cosine @ without-top(3)"))
    'cosine@without-top(3)'
    >>> measure("cosin")
    Traceback (most recent call last):
    ...
    anglewise.errors.SpellingError: no measure is called 'cosin': did you mean 'cosine'? ...
    """
    if isinstance(spelling, Measure):
        return spelling
    if learnt_from_judgements(spelling):
        raise SpellingError(
            f"{spelling}: @adapted is learnt from judgements, and stands last; compare it, or move "
            "the space by aw.adapter(space, judgements).apply(space) and take cosine"
        )
    formula, *frames = spelling.split("@")
    return Measure(
        named(formula, FORMULAS, kind="measure", example=EXAMPLE),
        tuple(named(frame, FRAMES, kind="frame", example=EXAMPLE) for frame in frames),
    )


def learnt_from_judgements(spelling: str) -> bool:
    """Whether some frame is ``adapted``, which no space can give alone.

    >>> learnt_from_judgements("cosine@Adapted(32)"), learnt_from_judgements("cosine@centred")
    (True, False)
    """
    return any(frame.strip().lower().startswith("adapted") for frame in spelling.split("@")[1:])


def measures(spellings: "Iterable[str | Measure] | str") -> list[Measure]:
    """Several, from a list or from one comma-separated text, each kept once.

    >>> [str(m) for m in measures("dot,norm(0,0.5),dot")]
    ['dot', 'norm(0,0.5)']
    """
    if isinstance(spellings, str):
        spellings = parted(spellings)
    return list(dict.fromkeys(measure(one) for one in spellings))
