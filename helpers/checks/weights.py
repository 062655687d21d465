"""What is wrong with attention weights, read off the weights themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from helpers.attention import softmax
from helpers.checks.messages import number
from helpers.checks.relations import as_sizes
from helpers.checks.run import close

__all__ = ["in_words", "logits_in_words"]


def in_words(
    own: Sequence[np.ndarray], right: Sequence[np.ndarray], masks: Sequence[np.ndarray | None]
) -> str:
    """What weights do that they shouldn't, as a predicate that is true in every case, or "".

    own, right: (…, n_queries, n_keys), one a case;  masks: True where a query may attend, or None
    """
    own = [np.asarray(w, float) for w in own]
    if any(a.shape != b.shape or a.ndim < 2 or not np.isfinite(a).all() for a, b in zip(own, right)):
        return ""
    given = [None if m is None else np.broadcast_to(np.asarray(m, bool), w.shape) for m, w in zip(masks, own)]
    for tell in (_hidden, _sums, _equal, _one_hot, _again):
        said = [tell(*each) for each in zip(own, right, given) if not close(each[0], each[1])]
        if said and all(said):
            return said[0]
    return ""


def _hidden(own, right, mask):
    if mask is None:
        return ""
    leaks, lost = (
        np.argwhere(~mask & (np.abs(own) > 1e-6)),
        np.argwhere(mask & (np.abs(own) < 1e-9) & (right > 1e-6)),
    )
    if len(leaks):
        *_, i, j = leaks[0]
        more = ", while keys that may be attended to get 0" if len(lost) else ""
        return f"gives key {j} the weight {number(own[tuple(leaks[0])])} in row {i}, where it's hidden{more}"
    if len(lost):
        *_, i, j = lost[0]
        return (
            f"gives key {j} the weight 0 in row {i}, where it isn't hidden: more is hidden than the mask says"
        )
    return ""


def _sums(own, right, mask):
    rows, columns = own.sum(-1), own.sum(-2)
    wanted = right.sum(-1)
    if np.allclose(rows, wanted, atol=1e-6):
        return ""
    if np.allclose(columns, 1, atol=1e-6):
        return "has columns that sum to 1, and not rows: a row belongs to one query, and its weights sum to 1"
    if own.ndim == 3 and np.allclose(own.sum(0), 1, atol=1e-6):
        return "sums to 1 over the heads, and not over the keys: softmax runs over the heads"
    if np.allclose(own.sum((-2, -1)), 1, atol=1e-6):
        return "sums to 1 over the whole table, and each row should by itself"
    at = np.unravel_index(np.abs(rows - wanted).argmax(), rows.shape)
    head = f"head {at[0]}, " if own.ndim == 3 else ""
    target = "1" if np.allclose(wanted, 1) else number(wanted[at])
    return (
        f"has rows with the wrong sum: {head}row {at[-1]} sums to {number(rows[at])}, and should to {target}"
    )


def _equal(own, right, mask):
    allowed = np.ones(own.shape) if mask is None else mask * 1.0
    even = close(own, allowed / allowed.sum(-1, keepdims=True))
    return "gives every key of a row the same weight: the scores play no part in it" if even else ""


def _one_hot(own, right, mask):
    hard = close(own, (right == right.max(-1, keepdims=True)) * 1.0)
    return (
        "gives all the weight to one key, the one with the largest score: softmax shares it out"
        if hard
        else ""
    )


def _again(own, right, mask):
    allowed = np.ones(own.shape, bool) if mask is None else mask
    twice = softmax(np.where(allowed, right, -np.inf))
    plain = softmax(right)
    return "has been through softmax twice" if close(own, twice) or close(own, plain) else ""


def logits_in_words(own: Sequence[np.ndarray], right: Sequence[np.ndarray], sizes: Sequence[Mapping]) -> str:
    """The factor between the learner's logits and the right ones, which shows what they divide by, or ""."""
    found = [_factor(a, b) for a, b in zip(own, right)]
    factors = [f for f in found if f is not None and not math.isclose(f, 1, rel_tol=1e-5)]
    if len(factors) < len(found):
        return ""
    factor, known = factors[0], sizes[0]
    if factor < 0:
        return "Your logits have the wrong sign: the largest score gets the smallest weight."
    ways = set.intersection(*(set(as_sizes(math.sqrt(s["d_k"]) / f, s)) for f, s in zip(factors, sizes)))
    root = math.sqrt(known["d_k"])
    start = f"With d_k = {known['d_k']} your logits are {number(factor)} × the right ones"
    if all(math.isclose(f, math.sqrt(s["d_k"]), rel_tol=1e-5) for f, s in zip(factors, sizes)):
        return f"{start}: they aren't divided by √d_k, which is {number(root)} here."
    divisor = root / factor
    way = f" = {sorted(ways, key=len)[0]}" if ways else ""
    if divisor >= 1:
        return f"{start}: you divide by {number(divisor)}{way}, and √d_k is {number(root)}."
    return f"{start}: you multiply by {number(1 / divisor)}, and should divide by √d_k = {number(root)}."


def _factor(own, right) -> float | None:
    """The one factor between the logarithms of two tables of weights, up to a shift of each row."""
    seen = (right > 1e-12) & np.isfinite(own)
    if not seen.any() or (own[seen] <= 0).any():
        return None
    with np.errstate(all="ignore"):
        logits, wanted = (np.where(seen, np.log(w), np.nan) for w in (own, right))
        logits, wanted = (w - np.nanmean(w, -1, keepdims=True) for w in (logits, wanted))
    big = seen & (np.abs(wanted) > 1e-6)
    if not big.any():
        return None
    factor = float((logits[big] * wanted[big]).sum() / (wanted[big] ** 2).sum())
    return factor if np.allclose(logits[seen], factor * wanted[seen], atol=1e-6) and factor else None
