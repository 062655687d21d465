"""What an answer does, found by calling it again on inputs that are made to tell. No source is needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from helpers.attention import softmax
from helpers.checks.exercises import Case, Exercise
from helpers.checks.messages import listed, number
from helpers.checks.relations import related
from helpers.checks.run import Result, call, close
from helpers.checks.weights import in_words, logits_in_words

__all__ = ["probed"]

QUICK = 0.5  # seconds that a probe may take


def probed(exercise: Exercise, answer: Callable, cases: Sequence[Case]) -> str:
    """What the probes tell of a wrong answer, in a sentence or two that are true in every case, or ""."""
    asked = _Asked(exercise, answer, cases)
    for probe in (_weights, _unused, _other_rows, _late_words):
        if said := probe(asked):
            return said
    return ""


class _Asked:
    """An answer that can be asked again, beside the right one."""

    def __init__(self, exercise, answer, cases):
        self.exercise, self.answer, self.cases = exercise, answer, cases

    def own(self, arguments: Mapping) -> np.ndarray | None:
        found = call(self.answer, arguments, QUICK)
        value = found.value if isinstance(found, Result) else None
        if isinstance(value, tuple) and len({np.shape(part) for part in value}) == 1:
            value = np.stack(value)
        return value if isinstance(value, np.ndarray) and np.isfinite(value.astype(float)).all() else None

    def right(self, arguments: Mapping) -> np.ndarray | None:
        value = self.exercise.right(*arguments.values())
        return None if isinstance(value, tuple) else np.asarray(value)


# ---- values = the identity returns the weights -------------------------------------------------------------


def _weights(asked: _Asked) -> str:
    """What the weights of an attention are, if the answer is a weighted sum of the values at all."""
    maker = _MADE.get(asked.exercise.name)
    if not maker:
        return ""
    own, right, masks, sizes = [], [], [], []
    for seed in (0, 1):
        made = maker(seed)
        weights, other = asked.own(made["arguments"]), asked.own(made["other"])
        if weights is None or other is None or weights.shape != made["weights"].shape:
            return ""
        if not close(other, weights @ made["values"]):
            return _not_a_sum(asked, maker)
        own.append(weights)
        right.append(made["weights"])
        masks.append(made["mask"])
        sizes.append(made["sizes"])
    if all(close(a, b) for a, b in zip(own, right)):
        return ""
    if said := in_words(own, right, masks):
        return f"Your table of weights, read off with the identity as values, {said}."
    if said := logits_in_words(own, right, sizes):
        return said
    if said := related(own, right, [{}, {}], sizes):
        return f"Your table of weights, read off with the identity as values, {said}."
    return _other_scores(own, right, [maker(seed) for seed in (0, 1)])


def _not_a_sum(asked, maker):
    """An output that isn't weights @ values: something is added, or the values go through something else."""
    added = []
    for seed in (0, 1):
        made = maker(seed)
        zero = asked.own(made["nothing"])
        weights = asked.own(made["arguments"])
        if zero is None or weights is None:
            return ""
        added.append(zero)
        if close(weights - zero, made["weights"]) and not close(zero, np.zeros_like(zero)):
            continue
        return (
            "Your output isn't a weighted sum of the values: with values of all zeros it should be 0, and"
            f" in row 0 it is {number(np.abs(zero[0]).max())}."
            if not close(zero, np.zeros_like(zero))
            else ""
        )
    return (
        "Your weights are the right ones, but something is added to the output: with values of all zeros"
        f" it should be 0, and its first number is {number(added[0].flat[0])}."
    )


def _other_scores(own, right, made):
    """Weights that are the softmax of something else than the scaled dot product."""
    for words, scores in _SCORES.items():
        if all(close(w, _weights_of(scores(m["q"], m["k"]), m)) for w, m in zip(own, made)):
            return f"Your weights are right for other scores: {words}."
    return ""


def _weights_of(scores, made):
    if made["mask"] is not None:
        scores = np.where(made["mask"], scores, -np.inf)
    if made["null"]:
        return softmax(np.column_stack([scores, np.zeros(len(scores))]))[:, :-1]
    return softmax(scores)


def _unit(x):
    return x / np.sqrt((x**2).sum(-1, keepdims=True))


def _squared_distance(q, k):
    return ((q[:, None] - k[None]) ** 2).sum(-1)


_SCORES: dict[str, Callable] = {
    "the cosines of the angles, because queries and keys are divided by their lengths": lambda q, k: (
        _unit(q) @ _unit(k).T
    ),
    "cosines divided by √d_k": lambda q, k: _unit(q) @ _unit(k).T / math.sqrt(q.shape[-1]),
    "minus the squared distance of query and key": lambda q, k: -_squared_distance(q, k),
    "minus the squared distance, divided by √d_k": lambda q, k: (
        -_squared_distance(q, k) / math.sqrt(q.shape[-1])
    ),
    "minus the distance of query and key": lambda q, k: -np.sqrt(_squared_distance(q, k)),
    "the scaled scores without their signs": lambda q, k: np.abs(q @ k.T) / math.sqrt(q.shape[-1]),
    "the squares of the scaled scores": lambda q, k: (q @ k.T) ** 2 / q.shape[-1],
    "the scaled scores with 0 in place of negative ones": lambda q, k: (
        np.maximum(q @ k.T, 0) / math.sqrt(q.shape[-1])
    ),
    "the scaled scores, rounded": lambda q, k: np.rint(q @ k.T / math.sqrt(q.shape[-1])),
    "sums of queries and keys": lambda q, k: (q[:, None] + k[None]).sum(-1) / math.sqrt(q.shape[-1]),
    "the scores of keys with keys": lambda q, k: (k @ k.T / math.sqrt(k.shape[-1]))[: len(q)],
}


def _of_attention(seed, masked=False, null=False):
    rng, (n_queries, n_keys, d_k) = np.random.default_rng(seed), [(4, 6, 5), (3, 5, 7)][seed]
    q, k = rng.standard_normal((n_queries, d_k)), rng.standard_normal((n_keys, d_k))
    made = {"q": q, "k": k, "mask": None, "null": null, "values": rng.standard_normal((n_keys, n_keys))}
    if masked:
        mask = rng.random((n_queries, n_keys)) < 0.6
        mask[:, 0], mask[:, -1] = True, False
        made["mask"] = mask
    more = {"mask": made["mask"]} if masked else {}
    for name, values in (
        ("arguments", np.eye(n_keys)),
        ("other", made["values"]),
        ("nothing", np.zeros((n_keys,) * 2)),
    ):
        made[name] = {"queries": q, "keys": k, "values": values, **more}
    made["weights"] = _weights_of(q @ k.T / math.sqrt(d_k), made)
    made["sizes"] = dict(d_k=d_k, n_queries=n_queries, n_keys=n_keys)
    return made


def _of_cross(seed):
    rng, (n_queries, n_keys, d_model, d_k) = np.random.default_rng(seed), [(4, 5, 8, 3), (3, 6, 7, 5)][seed]
    x, context = rng.standard_normal((n_queries, d_model)), rng.standard_normal((n_keys, d_model))
    w_q, w_k = rng.standard_normal((2, d_model, d_k)) / 3
    made = {"q": x @ w_q, "k": context @ w_k, "mask": None, "null": False}
    made["values"] = rng.standard_normal((n_keys, n_keys))
    inverse = np.linalg.pinv(context)
    for name, values in (
        ("arguments", np.eye(n_keys)),
        ("other", made["values"]),
        ("nothing", np.zeros((n_keys,) * 2)),
    ):
        made[name] = dict(x=x, context=context, w_q=w_q, w_k=w_k, w_v=inverse @ values)
    made["weights"] = _weights_of(made["q"] @ made["k"].T / math.sqrt(d_k), made)
    made["sizes"] = dict(d_k=d_k, n_queries=n_queries, n_keys=n_keys, d_model=d_model)
    return made


def _of_head(seed):
    rng, (n, d_model, h, head) = np.random.default_rng(seed), [(3, 7, 4, 2), (5, 6, 2, 1)][seed]
    x, d_k = rng.standard_normal((n, d_model)), n
    w_q, w_k = rng.standard_normal((2, d_model, h * d_k)) / 2
    own = slice(head * d_k, (head + 1) * d_k)
    made = {"q": x @ w_q[:, own], "k": x @ w_k[:, own], "mask": None, "null": False}
    made["values"] = rng.standard_normal((n, n))
    inverse = np.linalg.pinv(x)
    for name, values in (("arguments", np.eye(n)), ("other", made["values"]), ("nothing", np.zeros((n, n)))):
        made[name] = dict(x=x, w_q=w_q, w_k=w_k, w_v=np.tile(inverse @ values, h), head=head, d_k=d_k)
    made["weights"] = _weights_of(made["q"] @ made["k"].T / math.sqrt(d_k), made)
    made["sizes"] = dict(d_k=d_k, n=n, d_model=d_model, n_heads=h)
    return made


_MADE: dict[str, Callable] = {
    "attention": _of_attention,
    "masked_attention": lambda seed: _of_attention(seed, masked=True),
    "null_attention": lambda seed: _of_attention(seed, null=True),
    "cross_attention": _of_cross,
    "head": _of_head,
}


# ---- what the result depends on ----------------------------------------------------------------------------


def _changed(given):
    if not isinstance(given, np.ndarray):
        return None
    if given.dtype == bool:
        return None if given.ndim != 2 else ~given | np.eye(*given.shape, dtype=bool)
    return np.ascontiguousarray(given[::-1] * 0.5 + 0.1 * np.arange(1, given.shape[-1] + 1))


def _unused(asked: _Asked) -> str:
    """Arguments that can be changed without a change in the result, though the right one changes."""
    unused = [
        name for name in asked.cases[0].arguments if all(_plays_no_part(asked, name, c) for c in asked.cases)
    ]
    if not unused or len(unused) == len(asked.cases[0].arguments):
        return ""
    their = "it doesn't change when it does" if len(unused) == 1 else "it doesn't change when they do"
    return f"Your result doesn't depend on {listed(unused)}: {their}."


def _plays_no_part(asked, name, case) -> bool:
    other = _changed(case.arguments[name])
    if other is None:
        return False
    changed = {**case.arguments, name: other}
    before, after = asked.own(case.arguments), asked.own(changed)
    should = asked.right(case.arguments), asked.right(changed)
    if before is None or after is None or should[0] is None:
        return False
    return close(before, after) and not close(*should)


def _other_rows(asked: _Asked) -> str:
    """Whether row 0 of the result changes with other rows of the first argument, where it shouldn't."""
    name = next(iter(asked.cases[0].arguments))
    for case in asked.cases:
        given = case.arguments[name]
        if not isinstance(given, np.ndarray) or given.ndim != 2 or len(given) < 2:
            return ""
        other = given.copy()
        other[1:] = other[1:] * 0.5 + 0.3
        changed = {**case.arguments, name: other}
        before, after = asked.own(case.arguments), asked.own(changed)
        right, later = asked.right(case.arguments), asked.right(changed)
        if before is None or after is None or right is None or later is None or right.ndim < 1:
            return ""
        if before.shape != right.shape or not close(right[0], later[0]) or close(before[0], after[0]):
            return ""
    return (
        f"Row 0 of your result changes when only other rows of {name} change. Each row stands for itself,"
        " so a sum, a mean or a maximum runs over the whole table or along the wrong axis."
    )


def _late_words(asked: _Asked) -> str:
    """Whether row 0 depends on itself alone, as under a causal mask that nobody asked for."""
    if asked.exercise.name not in ("attention", "multi_head", "head", "cross_attention", "null_attention"):
        return ""
    name = {"attention": "keys", "null_attention": "keys", "cross_attention": "context"}.get(
        asked.exercise.name, "x"
    )
    for case in asked.cases:
        other = case.arguments[name].copy()
        other[1:] = other[1:] * 0.5 + 0.3
        before, after = asked.own(case.arguments), asked.own({**case.arguments, name: other})
        if before is None or after is None or len(before) < 2 or not close(before[0], after[0]):
            return ""
        if close(before[-1], after[-1]):
            return ""
    return (
        f"Row 0 of your result depends on the first row of {name} alone: later ones are hidden from it, and"
        " shouldn't be."
    )
