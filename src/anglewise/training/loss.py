"""Sampled softmax: what a user used against what was drawn and not used, in one measure."""

from typing import Any

import numpy as np

from anglewise.training.measured import Measured
from anglewise.training.step import Step

NEVER = -1e9
"""The score of what is no negative: its exponential is 0, and so is its gradient."""


def loss_of(torch: Any, measure: Measured, step: Step, rows: Any, log_scale: Any) -> Any:
    """The mean over users of the mean over what is to be found, in nats.

    For user ``u`` and item ``i``, with scores ``s`` divided by the temperature and the drawn items
    ``j`` that ``u`` did not use, each with the weight ``w_j`` of the ``Sampler``::

        -log( exp(s_ui) / (exp(s_ui) + sum_j w_j exp(s_uj)) )

    Source: sampled softmax (Jean et al., arXiv 1412.2007) with the found item itself, which was
    not drawn, left uncorrected (arXiv 2507.09331); other items that the user used do not count
    against it.

    Parameters
    ----------
    rows
        The rows ``step.items`` of the table, items x d, a tensor.
    log_scale
        The logarithm of one over the temperature, a tensor.
    """

    def on_device(numbers: Any) -> Any:
        return torch.from_numpy(np.ascontiguousarray(numbers)).to(rows.device)

    scale = torch.exp(log_scale)
    items = measure.items(rows)
    who, what = on_device(step.shown_users), on_device(step.shown_items)
    sums = torch.zeros((step.users, rows.shape[1]), dtype=rows.dtype, device=rows.device)
    sums = sums.index_add(0, who, items.index_select(0, what))
    counts = np.bincount(step.shown_users, minlength=step.users)
    users = measure.users(sums, on_device(counts).to(rows.dtype))
    among = measure.scores(users, items.index_select(0, on_device(step.drawn))) * scale
    among = among + on_device(step.log_weights).to(rows.dtype)
    own = (on_device(step.own_users), on_device(step.own_drawn))
    among = among.index_put(own, torch.full((), NEVER, dtype=rows.dtype, device=rows.device))
    against = torch.logsumexp(among, 1)
    who, what = on_device(step.found_users), on_device(step.found_items)
    found = measure.pairs(users.index_select(0, who), items.index_select(0, what)) * scale
    each = torch.nn.functional.softplus(against.index_select(0, who) - found)
    return (each * on_device(step.weights).to(rows.dtype)).sum()
