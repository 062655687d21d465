"""The exercises: what each one is run on, its right answer, its hints, and the mistakes that it knows.

The inputs are uneven on purpose. Equal sizes, all ones, one head and symmetric
matrices have each hidden a real mistake: then the wrong answer is right by accident.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations

import numpy as np

from helpers.checks import catalogue, solutions
from helpers.checks.catalogue import MISTAKES, RIGHT, Mistake, steps_with

__all__ = ["Case", "EXERCISES", "Exercise", "Wrong"]


@dataclass(frozen=True)
class Case:
    """The arguments of one call, by name and in order, and the sizes that a message may mention."""

    arguments: Mapping[str, object]
    sizes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Wrong:
    """A wrong answer that is known: a function to run, and what to say."""

    name: str
    answer: Callable
    sentence: str


@dataclass(frozen=True, eq=False)
class Exercise:
    """One exercise.

    notebook:  "02" and so on
    cases:     makes the list of Cases; the same one every time
    returns:   what comes back, in words with its shape
    hints:     two, the second says nearly all
    pipeline:  the right answer made of the catalogue's steps, so that its mistakes are known
    own:       further mistakes, which only this exercise knows
    problem:   for an exercise with many right answers: what is wrong with this one, or ""
    """

    name: str
    notebook: str
    cases: Callable[[], list[Case]]
    returns: str
    hints: tuple[str, str]
    pipeline: Callable | None = None
    own: tuple[Wrong, ...] = ()
    problem: Callable[..., str] | None = None

    @property
    def right(self) -> Callable:
        return getattr(solutions, "my_" + self.name)

    def known(self) -> list[Wrong]:
        """Every single mistake. Those that change nothing here are among them."""
        return [*self.own, *(self._wrong(mistake) for mistake in MISTAKES if self.pipeline)]

    def pairs(self, names: Collection[str]) -> list[Wrong]:
        """Two of these mistakes of the catalogue at once."""
        chosen = [mistake for mistake in MISTAKES if self.pipeline and mistake.name in names]
        return [
            self._wrong(*pair)
            for pair in combinations(chosen, 2)
            if not pair[0].wrong.keys() & pair[1].wrong.keys()
        ]

    def _wrong(self, *mistakes: Mistake) -> Wrong:
        return Wrong(
            " and ".join(m.name for m in mistakes),
            partial(self.pipeline, steps_with(*mistakes)),
            ("Two things. " if len(mistakes) > 1 else "") + " And: ".join(m.sentence for m in mistakes),
        )


# ---- the inputs ------------------------------------------------------------------------------------------------------


def _random(seed):
    rng = np.random.default_rng(seed)
    return lambda *shape: rng.standard_normal(shape).round(2)


def _sizes(**sizes):
    return {**sizes, "root_d_k": math.sqrt(sizes.get("d_k", 1))}


def _weights_case(seed, n_queries, n_keys, *heads):
    weights = catalogue.softmax(3 * _random(seed)(*heads, n_queries, n_keys), RIGHT)
    return Case({"weights": weights}, {"n_queries": n_queries, "n_keys": n_keys, "n_heads": sum(heads)})


def _weights():
    return [_weights_case(1, 3, 5), _weights_case(2, 6, 4)]


def _tables():
    return [
        *_weights(),
        Case({"weights": _random(0)(2, 3)}, {"n_queries": 2, "n_keys": 3}),
    ]  # rows that do not sum to 1


def _vectors():
    made = [_random(seed)(2, d_k) for seed, d_k in ((3, 3), (4, 7))]
    return [
        Case({"q": np.array([8.0, 4, 4]), "k": np.array([8.0, 6, 6])}),
        *(Case({"q": q, "k": k}) for q, k in made),
    ]


def _projection_case(seed, n, d_model, d_k, d_v):
    draw = _random(seed)
    matrices = {"w_q": draw(d_model, d_k), "w_k": draw(d_model, d_k), "w_v": draw(d_model, d_v)}
    arguments = {
        "x": draw(n, d_model),
        **{name: (w * 1.5 / math.sqrt(d_model)).round(2) for name, w in matrices.items()},
    }  # scores that softmax can tell apart
    return Case(arguments, _sizes(n=n, n_queries=n, n_keys=n, d_model=d_model, d_k=d_k, d_v=d_v))


def _projections():
    return [_projection_case(5, 4, 6, 3, 2), _projection_case(6, 2, 5, 4, 3)]


def _scale():
    return [
        Case(
            {"scores": 5 * _random(seed)(n, m), "d_k": d_k},
            _sizes(n_queries=n, n_keys=m, d_k=d_k, d_v=d_k, d_model=d_k),
        )
        for seed, n, m, d_k in ((7, 3, 5, 16), (8, 4, 2, 64))
    ]


def _scores():
    far = np.array(
        [[1012.0, 1014.0, 1009.0], [-3.0, -1.0, -2.5], [0.0, 1010.0, -5.0]]
    )  # exp of these overflows, unless the row's maximum goes first
    return [
        Case({"scores": scores}, {"n_queries": len(scores), "n_keys": scores.shape[1], "largest": 1014})
        for scores in (2 * _random(9)(3, 5), far)
    ]


def _outputs():
    return [
        Case(
            {"weights": _weights_case(seed, n, m).arguments["weights"], "values": _random(seed)(m, d_v)},
            {"n_queries": n, "n_keys": m, "d_v": d_v},
        )
        for seed, n, m, d_v in ((10, 3, 5, 2), (11, 4, 4, 3))
    ]


def _attention_case(seed, n_queries, n_keys, d_k, d_v, mask=None):
    draw = _random(seed)
    arguments = {"queries": 2 * draw(n_queries, d_k), "keys": draw(n_keys, d_k), "values": draw(n_keys, d_v)}
    return Case(
        arguments | ({} if mask is None else {"mask": mask}),
        _sizes(n_queries=n_queries, n_keys=n_keys, d_k=d_k, d_v=d_v),
    )


def _attention():
    return [_attention_case(12, 3, 5, 4, 2), _attention_case(13, 6, 6, 3, 5)]


def _masked():
    # No row is full: turned round, it would be empty, and what comes of an empty row depends on how −∞ is written.
    looks_back, gaps = (
        np.tri(5, dtype=bool) & ~np.tri(5, k=-3, dtype=bool),
        np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1]], dtype=bool),
    )
    return [_attention_case(14, 5, 5, 4, 3, looks_back), _attention_case(15, 3, 4, 2, 5, gaps)]


def _cross():
    cases = []
    for seed, n_queries, n_keys, d_model, d_k, d_v in ((16, 3, 5, 6, 4, 2), (17, 4, 4, 5, 3, 2)):
        case = _projection_case(seed, n_queries, d_model, d_k, d_v)
        x, *matrices = case.arguments.items()
        context = ("context", _random(seed + 100)(n_keys, d_model))
        cases.append(Case(dict([x, context, *matrices]), {**case.sizes, "n_keys": n_keys}))
    return cases


def _one_head():
    cases = []
    for seed, n, d_model, n_heads, d_k, head in (
        (18, 4, 6, 3, 2, 1),
        (19, 3, 5, 2, 4, 1),
        (20, 5, 7, 4, 3, 2),
    ):
        case = _projection_case(seed, n, d_model, n_heads * d_k, n_heads * d_k)
        cases.append(
            Case(
                {**case.arguments, "head": head, "d_k": d_k},
                {**case.sizes, **_sizes(d_k=d_k, d_v=d_k), "n_heads": n_heads},
            )
        )
    return cases


def _split():
    return [
        Case(
            {"x": np.arange(n * h * d_k, dtype=float).reshape(n, h * d_k), "n_heads": h},
            {"n": n, "n_heads": h, "d_k": d_k},
        )
        for n, h, d_k in ((2, 3, 4), (5, 2, 3))
    ]


def _merge():
    return [
        Case(
            {"heads": np.arange(n * h * d_v, dtype=float).reshape(n, h, d_v).swapaxes(0, 1).copy()},
            {"n": n, "n_heads": h, "d_v": d_v, "d_k": d_v},
        )
        for n, h, d_v in ((2, 3, 4), (5, 2, 3))
    ]


def _multi_head():
    cases = []
    for seed, n, d_model, h, d_k in ((21, 5, 6, 2, 4), (22, 4, 10, 3, 2)):
        case, draw = _projection_case(seed, n, d_model, h * d_k, h * d_k), _random(seed + 100)
        cases.append(
            Case(
                {**case.arguments, "w_o": draw(h * d_k, d_model), "n_heads": h},
                {**case.sizes, **_sizes(d_k=d_k, d_v=d_k), "n_heads": h},
            )
        )
    return cases


def _writes():
    return [
        Case(
            {"found": _random(seed)(h, n, d_v), "w_o": _random(seed + 1)(h * d_v, d_model)},
            {"n": n, "n_heads": h, "d_v": d_v, "d_model": d_model},
        )
        for seed, h, n, d_v, d_model in ((23, 3, 2, 4, 5), (25, 2, 5, 3, 7))
    ]


def _all_heads():
    return [_weights_case(27, 3, 5, 2), _weights_case(28, 4, 4, 3)]


def _target_scores():
    return [
        Case({"scores": 2 * _random(seed)(n), "target": target}, {"n": n, "target": target})
        for seed, n, target in ((31, 5, 3), (32, 4, 0))
    ]


def _softmax_backward():
    made = [(_weights_case(seed, n, m), _random(seed + 100)(n, m)) for seed, n, m in ((33, 3, 5), (34, 4, 2))]
    return [Case({**case.arguments, "d_weights": d_weights}, case.sizes) for case, d_weights in made]


def _query_backward():
    cases = []
    for seed, n_queries, n_keys, d_k in ((35, 3, 5, 4), (36, 4, 2, 3)):
        draw = _random(seed)
        arguments = {
            "d_scores": draw(n_queries, n_keys),
            "queries": draw(n_queries, d_k),
            "keys": draw(n_keys, d_k),
        }
        cases.append(Case(arguments, _sizes(n_queries=n_queries, n_keys=n_keys, d_k=d_k)))
    return cases


def _rows():
    made = [
        (catalogue.softmax(_random(seed)(n), RIGHT), _random(seed + 1)(n, d_v))
        for seed, n, d_v in ((29, 5, 2), (31, 7, 4))
    ]
    return [
        Case({"row": row, "values": values}, {"n_keys": len(row), "d_v": values.shape[1]})
        for row, values in made
    ]


# ---- answers of which there are many ---------------------------------------------------------------------------------


def _not_another_row(result, row, values):
    if result.shape != row.shape:
        return f"The new row should hold one weight for each of the {len(row)} keys, and yours has the shape {result.shape}."
    if not np.isfinite(result).all():
        return "Your row holds nan or infinity."
    if (result == row).all():
        return "That is the same row. Move along a direction that leaves the output and the sum as they are."
    if np.allclose(result, row, atol=1e-6):
        return (
            f"Your row differs from the old one by {np.abs(result - row).max():.0e} only: take a larger step."
        )
    if result.min() < -1e-9:
        return f"The smallest of your weights is {result.min():.2g}. Weights may not be negative: take a smaller step."
    if not math.isclose(result.sum(), 1, abs_tol=1e-6):
        return f"Your weights sum to 1 only up to {result.sum() - 1:+.1e}: the direction's numbers must sum to 0, which a row of ones demands."
    if not np.allclose(result @ values, row @ values, atol=1e-6):
        return f"Your row gives the output {np.round(result @ values, 3)}, and the old one gives {np.round(row @ values, 3)}: they should be equal."
    return ""


# ---- all of them -----------------------------------------------------------------------------------------------------


def _softmax_row(scores):
    return catalogue.softmax(scores, RIGHT)


def _null_attention(steps, queries, keys, values):
    sizes = {
        "d_k": keys.shape[-1],
        "n_keys": len(keys),
        "d_v": values.shape[-1],
        "d_model": keys.shape[-1],
        "columns": keys.shape[-1],
    }
    scores = steps["scale"](steps["compare"](*steps["roles"](queries, keys)), sizes)
    weights = steps["softmax"](np.column_stack([scores, np.zeros(len(scores))]), steps)[:, :-1]
    return steps["mix"](weights, values)


def _scaled(queries, keys):
    return queries @ keys.T / math.sqrt(keys.shape[-1])


def _one_after_the_maximum(queries, keys, values):
    scores = _scaled(queries, keys)
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / (1 + raised.sum(axis=-1, keepdims=True)) @ values


def _null_first(queries, keys, values):
    scores = _scaled(queries, keys)
    return catalogue.softmax(np.column_stack([np.zeros(len(scores)), scores]), RIGHT)[:, :-1] @ values


def _null_scores_1(queries, keys, values):
    scores = _scaled(queries, keys)
    return catalogue.softmax(np.column_stack([scores, np.ones(len(scores))]), RIGHT)[:, :-1] @ values


_ALL = (
    Exercise(
        "row_sums",
        "00",
        _tables,
        "one sum for each row, (n_queries,)",
        (
            "An array has a method sum. It needs to be told along which axis.",
            "axis=-1 runs along a row, from key to key: weights.sum(axis=-1).",
        ),
        own=(
            Wrong(
                "columns summed",
                lambda w: w.sum(axis=0),
                "You summed the columns: there are {n_keys} of them. A row belongs to one query, and there are {n_queries} rows (axis=-1).",
            ),
            Wrong(
                "everything summed",
                lambda w: w.sum(),
                "You summed the whole table into one number. There should be one sum for each of the {n_queries} rows (axis=-1).",
            ),
            Wrong(
                "mean instead of sum",
                lambda w: w.mean(axis=-1),
                "These are means: each sum was divided by {n_keys}.",
            ),
        ),
    ),
    Exercise(
        "favourites",
        "00",
        _weights,
        "the place of the largest weight in each row, (n_queries,)",
        (
            "NumPy has a method that gives the place of the largest number, rather than the number.",
            "It is argmax, and it needs an axis, as sum does.",
        ),
        own=(
            Wrong(
                "largest weights",
                lambda w: w.max(axis=-1),
                "These are the largest weights. Asked for is the place where each one stands: argmax instead of max.",
            ),
            Wrong(
                "columns searched",
                lambda w: w.argmax(axis=0),
                "You searched the columns. Each of the {n_queries} rows has a favourite among the {n_keys} keys (axis=-1).",
            ),
            Wrong(
                "one place for the table",
                lambda w: w.argmax(),
                "That is one place for the whole table. Each of the {n_queries} rows has one (axis=-1).",
            ),
            Wrong(
                "counted from 1",
                lambda w: w.argmax(axis=-1) + 1,
                "The places are counted from 1. Python counts from 0: the first key has the place 0.",
            ),
            Wrong(
                "smallest weights",
                lambda w: w.argmin(axis=-1),
                "These are the places of the smallest weights: argmax instead of argmin.",
            ),
        ),
    ),
    Exercise(
        "score",
        "01",
        _vectors,
        "one number",
        (
            "Multiply the numbers in the same place, and do something with the products.",
            "Add the products up: sum(a * b for a, b in zip(q, k)), or q @ k.",
        ),
        own=(
            Wrong(
                "products not added",
                lambda q, k: q * k,
                "You give back the products. The score is their sum, one number.",
            ),
            Wrong(
                "cosine",
                lambda q, k: q @ k / np.linalg.norm(q) / np.linalg.norm(k),
                "You divided by both lengths: that is the cosine of the angle. The score keeps the lengths.",
            ),
            Wrong(
                "mean of the products",
                lambda q, k: np.mean(q * k),
                "You give the mean of the products. The score is their sum.",
            ),
            Wrong(
                "sums multiplied",
                lambda q, k: q.sum() * k.sum(),
                "You added first and multiplied then. Multiply place by place first.",
            ),
            Wrong(
                "numbers added",
                lambda q, k: (q + k).sum(),
                "You added q and k. Multiply the numbers in the same place.",
            ),
            Wrong(
                "last number left out",
                lambda q, k: q[:-1] @ k[:-1],
                "The last number is left out: range(n) already stops before n.",
            ),
            Wrong(
                "last product alone",
                lambda q, k: q[-1] * k[-1],
                "That is the last product alone. Does the sum begin again in each round?",
            ),
            Wrong(
                "first product alone",
                lambda q, k: q[0] * k[0],
                "That is the first product alone. Does return stand inside the loop?",
            ),
            Wrong(
                "every pair",
                np.outer,
                "You multiplied every number of q with every number of k. Only numbers in the same place meet.",
            ),
        ),
    ),
    Exercise(
        "projections",
        "01",
        _projections,
        "three arrays: queries (n, d_k), keys (n, d_k), values (n, d_v)",
        (
            "Each of the three is one matrix product.",
            "The queries are x @ w_q. Give all three back, separated by commas.",
        ),
        catalogue.project,
        own=(
            Wrong(
                "keys and values exchanged",
                lambda x, w_q, w_k, w_v: (x @ w_q, x @ w_v, x @ w_k),
                "Keys and values have changed places: the order is queries, keys, values.",
            ),
            Wrong(
                "only the queries",
                lambda x, w_q, w_k, w_v: x @ w_q,
                "These are the queries alone. Give back all three, separated by commas.",
            ),
        ),
    ),
    Exercise(
        "scale",
        "02",
        _scale,
        "the scaled scores, the shape of scores",
        ("For d_k = 64 the scores were divided by 8.", "8 is the root of 64: divide by np.sqrt(d_k)."),
        lambda steps, scores, d_k: steps["scale"](
            scores, {"d_k": d_k, "n_keys": scores.shape[-1], "d_v": d_k, "d_model": d_k, "columns": d_k}
        ),
    ),
    Exercise(
        "softmax",
        "02",
        _scores,
        "weights, the shape of scores; each row sums to 1",
        (
            "Three moves: subtract the largest score of each row, raise e to the rest, divide by the row's sum.",
            "With scores.max(axis=-1, keepdims=True) each row gets its own maximum; the same two words belong into sum.",
        ),
        lambda steps, scores: steps["softmax"](scores, steps),
    ),
    Exercise(
        "outputs",
        "02",
        _outputs,
        "the outputs, (n_queries, d_v)",
        (
            "Row i of the result is the sum of all values, each times its weight in row i.",
            "That is what a matrix product does: weights @ values.",
        ),
        lambda steps, weights, values: steps["mix"](weights, values),
    ),
    Exercise(
        "attention",
        "03",
        _attention,
        "the output, (n_queries, d_v)",
        (
            "Four steps in this order: compare, scale, softmax, mix.",
            "The scores are queries @ keys.T / np.sqrt(d_k), and d_k is keys.shape[-1].",
        ),
        catalogue.attention,
    ),
    Exercise(
        "masked_attention",
        "03",
        _masked,
        "the output, (n_queries, d_v)",
        (
            "A hidden key must get the weight 0, and the other weights of the row must still sum to 1. So the mask comes before softmax.",
            "Where the mask is False, put −inf: np.where(mask, scores, -np.inf).",
        ),
        catalogue.attention,
    ),
    Exercise(
        "cross_attention",
        "03",
        _cross,
        "the output, (n_queries, d_v)",
        (
            "x asks, the context answers.",
            "Queries come from x; keys and values both come from the context. The rest is as before.",
        ),
        lambda steps, x, context, *matrices: catalogue.attention(
            steps, *catalogue.project(steps, x, *matrices, context), d_model=x.shape[-1]
        ),
    ),
    Exercise(
        "head",
        "04",
        _one_head,
        "the output of this head, (n, d_k)",
        (
            "First cut out the columns that belong to the head, then do attention with them.",
            "Head i owns the columns i · d_k up to (i + 1) · d_k: w_q[:, head * d_k:(head + 1) * d_k].",
        ),
        catalogue.one_head,
    ),
    Exercise(
        "split",
        "04",
        _split,
        "(n_heads, n, d_k)",
        (
            "Two moves. The reshape alone gives (n, n_heads, d_k).",
            "Then swap the first two axes: .swapaxes(0, 1).",
        ),
        lambda steps, x, n_heads: steps["split"](x, n_heads),
    ),
    Exercise(
        "merge",
        "04",
        _merge,
        "(n, n_heads · d_k)",
        (
            "It undoes the split: the same two moves, backwards.",
            "First .swapaxes(0, 1), which gives (n, n_heads, d_k), then reshape.",
        ),
        lambda steps, heads: steps["merge"](heads),
    ),
    Exercise(
        "multi_head",
        "05",
        _multi_head,
        "the output, (n, d_model)",
        (
            "Project, split, attend in every head at once, merge, and W_O. Each step is one line.",
            "After the split the keys are (n_heads, n, d_k): transpose only the last two axes, k.swapaxes(-1, -2).",
        ),
        catalogue.multi_head,
    ),
    Exercise(
        "writes",
        "05",
        _writes,
        "what each head writes, (n_heads, n, d_model)",
        (
            "Head i owns the rows i · d_v up to (i + 1) · d_v of W_O.",
            "Cut W_O to (n_heads, d_v, d_model); then found @ that multiplies head by head.",
        ),
        catalogue.writes,
    ),
    Exercise(
        "shares",
        "06",
        _all_heads,
        "shares, the shape of weights; over the heads they sum to 1",
        (
            "For each pair of a query and a key, the heads' weights are divided by their sum.",
            "The head axis is the first one: weights.sum(axis=0).",
        ),
        own=(
            Wrong(
                "over the keys",
                lambda w: w / w.sum(axis=-1, keepdims=True),
                "You divided by the sum over the keys. That sum is 1 already, so these are the weights themselves. Divide by the sum over the {n_heads} heads (axis=0).",
            ),
            Wrong(
                "over the queries",
                lambda w: w / w.sum(axis=-2, keepdims=True),
                "You divided by the sum over the queries. The heads are the first axis (axis=0).",
            ),
            Wrong(
                "over everything",
                lambda w: w / w.sum(),
                "You divided by the sum of all weights. Divide pair by pair, by the sum over the {n_heads} heads (axis=0).",
            ),
            Wrong(
                "over one head",
                lambda w: w / w.sum(axis=(1, 2), keepdims=True),
                "You divided each head by its own sum, which is the number of its rows. Divide by the sum over the {n_heads} heads (axis=0).",
            ),
            Wrong(
                "mean over the heads",
                lambda w: w / w.mean(axis=0),
                "You divided by the mean: your shares sum to {n_heads} over the heads, and should sum to 1.",
            ),
            Wrong(
                "summed only",
                lambda w: w.sum(axis=0),
                "That is the sum over the heads. Divide the weights by it.",
            ),
        ),
    ),
    Exercise(
        "other_row",
        "06",
        _rows,
        "another row of weights, (n_keys,), with the same output",
        (
            "Look for a direction that changes neither the output nor the sum: one that values.T and a row of ones both turn into 0.",
            "Stack values.T on a row of ones; the last row of np.linalg.svd(…)[2] is such a direction. How far? Until the first weight reaches 0 it is (row / abs(direction)).min(); take half of that.",
        ),
        problem=_not_another_row,
    ),
    Exercise(
        "null_attention",
        "06",
        _attention,
        "the output, (n_queries, d_v)",
        (
            "The null token has a key of zeros, so its score is 0 for every query, and a value of zeros, so it adds nothing.",
            "Put a column of zeros beside the scores before softmax, and drop that column from the weights before the product.",
        ),
        _null_attention,
        own=(
            Wrong(
                "no null token",
                lambda q, k, v: catalogue.attention(RIGHT, q, k, v),
                "Your weights over the {n_keys} real keys sum to 1, so the null token takes nothing. A column of zeros belongs beside the scores, before softmax; afterwards the weights are not divided again.",
            ),
            Wrong(
                "1 added after the maximum",
                _one_after_the_maximum,
                "The 1 in the denominator is e^0, the null token's. Once the maximum m is subtracted from the scores, it has become e^(−m): divide by exp(−m) plus the sum.",
            ),
            Wrong(
                "null column first, last dropped",
                _null_first,
                "The null column stands first, and you dropped the last one, a real key.",
            ),
            Wrong(
                "null column not dropped",
                lambda q, k, v: (
                    catalogue.softmax(np.column_stack([_scaled(q, k), np.zeros(len(q))]), RIGHT) @ v
                ),
                "Your weights have one column more than there are values: drop the null token's column, or give it a value of zeros.",
            ),
            Wrong(
                "null token scores 1",
                _null_scores_1,
                "Your null token scores 1. Its key is all zeros, so its score is 0.",
            ),
        ),
    ),
    Exercise(
        "loss_gradient",
        "07",
        _target_scores,
        "the gradient, the shape of scores",
        (
            "Work out softmax(scores) first. One entry of it then has to change.",
            "The gradient is the probabilities, with 1 taken away at the index of the target.",
        ),
        own=(
            Wrong(
                "sign turned",
                lambda s, t: np.eye(len(s))[t] - _softmax_row(s),
                "The sign is turned: that is the direction in which the loss falls. The gradient points to where it grows: probabilities minus 1 at the target.",
            ),
            Wrong(
                "target left out",
                lambda s, t: _softmax_row(s),
                "These are the probabilities. At the index of the target 1 has to be taken away: all {n} entries then sum to 0.",
            ),
            Wrong(
                "only the target",
                lambda s, t: (_softmax_row(s) - 1) * np.eye(len(s))[t],
                "Only the target's entry is there. The other scores count too: raising one of them makes the target less likely.",
            ),
            Wrong(
                "index taken away",
                lambda s, t: _softmax_row(s) - t,
                "You took {target}, the target's index, away from every probability. Take 1 away, at that index only.",
            ),
            Wrong(
                "1 taken away everywhere",
                lambda s, t: _softmax_row(s) - 1,
                "You took 1 away from every probability. Take it away at the target's index only.",
            ),
            Wrong(
                "target set to −1",
                lambda s, t: np.where(np.arange(len(s)) == t, -1, _softmax_row(s)),
                "The target's entry became −1. It is its probability minus 1.",
            ),
            Wrong(
                "score instead of probability",
                lambda s, t: s - np.eye(len(s))[t],
                "You took 1 from the scores. It is taken from the probabilities, softmax(scores).",
            ),
            Wrong(
                "gradient of the probability",
                lambda s, t: _softmax_row(s)[t] * (np.eye(len(s))[t] - _softmax_row(s)),
                "That is the gradient of the target's probability. The loss is its −log: divide by the probability, and turn the sign.",
            ),
            Wrong(
                "the loss itself",
                lambda s, t: -np.log(_softmax_row(s)[t]),
                "That is the loss, one number. Its gradient has one number for each of the {n} scores.",
            ),
        ),
    ),
    Exercise(
        "softmax_gradient",
        "07",
        _softmax_backward,
        "the gradient by the scores, (n_queries, n_keys)",
        (
            "Raising one score raises its own weight and lowers all others of its row: the row's mean of d_weights plays a part.",
            "The mean is weighted: (weights * d_weights).sum(axis=-1, keepdims=True). Take it from d_weights, and multiply by the weights.",
        ),
        own=(
            Wrong(
                "mean not taken away",
                lambda p, d: p * d,
                "The row's mean is not taken away. As a row of weights always sums to 1, each row of your gradient should sum to 0.",
            ),
            Wrong(
                "sign turned",
                lambda p, d: p * ((p * d).sum(axis=-1, keepdims=True) - d),
                "The sign is turned: the row's mean is taken from d_weights, and not the other way round.",
            ),
            Wrong(
                "softmax once more",
                lambda p, d: (q := _softmax_row(p)) * (d - (q * d).sum(axis=-1, keepdims=True)),
                "You applied softmax to the weights. They are softmax's result already.",
            ),
            Wrong(
                "every weight alone",
                lambda p, d: p * (1 - p) * d,
                "p (1 − p) is the slope of a weight by its own score. Each score moves the other weights of its row too.",
            ),
            Wrong(
                "plain mean",
                lambda p, d: p * (d - d.mean(axis=-1, keepdims=True)),
                "The mean of a row is taken with the weights: (weights * d_weights).sum, not d_weights.mean.",
            ),
            Wrong(
                "mean down the columns",
                lambda p, d: p * (d - (p * d).sum(axis=0)),
                "The mean runs down the columns. A row is one softmax: sum over the {n_keys} keys (axis=-1).",
            ),
            Wrong(
                "mean over everything",
                lambda p, d: p * (d - (p * d).sum()),
                "The mean runs over the whole table. Each row is a softmax of its own (axis=-1, keepdims=True).",
            ),
            Wrong(
                "weights left out",
                lambda p, d: d - (p * d).sum(axis=-1, keepdims=True),
                "The product with the weights is missing: a key with hardly any weight hardly reacts.",
            ),
        ),
    ),
    Exercise(
        "query_gradient",
        "07",
        _query_backward,
        "the gradient by the queries, (n_queries, d_k)",
        (
            "A score is the sum of query times key, divided by √d_k. By the query, its derivative is the key, divided by √d_k.",
            "Sum over the keys: d_scores @ keys, and do not forget the division.",
        ),
        own=(
            Wrong(
                "not scaled",
                lambda d, q, k: d @ k,
                "The division by √d_k = {root_d_k:.2f} is missing. It stood on the way there, so it stands on the way back.",
            ),
            Wrong(
                "divided by √n_keys",
                lambda d, q, k: d @ k / math.sqrt(len(k)),
                "You divided by the root of the number of keys, √{n_keys}. What counts is their length, d_k = {d_k}.",
            ),
            Wrong(
                "divided by d_k",
                lambda d, q, k: d @ k / k.shape[-1],
                "You divided by d_k = {d_k}. On the way there it was √d_k, and so it is on the way back.",
            ),
            Wrong(
                "multiplied by √d_k",
                lambda d, q, k: d @ k * math.sqrt(k.shape[-1]),
                "You multiplied by √d_k. The derivative of scores / √d_k is divided by it too.",
            ),
            Wrong(
                "gradient by the keys",
                lambda d, q, k: d.T @ q / math.sqrt(q.shape[-1]),
                "That is the gradient by the keys, ({n_keys}, {d_k}). By the queries it is d_scores @ keys, ({n_queries}, {d_k}).",
            ),
            Wrong(
                "queries in place of keys",
                lambda d, q, k: d.sum(axis=-1, keepdims=True) * q / math.sqrt(q.shape[-1]),
                "The queries stand where the keys belong: a query's gradient is made of the keys that it met.",
            ),
        ),
    ),
)
EXERCISES: dict[str, Exercise] = {exercise.name: exercise for exercise in _ALL}
