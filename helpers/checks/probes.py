"""What an answer does, found by calling it again on inputs that are made to tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from helpers.attention import softmax
from helpers.checks.exercises import Case, Exercise
from helpers.checks.relations import number
from helpers.checks.run import Result, call, close

__all__ = ["probed"]

QUICK = 1.0  # seconds that a probe may take


def probed(exercise: Exercise, answer: Callable, cases: Sequence[Case]) -> str:
    """What the probes tell of a wrong answer, in a sentence or two, or ""."""
    return (
        _weights(exercise, answer)
        or _ignored(exercise, answer, cases)
        or _other_rows(exercise, answer, cases)
    )


def _value(function: Callable, arguments: dict, sizes=None) -> np.ndarray | tuple | None:
    found = call(function, Case(arguments, sizes or {}), QUICK)
    value = found.value if isinstance(found, Result) else None
    return value if isinstance(value, (np.ndarray, tuple)) else None


# ---- arguments that play no part ---------------------------------------------------------------------------


def _ignored(exercise: Exercise, answer: Callable, cases: Sequence[Case]) -> str:
    """An argument that can be changed without a change in the result, though the right one changes."""
    unused = []
    for name in cases[0].arguments:
        if all(_plays_no_part(name, exercise, answer, case) for case in cases):
            unused.append(name)
    if not unused:
        return ""
    return (
        f"Your result doesn't depend on {' and '.join(unused)}: it stays the same when"
        f" {'it changes' if len(unused) == 1 else 'they change'}."
    )


def _plays_no_part(name: str, exercise: Exercise, answer: Callable, case: Case) -> bool:
    given = case.arguments[name]
    if not isinstance(given, np.ndarray):
        return False
    other = given[::-1] if given.dtype == bool else given[::-1] * 0.5 + 0.1
    changed = {**case.arguments, name: np.ascontiguousarray(other)}
    before, after = (_value(answer, dict(arguments)) for arguments in (case.arguments, changed))
    should_before, should_after = exercise.right(*case.arguments.values()), exercise.right(*changed.values())
    same = before is not None and after is not None and close(before, after) and _finite(before)
    return same and not close(should_before, should_after)


def _finite(value) -> bool:
    return all(np.isfinite(part).all() for part in (value if isinstance(value, tuple) else (value,)))


def _other_rows(exercise: Exercise, answer: Callable, cases: Sequence[Case]) -> str:
    """Whether row 0 of the result changes with row 1 of the first argument, where it shouldn't."""
    name = next(iter(cases[0].arguments))
    for case in cases:
        given = case.arguments[name]
        if not isinstance(given, np.ndarray) or given.ndim != 2 or len(given) < 2 or given.dtype == bool:
            return ""
        other = given.copy()
        other[1:] = other[1:] * 0.5 + 0.3
        arguments = {**case.arguments, name: other}
        before, after = (_value(answer, dict(each)) for each in (case.arguments, arguments))
        should = [exercise.right(*each.values()) for each in (case.arguments, arguments)]
        if (
            not isinstance(should[0], np.ndarray)
            or not should[0].ndim
            or not isinstance(before, np.ndarray)
            or not isinstance(after, np.ndarray)
            or before.shape != should[0].shape
        ):
            return ""
        if before.ndim < 1 or close(before[0], after[0]) or not close(should[0][0], should[1][0]):
            return ""
    return (
        f"Row 0 of your result changes when only other rows of {name} change. Each row is worked out on its"
        " own: look for a sum, a mean or a maximum that runs over the whole table, or along the wrong axis."
    )


# ---- values = the identity gives the weights back ----------------------------------------------------------


def _weights(exercise: Exercise, answer: Callable) -> str:
    """What the weights of an attention are, read off with values that are the identity."""
    makers = _INPUTS.get(exercise.name)
    if not makers:
        return ""
    found = []
    for seed in (0, 1):
        arguments, right, mask, sizes, heads = makers(np.random.default_rng(seed), seed)
        value = _value(answer, arguments)
        if not isinstance(value, np.ndarray) or value.shape != (
            right.shape if heads == 1 else (right.shape[1], heads * right.shape[2])
        ):
            return ""
        own = value if heads == 1 else value.reshape(right.shape[1], heads, -1).swapaxes(0, 1)
        found.append((own, right, mask, sizes))
    if heads > 1 and all(close(own, right) for own, right, *_ in found):
        return (
            "Your heads' weights are the right ones, so the slip comes after: where the heads meet the"
            " values, are merged, or meet W_O."
        )
    if all(close(own, right) for own, right, *_ in found):
        return "Your weights are the right ones, so the slip comes after softmax, where they meet the values."
    for tell in (_hidden, _sums, _uniform, _hard):
        sentences = [tell(*each) for each in found]
        if all(sentences):
            return sentences[0]
    return _logits(found)


def _hidden(own, right, mask, sizes):
    if mask is None or not np.isfinite(own).all():
        return ""
    leaks, lost = (
        np.argwhere(~mask & (np.abs(own) > 1e-6)),
        np.argwhere(mask & (np.abs(own) < 1e-9) & (right > 1e-6)),
    )
    inverted = np.array_equal(mask, np.abs(own) < 1e-9)
    if len(leaks) and len(lost):
        i, j = leaks[0]
        return (
            f"Key {j} is hidden from query {i} and still gets the weight {number(own[i, j])}, and"
            f" {'all' if inverted else 'some'} keys that may be attended to get 0"
            + (": the mask is the wrong way round." if inverted else ".")
        )
    if len(leaks):
        i, j = leaks[0]
        return (
            f"Key {j} is hidden from query {i} and still gets the weight {number(own[i, j])}. The mask has to"
            " make its score −∞, before softmax."
        )
    if len(lost):
        i, j = lost[0]
        return f"Query {i} may attend to key {j}, and its weight is 0: more is hidden than the mask says."
    return ""


def _sums(own, right, mask, sizes):
    if not np.isfinite(own).all():
        return ""
    sums, wanted = own.sum(-1), right.sum(-1)
    if np.allclose(sums, wanted, atol=1e-6):
        return ""
    at = np.unravel_index(np.abs(sums - wanted).argmax(), sums.shape)
    if np.allclose(own.sum(-2), 1):
        return (
            "The columns of your weights sum to 1, and the rows should: a row belongs to one query, so"
            " softmax runs along it (axis=-1)."
        )
    head = f"head {at[0]}, " if own.ndim == 3 else ""
    return (
        f"The weights in {head}row {at[-1]} sum to {number(sums[at])}; they should sum to"
        f" {number(wanted[at])}. Read off with values that are the identity."
    )


def _uniform(own, right, mask, sizes):
    allowed = np.ones(own.shape) if mask is None else np.broadcast_to(mask, own.shape) * 1.0
    even = close(own, allowed / allowed.sum(-1, keepdims=True))
    return "Your weights are all equal: the scores play no part in them." * even


def _hard(own, right, mask, sizes):
    hard = close(own, (right == right.max(-1, keepdims=True)) * 1.0)
    return "All the weight goes to one key, the one with the largest score. Softmax shares it out." * hard


def _logits(found) -> str:
    """The factor between own logits and the right ones, which shows the divisor that was used."""
    factors = [_factor_of_the_logits(own, right) for own, right, *_ in found]
    if not all(factors) or all(math.isclose(f, 1, rel_tol=1e-6) for f in factors):
        return ""
    all_sizes = [sizes for *_, sizes in found]
    roots = [math.sqrt(sizes["d_k"]) for sizes in all_sizes]
    divisors = [root / factor for root, factor in zip(roots, factors)]
    said = f"With d_k = {all_sizes[0]['d_k']} your logits are {number(factors[0])} × the right ones"
    if all(math.isclose(d, 1, rel_tol=1e-5) for d in divisors):
        return f"{said}: they aren't divided by √d_k = {number(roots[0])}."
    name = next((n for n in _divisors(all_sizes[0]) if _is(n, divisors, all_sizes)), "")
    what = f", which is {name}" if name else ""
    if divisors[0] > 1:
        return f"{said}: you divide by {number(divisors[0])}{what}, and √d_k is {number(roots[0])}."
    return (
        f"{said}: you multiply by {number(1 / divisors[0])}, and should divide by √d_k = {number(roots[0])}."
    )


def _factor_of_the_logits(own, right) -> float:
    """own logits / right logits if that's one number, and 0 if it isn't."""
    if not np.isfinite(own).all() or (own[right > 0] <= 0).any():
        return 0.0
    seen = np.where(right > 0, 1.0, np.nan)
    with np.errstate(all="ignore"):
        logits, wanted = (np.log(w) * seen for w in (own, right))
        logits, wanted = (w - np.nanmean(w, -1, keepdims=True) for w in (logits, wanted))
        ratios = (logits / wanted)[np.isfinite(logits) & (np.abs(wanted) > 1e-6)]
    return float(ratios[0]) if len(ratios) and np.allclose(ratios, ratios[0], rtol=1e-5) else 0.0


def _divisors(sizes: dict) -> list[str]:
    return [text for name in sizes for text in (name, f"√{name}")]


def _is(text: str, divisors, all_sizes) -> bool:
    """Whether a name such as "√n_keys" is the divisor for all sizes that were tried."""
    values = [sizes[text.removeprefix("√")] ** (0.5 if text[0] == "√" else 1) for sizes in all_sizes]
    return all(math.isclose(d, v, rel_tol=1e-5) for d, v in zip(divisors, values))


def _of_attention(rng, seed, masked=False, null=False):
    n_queries, n_keys, d_k = (3, 7, 5) if seed else (4, 6, 10)
    queries, keys = rng.standard_normal((n_queries, d_k)), rng.standard_normal((n_keys, d_k))
    scores, mask = queries @ keys.T / math.sqrt(d_k), None
    arguments = {"queries": queries, "keys": keys, "values": np.eye(n_keys)}
    if masked:
        mask = rng.random((n_queries, n_keys)) < 0.6
        mask[:, 0], mask[:, -1] = True, False
        arguments["mask"], scores = mask, np.where(mask, scores, -np.inf)
    if null:
        scores = np.column_stack([scores, np.zeros(n_queries)])
    weights = softmax(scores)[:, :n_keys]
    return arguments, weights, mask, dict(d_k=d_k, n_queries=n_queries, n_keys=n_keys), 1


def _of_cross(rng, seed):
    n_queries, n_keys, d_model, d_k = (4, 5, 8, 3) if seed else (3, 6, 11, 7)
    x, context = rng.standard_normal((n_queries, d_model)), rng.standard_normal((n_keys, d_model))
    w_q, w_k = rng.standard_normal((2, d_model, d_k)) / 3
    arguments = dict(x=x, context=context, w_q=w_q, w_k=w_k, w_v=np.linalg.pinv(context))
    weights = softmax(x @ w_q @ (context @ w_k).T / math.sqrt(d_k))
    return arguments, weights, None, dict(d_k=d_k, n_queries=n_queries, n_keys=n_keys, d_model=d_model), 1


def _of_heads(rng, seed, one=False):
    n, d_model, h = (3, 7, 4) if seed else (5, 8, 3)
    x, d_k = rng.standard_normal((n, d_model)), n
    w_q, w_k = rng.standard_normal((2, d_model, h * d_k)) / 2
    w_v = np.tile(np.linalg.pinv(x), h)
    q, k = ((x @ w).reshape(n, h, d_k).swapaxes(0, 1) for w in (w_q, w_k))
    weights = softmax(q @ k.swapaxes(1, 2) / math.sqrt(d_k))
    sizes = dict(d_k=d_k, d_model=d_model, n_heads=h)
    if one:
        return dict(x=x, w_q=w_q, w_k=w_k, w_v=w_v, head=2, d_k=d_k), weights[2], None, sizes, 1
    return dict(x=x, w_q=w_q, w_k=w_k, w_v=w_v, w_o=np.eye(h * d_k), n_heads=h), weights, None, sizes, h


_INPUTS: dict[str, Callable] = {
    "attention": _of_attention,
    "masked_attention": lambda rng, seed: _of_attention(rng, seed, masked=True),
    "null_attention": lambda rng, seed: _of_attention(rng, seed, null=True),
    "cross_attention": _of_cross,
    "head": lambda rng, seed: _of_heads(rng, seed, one=True),
    "multi_head": _of_heads,
}
