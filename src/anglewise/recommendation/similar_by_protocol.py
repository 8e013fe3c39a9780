"""What a split says of similar items: those that users took together outside of the training."""

from dataclasses import replace

import numpy as np

from anglewise.data_types.embeddings import Embeddings
from anglewise.data_types.judgements import Judgements
from anglewise.data_types.sparse import SparseRows
from anglewise.data_types.text import Say, counted
from anglewise.data_types.used_together import UsedTogether
from anglewise.errors import TooFewError
from anglewise.io.holdout_folder import EvaluationProtocol
from anglewise.judgements.co_use import co_use


def similar_items(
    split: EvaluationProtocol, items: Embeddings, *, shown_too: bool, remark: Say
) -> Judgements:
    """Grade pairs of a model's items by the users who took both, as ``co_use`` does.

    Users took what is to be found; ``shown_too`` adds what is shown of users who are held out, for
    a model that was not trained on it. Items that the model lacks are left out, and said.

    Raises ``TooFewError`` where nobody took two items outside of the training.
    """
    users, names = split.test_users[split.gains > 0], split.test_items[split.gains > 0]
    users, names = list(map(str, users)), list(map(str, names))
    if shown_too and split.fold_in is not None:
        likes = split.fold_in.weights > 0
        users += map(str, np.asarray(split.fold_in.user_ids)[split.fold_in.users[likes]])
        names += map(str, np.asarray(split.fold_in.item_ids)[split.fold_in.items[likes]])
    number: dict[str, int] = {}
    rows = np.array([number.setdefault(own, len(number)) for own in users], dtype=np.int64)
    columns = np.array([items.row_of.get(own, -1) for own in names], dtype=np.int64)
    there = columns >= 0
    if not there.all():
        lacking = len({own for own, held in zip(names, there.tolist(), strict=True) if not held})
        remark(f"similar items: {counted(lacking, 'item')} that the model lacks are left out")
    width = len(items)
    pairs = np.unique(rows[there] * width + columns[there])
    sets = SparseRows.from_pairs(pairs // width, pairs % width, shape=(len(number), width))
    if not (sets.counts > 1).any():
        raise TooFewError(
            f"{split.path}: no user is left with two items outside of the training "
            f"({split.manifest['sentence']}), so nothing says which items belong together: split "
            "by --how users, or by --how time"
        )
    noun = "user" if split.fold_in is None else "held-out user"
    judged = co_use(UsedTogether(sets), noun=noun)
    return replace(judged, source=f"{split.path.name}: {judged.source}")
