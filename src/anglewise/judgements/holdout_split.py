"""Splits of interactions by which a model of any library is trained and then judged."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np

from anglewise.data_types.numbers import COUNT, FINITE, SEED, SHARE, check_word
from anglewise.data_types.sparse import Interactions
from anglewise.data_types.text import counted
from anglewise.data_types.typing import Array, Bool, Float64, Int64
from anglewise.errors import SpellingError, TooFewError, ValuesError
from anglewise.judgements.constructed import hidden_entries, hold_out

How: TypeAlias = Literal["last", "time", "users"]
Part: TypeAlias = Literal["random", "time", "last"]
SHARE_HELD_OUT = 0.2


@dataclass(frozen=True, eq=False)
class HoldoutSplit:
    """Who used what, in three parts: to train on, to fold users in by, and to judge by.

    Attributes
    ----------
    train
        What a model may be trained on. Its users and items are those that have any entry here, in
        the order of their ids: these are the rows that a model is to have.
    fold_in
        What is shown of users who are held out of the training, with the items of ``train``; None
        where every judged user is in training.
    test
        What is to be found: users of ``train`` or of ``fold_in``, any items.
    gains
        Of each entry of ``test``: 1, or its weight where grades were asked for.
    sentence
        How it was split, in words.
    not_judged
        From a reason to how many users are not judged for it.
    settings
        The settings of the way that was chosen, as they were used: the share, the moment ``at``
        which time was parted, the part of held-out users that is hidden.
    unreachable
        How many entries of ``test`` are of items that the training does not hold, so that no model
        of it can find them.
    """

    train: Interactions
    fold_in: Interactions | None
    test: Interactions
    gains: Float64[Array, " entries"]
    sentence: str
    not_judged: dict[str, int]
    settings: dict[str, float | str]
    unreachable: int


def split_interactions(
    interactions: Interactions,
    how: How = "last",
    *,
    share: float | None = None,
    at: float | None = None,
    part: Part | None = None,
    k_core: int | None = None,
    graded: bool = False,
    seed: int = 0,
) -> HoldoutSplit:
    """Split interactions for training and judging a model, so that none sees what judges it.

    Parameters
    ----------
    how
        ``"last"``: of every user the last item is to be found, all others train. ``"time"``: what
        happened before a moment trains, and what its users newly used after it is to be found.
        ``"users"``: a share of the users is held out of the training, as :func:`hold_out` does.
        Repeats count where they came first, or, of ``"time"``, last on their side of the moment.
    share
        Of ``"users"`` the share of the users; of ``"time"`` that of the interactions after the
        moment. 0.2 if not given.
    at
        The moment of ``"time"``, in the unit of the times, in place of a share.
    part
        Of ``"users"``, what is hidden of each: ``"random"`` (a half), ``"time"`` (the later half),
        ``"last"`` (the last item).
    k_core
        Before that, leave out users and items with fewer entries, until all have as many.
    graded
        Take weights for gains.
    seed
        Of what is drawn, and of the order of equal times.

    Raises
    ------
    SpellingError
        Another ``how`` or ``part``, or a setting that the chosen way does not have.
    ValuesError
        No times where they are needed, numbers outside of their bounds.
    TooFewError
        Nothing is left to train on or to judge by.

    Examples
    --------
    >>> interactions = Interactions(
    ...     users=np.array([0, 0, 1, 1, 1]), items=np.array([0, 1, 0, 1, 2]), weights=np.ones(5),
    ...     user_ids=np.array(["a", "b"]), item_ids=np.array(["x", "y", "z"]),
    ...     times=np.array([1.0, 2.0, 5.0, 3.0, 4.0]),
    ... )
    >>> split = split_interactions(interactions)
    >>> split.train.item_ids.tolist(), split.test.item_ids[split.test.items].tolist()
    (['x', 'y', 'z'], ['y', 'x'])
    """
    check_word(how, get_args(How), "how")
    SEED.check("seed", seed)
    _check_settings(how, share=share, at=at, part=part)
    if k_core is not None:
        COUNT.check("k_core", k_core)
        interactions = core_of(interactions, k_core)
    if how == "time":
        return _by_moment(interactions, at, share, graded=graded)
    if how == "last":
        return _last_of_everybody(interactions, graded=graded, seed=seed)
    return _by_users(interactions, share, part, graded=graded, seed=seed)


def _check_settings(how: How, *, share: float | None, at: float | None, part: Part | None) -> None:
    """Refuse what the chosen way does not have."""
    fits = {"share": ("time", "users"), "at": ("time",), "part": ("users",)}
    given = {"share": share, "at": at, "part": part}
    for name, value in given.items():
        if value is not None and how not in fits[name]:
            raise SpellingError(
                f"{name} is of how={' or '.join(fits[name])}, and how={how} splits without it: "
                "leave it out"
            )
    if share is not None and at is not None:
        raise SpellingError("share and at both set the moment: give one of them")
    if share is not None:
        SHARE.check("share", share)
    if part is not None:
        check_word(part, get_args(Part), "part")


def core_of(interactions: Interactions, k: int) -> Interactions:
    """The interactions of users and items that all have at least ``k`` of them.

    Users and items with fewer are left out, and then those that have fewer without them, until
    nobody has. Raises ``TooFewError`` where nothing is left.

    >>> pairs = np.array([[0, 0, 1, 1, 2], [0, 1, 0, 1, 2]])
    >>> used = Interactions(*pairs, np.ones(5), np.array(list("abc")), np.array(list("xyz")))
    >>> core = core_of(used, 2)
    >>> core.user_ids.tolist(), core.item_ids.tolist()
    (['a', 'b'], ['x', 'y'])
    """
    kept = np.ones(len(interactions.users), dtype=bool)
    while True:
        users = np.bincount(interactions.users[kept], minlength=interactions.shape[0])
        items = np.bincount(interactions.items[kept], minlength=interactions.shape[1])
        enough = kept & (users[interactions.users] >= k) & (items[interactions.items] >= k)
        if enough.sum() == kept.sum():
            break
        kept = enough
    if not kept.any():
        raise TooFewError(
            f"no user and item have {k} interactions each with one another: take a smaller k-core"
        )
    core = compact(interactions, np.flatnonzero(kept))
    core = replace(core, least_weight=interactions.least_weight)
    others = interactions.other_uses
    if others is None:
        return core
    users, items = _places(interactions, core)
    rows, columns = users[others.users], items[others.items]
    known = np.flatnonzero((rows >= 0) & (columns >= 0))
    if not len(known):
        return replace(core, other_uses=None)
    others = replace(others, users=np.maximum(rows, 0), items=np.maximum(columns, 0))
    others = replace(others, user_ids=core.user_ids, item_ids=core.item_ids).take(known)
    return replace(core, other_uses=others)


def _places(
    interactions: Interactions, core: Interactions
) -> tuple[Int64[Array, " users"], Int64[Array, " items"]]:
    """The row that each user and each item has in a part; -1 where it has none."""
    found: list[Int64[Array, " ids"]] = []
    for every, own in (
        (interactions.user_ids, core.user_ids),
        (interactions.item_ids, core.item_ids),
    ):
        row_of = {name: row for row, name in enumerate(own.tolist())}
        found.append(np.array([row_of.get(name, -1) for name in every.tolist()], dtype=np.int64))
    return found[0], found[1]


def compact(interactions: Interactions, entries: Int64[Array, " some"]) -> Interactions:
    """Some entries, and the ids of their users and items alone, in the order that they had.

    >>> used = Interactions(
    ...     np.array([0, 1]), np.array([1, 1]), np.ones(2), np.array(["a", "b"]), np.arange(2)
    ... )
    >>> compact(used, np.array([1])).user_ids.tolist()
    ['b']
    """
    some = interactions.take(entries)
    users, user_rows = np.unique(some.users, return_inverse=True)
    items, item_rows = np.unique(some.items, return_inverse=True)
    return replace(
        some,
        users=user_rows.astype(np.int64),
        items=item_rows.astype(np.int64),
        user_ids=np.asarray(interactions.user_ids)[users],
        item_ids=np.asarray(interactions.item_ids)[items],
        item_metadata=None,
        other_uses=None,
        least_weight=None,
    )


def first_uses(interactions: Interactions) -> Interactions:
    """Each pair as it was when it was used first, with the time and the weight that it had then.

    What is told of a pair later, such as another rating, is not known before that.

    >>> one = np.zeros(1, dtype=np.int64)
    >>> first = Interactions(one, one, one + 2.0, one, one, times=np.array([3.0]))
    >>> later = replace(first, weights=one + 5.0, times=np.array([9.0]), other_uses=first)
    >>> first_uses(later).weights.tolist(), first_uses(later).times.tolist()
    ([2.0], [3.0])
    """
    if interactions.other_uses is None or interactions.times is None:
        return interactions
    uses = interactions.every_use()
    uses = uses.take(
        np.flatnonzero(uses.heavy_enough & np.isin(_pairs(uses), _pairs(interactions)))
    )
    order = np.lexsort((np.asarray(uses.times), _pairs(uses)))
    _, starts = np.unique(_pairs(uses)[order], return_index=True)
    return uses.take(order[starts])


def _last_of_everybody(interactions: Interactions, *, graded: bool, seed: int) -> HoldoutSplit:
    _check_timed(interactions, "last")
    uses = first_uses(interactions)
    everybody = np.ones(uses.shape[0], dtype=bool)
    hidden = hidden_entries(uses, everybody, "last", 1.0, np.random.default_rng(seed))
    if not (hidden & uses.liked).any():
        raise TooFewError("no user has two items, so none can be hidden: bring users who did more")
    alone = int(uses.shape[0] - len(np.unique(uses.users[hidden])))
    return _assembled(
        uses,
        training=~hidden,
        test=hidden,
        gains=_gains(uses, hidden, graded=graded),
        sentence="the last item of every user is to be found, all others train",
        not_judged={"has one item, which trains": alone},
        settings={},
    )


def _by_moment(
    interactions: Interactions, at: float | None, share: float | None, *, graded: bool
) -> HoldoutSplit:
    _check_timed(interactions, "time")
    uses = interactions.every_use()
    part = SHARE_HELD_OUT if share is None else share
    moment = moment_of(uses, at, part)
    early = np.asarray(uses.times) < moment
    before, after = last_uses(uses, early, "before"), last_uses(uses, ~early, "after")
    known = np.isin(after.users, before.users)
    again = np.isin(_pairs(after), _pairs(before))
    both = replace(
        before,
        users=np.concatenate([before.users, after.users]),
        items=np.concatenate([before.items, after.items]),
        weights=np.concatenate([before.weights, after.weights]),
        times=np.concatenate([np.asarray(before.times), np.asarray(after.times)]),
    )
    training = np.arange(len(both.users)) < len(before.users)
    test = np.append(np.zeros(len(before.users), dtype=bool), known & ~again)
    if not test.any():
        raise TooFewError(
            f"nobody did something before {moment:.10g} and something new after: choose another "
            "moment"
        )
    after_alone = len(np.unique(after.users[~known]))
    nothing_new = len(np.unique(before.users)) - len(np.unique(both.users[test]))
    return _assembled(
        both,
        training=training,
        test=test,
        gains=_gains(both, test, graded=graded),
        sentence=(
            f"what happened before {moment:.10g} trains, and what its users newly used then or "
            "later is to be found"
        ),
        not_judged={
            "did nothing before the moment": after_alone,
            "used nothing new after it": nothing_new,
        },
        settings={"at": moment} if at is not None else {"share": part, "at": moment},
    )


def _by_users(
    interactions: Interactions,
    share: float | None,
    part: Part | None,
    *,
    graded: bool,
    seed: int,
) -> HoldoutSplit:
    kind: Part = "random" if part is None else part
    uses = interactions
    if kind != "random":
        _check_timed(interactions, "users", f", part={kind}")
        uses = first_uses(interactions)
    share = SHARE_HELD_OUT if share is None else share
    halves = hold_out(uses, share=share, how=kind, graded=graded, seed=seed)
    gains = halves.judgements.gains
    test = np.isin(_pairs(uses), gains.rows * uses.shape[1] + gains.indices)
    held_out = halves.held_out[uses.users]
    judged = np.zeros(uses.shape[0], dtype=bool)
    judged[gains.rows] = True
    return _assembled(
        uses,
        training=~held_out,
        fold_in=held_out & ~test & judged[uses.users],
        test=test,
        gains=gains.values[np.argsort(np.argsort(_pairs(uses)[test]))],
        sentence=halves.judgements.source.partition("; ")[0],
        not_judged={"held out with fewer than two items": halves.unjudged},
        settings={"share": share, "split": kind},
    )


def _assembled(
    uses: Interactions,
    *,
    training: Bool[Array, " entries"],
    test: Bool[Array, " entries"],
    gains: Float64[Array, " test"],
    sentence: str,
    not_judged: dict[str, int],
    settings: dict[str, float | str],
    fold_in: Bool[Array, " entries"] | None = None,
) -> HoldoutSplit:
    """The parts, each with its own ids; users who are folded in by no item of training go."""
    if not training.any():
        raise TooFewError("nothing is left to train on: hold less out")
    train = compact(uses, np.flatnonzero(training))
    reached = np.zeros(uses.shape[1], dtype=bool)
    reached[uses.items[training]] = True
    shown: Interactions | None = None
    asked = np.flatnonzero(test)
    if fold_in is not None:
        told = np.zeros(uses.shape[0], dtype=bool)
        told[uses.users[fold_in & reached[uses.items]]] = True
        strangers = len(np.unique(uses.users[test & ~told[uses.users]]))
        not_judged = not_judged | {"folded in by no item that training holds": strangers}
        asked = np.flatnonzero(test & told[uses.users])
        gains = gains[told[uses.users[test]]]
        if not len(asked):
            raise TooFewError("no held-out user used an item that training holds: hold less out")
        entries = np.flatnonzero(fold_in & told[uses.users] & reached[uses.items])
        shown = compact(uses, entries)
        columns = {name: column for column, name in enumerate(train.item_ids.tolist())}
        own = np.array([columns[name] for name in shown.item_ids.tolist()], dtype=np.int64)
        shown = replace(shown, items=own[shown.items], item_ids=train.item_ids)
    return HoldoutSplit(
        train=train,
        fold_in=shown,
        test=compact(uses, asked),
        gains=gains,
        sentence=sentence,
        not_judged={reason: users for reason, users in not_judged.items() if users},
        settings=settings,
        unreachable=int((~reached[uses.items[asked]]).sum()),
    )


def _check_timed(interactions: Interactions, how: str, part: str = "") -> None:
    if interactions.times is None:
        raise ValuesError(
            f"how={how}{part} needs times, none came: name the column of times (--time), or draw "
            "at random who is held out (--how users)"
        )


def _gains(
    uses: Interactions, test: Bool[Array, " entries"], *, graded: bool
) -> Float64[Array, " test"]:
    weights = uses.weights[test]  # what weighs 0 or less is judged, and not relevant
    return np.maximum(weights, 0.0) if graded else (weights > 0).astype(np.float64)


def moment_of(uses: Interactions, at: float | None, share: float) -> float:
    """The moment that was named, or the one at or after which a share of the uses happened.

    Raises ``ValuesError`` without times, ``TooFewError`` where nothing happened before it.
    """
    if at is not None:
        FINITE.check("at", at)
    if uses.times is None:
        raise ValuesError("a replay needs times, none came: add a time column")
    times = uses.times[uses.heavy_enough]
    if at is None:
        SHARE.check("share", share)
        at = float(np.quantile(times, 1 - share))
    if not (times < at).any():
        raise TooFewError(f"nothing happened before {at:g}: the first time is {times.min():g}")
    return at


def last_uses(uses: Interactions, part: Bool[Array, " uses"], side: str) -> Interactions:
    """The last use of each pair on one side of the moment, where it weighs enough."""
    if part.any():
        entries = uses.take(np.flatnonzero(part))
        last = entries.last_of_each()[0]
        enough = last[entries.heavy_enough[last]]
        if len(enough):
            return entries.take(enough)
    other = "an earlier" if side == "after" else "a later"
    raise TooFewError(f"nothing happened {side} the moment: choose {other} one")


def _pairs(interactions: Interactions) -> Int64[Array, " entries"]:
    """A number for each pair of a user and an item."""
    return interactions.users * len(interactions.item_ids) + interactions.items


def described(split: HoldoutSplit) -> str:
    """How it was split, and who is not judged, in one sentence."""
    words = [split.sentence]
    words += [
        f"not judged: {counted(users, 'user')} ({reason})"
        for reason, users in split.not_judged.items()
    ]
    return "; ".join(words)
