"""The exercises of notebook 08: A real model. First one right answer to each; there are others."""

from __future__ import annotations

import math

import numpy as np

from helpers.attention import merge_heads, scaled_dot_product_attention, split_heads
from helpers.checks import catalogue, intermediates
from helpers.checks.catalogue import RIGHT
from helpers.checks.exercises.definition import Case, Exercise, Wrong
from helpers.checks.exercises.inputs import drawn, sizes_of


def my_offset_score(weights, offset):
    return np.diagonal(weights, offset, axis1=-2, axis2=-1).mean(axis=-1)


def my_contributions(weights, values, w_o):
    n_heads, _, d_v = values.shape
    through_w_o = values @ w_o.reshape(n_heads, d_v, -1)
    return weights * np.linalg.norm(through_w_o, axis=-1)[:, None, :]


def my_pytorch_output(x, state, n_heads):
    projected = x @ state["in_proj_weight"].T + state["in_proj_bias"]
    queries, keys, values = (split_heads(part, n_heads) for part in np.split(projected, 3, axis=-1))
    output, _ = scaled_dot_product_attention(queries, keys, values)
    return merge_heads(output) @ state["out_proj.weight"].T + state["out_proj.bias"]


def _layers_of_maps():
    cases = []
    for seed, n_layers, n_heads, n, offset in ((41, 2, 3, 5, -1), (42, 3, 2, 6, 1), (43, 4, 4, 4, -2)):
        weights = catalogue.softmax(3 * drawn(seed)(n_layers, n_heads, n, n), RIGHT)
        sizes = {"n_layers": n_layers, "n_heads": n_heads, "n": n, "offset": offset}
        cases.append(Case({"weights": weights, "offset": offset}, sizes | {"pairs": n - abs(offset)}))
    return cases


def _heads_with_values():
    cases = []
    for seed, n_heads, n_queries, n_keys, d_v, d_model in (
        (44, 3, 4, 5, 2, 7),
        (45, 2, 4, 4, 3, 5),  # as many queries as keys, so that nothing fails
        (46, 4, 3, 6, 4, 4),
    ):
        draw = drawn(seed)
        weights = catalogue.softmax(2 * draw(n_heads, n_queries, n_keys), RIGHT)
        arguments = {"weights": weights, "values": draw(n_heads, n_keys, d_v)}
        arguments["w_o"] = draw(n_heads * d_v, d_model)
        cases.append(
            Case(
                arguments,
                sizes_of(n_heads=n_heads, n_queries=n_queries, n_keys=n_keys, d_v=d_v, d_model=d_model),
            )
        )
    return cases


def _states():
    cases = []
    for seed, n, d_model, n_heads in ((47, 4, 6, 3), (48, 5, 8, 2), (49, 6, 6, 2)):
        draw = drawn(seed)
        state = {
            "in_proj_weight": (draw(3 * d_model, d_model) * 1.5 / math.sqrt(d_model)).round(2),
            "in_proj_bias": draw(3 * d_model),
            "out_proj.weight": draw(d_model, d_model),
            "out_proj.bias": draw(d_model),
        }
        d_k = d_model // n_heads
        sizes = sizes_of(n=n, n_queries=n, n_keys=n, n_heads=n_heads, d_k=d_k, d_v=d_k, d_model=d_model)
        cases.append(Case({"x": draw(n, d_model), "state": state, "n_heads": n_heads}, sizes))
    return cases


def _lengths(steps, values, w_o):
    return np.linalg.norm(values @ steps["rows"](w_o, len(values)), axis=-1)


def _contributions(steps, weights, values, w_o):
    return weights * _lengths(steps, values, w_o)[:, None, :]


def _pytorch_output(steps, x, state, n_heads, order=(0, 1, 2), **other):
    """The right answer made of steps.

    order: which third of in_proj_weight is taken for queries, keys and values
    other: packed, bias, w_o and b_o, where a mistake makes another one than the right one
    """
    packed, bias = other.get("packed", state["in_proj_weight"].T), other.get("bias", state["in_proj_bias"])
    matrices, biases = np.split(packed, 3, axis=1), np.split(bias, 3)
    pairs = steps["matrices"](*((matrices[i], biases[i]) for i in order))
    makers = ("project", "project", "project values")
    parts = [steps[maker](x, w) + b for maker, (w, b) in zip(makers, pairs)]
    q, k, v = (steps["heads"](steps["split"](part, n_heads)) for part in parts)
    found = catalogue.attention(steps, q, k, v, d_model=x.shape[-1], n_heads=n_heads)
    w_o = other.get("w_o", state["out_proj.weight"].T)
    return steps["write"](steps["merge"](found), w_o) + other.get("b_o", state["out_proj.bias"])


def _not_transposed(state):
    return np.concatenate(np.split(state["in_proj_weight"], 3), axis=1)


def _cut_by_heads(x, state, n_heads):
    """The 3 · d_model numbers of a word dealt out head by head, each head's into three."""
    projected = x @ state["in_proj_weight"].T + state["in_proj_bias"]
    q, k, v = np.split(split_heads(projected, n_heads), 3, axis=-1)
    found = catalogue.attention(RIGHT, q, k, v)
    return merge_heads(found) @ state["out_proj.weight"].T + state["out_proj.bias"]


def _bias_before(x, state, n_heads):
    inside = _pytorch_output(RIGHT, x, state, n_heads, w_o=np.eye(x.shape[-1]))
    return inside @ state["out_proj.weight"].T


def _without_bias(**zeros):
    def answer(x, state, n_heads):
        other = {name: np.zeros(len(state[of])) for name, of in zeros.items()}
        return _pytorch_output(RIGHT, x, state, n_heads, **other)

    return answer


def _right_with(**functions):
    """The right answer, with parts that are made from the state in another way."""

    def answer(x, state, n_heads):
        return _pytorch_output(
            RIGHT, x, state, n_heads, **{name: make(state) for name, make in functions.items()}
        )

    return answer


EXERCISES = (
    Exercise(
        my_offset_score,
        "08",
        _layers_of_maps,
        "one score for each head, (n_layers, n_heads)",
        (
            (
                "In a head's table, the cells of (token, previous token) lie on a line just below the"
                " diagonal. Which NumPy function reads a diagonal off?"
            ),
            (
                "np.diagonal(weights, offset, axis1=-2, axis2=-1) reads it off for every head at once. Take"
                " the mean over its last axis."
            ),
        ),
        own=(
            Wrong(
                "the other direction",
                lambda w, o: np.diagonal(w, -o, -2, -1).mean(axis=-1),
                "That is the score in the other direction. Row i belongs to the query at position i, so the"
                " cell to read is in column i + offset.",
            ),
            Wrong(
                "summed",
                lambda w, o: np.diagonal(w, o, -2, -1).sum(axis=-1),
                "You summed the weights. Take their mean, so that a score lies between 0 and 1 and doesn't"
                " depend on the length of the sentence.",
            ),
            Wrong(
                "divided by all tokens",
                lambda w, o: np.diagonal(w, o, -2, -1).sum(axis=-1) / w.shape[-1],
                "You divided by all {n} tokens. Only {pairs} of them have a token at that offset.",
            ),
            Wrong(
                "round the end",
                lambda w, o: np.mean([w[..., i, (i + o) % w.shape[-1]] for i in range(w.shape[-1])], axis=0),
                "Your positions run over the end: a token without such a neighbour gets one from the other"
                " end of the sentence. Leave it out: {pairs} of the {n} tokens count.",
            ),
            Wrong(
                "axes of layers and heads",
                lambda w, o: np.diagonal(w, o).mean(axis=-1),
                "np.diagonal takes the first two axes by default, and here these are layers and heads."
                " Queries and keys are the last two.",
            ),
            Wrong(
                "the same token",
                lambda w, o: np.diagonal(w, 0, -2, -1).mean(axis=-1),
                "You read the diagonal itself: how each token attends to itself. Shift it by offset.",
            ),
            Wrong(
                "one number for all",
                lambda w, o: np.diagonal(w, o, -2, -1).mean(),
                "You averaged over all {n_layers} times {n_heads} heads. Each head needs a score of its own.",
            ),
            Wrong(
                "one number a layer",
                lambda w, o: np.diagonal(w, o, -2, -1).mean(axis=(1, 2)),
                "You averaged over the {n_heads} heads of a layer. Each head needs a score of its own.",
            ),
            Wrong(
                "how often it's the largest",
                lambda w, o: (
                    w.argmax(axis=-1)[..., max(0, -o) : w.shape[-1] - max(0, o)]
                    == np.arange(max(0, o), w.shape[-1] - max(0, -o))
                ).mean(axis=-1),
                "You counted how often that token gets the largest weight. The score is the mean of the"
                " weights themselves.",
            ),
        ),
        steps=intermediates.offset_score,
        lesson="A score turns “this head looks like …” into a number that any of the heads can be asked for.",
    ),
    Exercise(
        my_contributions,
        "08",
        _heads_with_values,
        "the length of each contribution, (n_heads, n_queries, n_keys)",
        (
            (
                "Head i owns d_v rows of W_O, as in notebook 04. First send each value through its head's"
                " rows; a weight only stretches what comes out."
            ),
            (
                "w_o.reshape(n_heads, d_v, -1) cuts the rows. np.linalg.norm(…, axis=-1) gives a length for"
                " each head and key; put [:, None, :] behind it, and multiply by the weights."
            ),
        ),
        _contributions,
        own=(
            Wrong(
                "W_O left out",
                lambda w, v, o: w * np.linalg.norm(v, axis=-1)[:, None, :],
                "These are weights times the lengths of the values. W_O is missing: it passes some directions"
                " on more strongly than others.",
            ),
            Wrong(
                "weights left out",
                lambda w, v, o: np.ones_like(w) * _lengths(RIGHT, v, o)[:, None, :],
                "These are the lengths of the values after W_O, the same for every query. Multiply them by"
                " the weights.",
            ),
            Wrong(
                "squared",
                lambda w, v, o: w * _lengths(RIGHT, v, o)[:, None, :] ** 2,
                "The square root is missing: a length is the square root of the sum of squares.",
            ),
            Wrong(
                "summed",
                lambda w, v, o: w * (v @ o.reshape(len(v), v.shape[-1], -1)).sum(axis=-1)[:, None, :],
                "You summed the {d_model} numbers of each vector, where signs cancel. Take its length:"
                " np.linalg.norm over the last axis.",
            ),
            Wrong(
                "length by query",
                lambda w, v, o: w * _lengths(RIGHT, v, o)[..., None],
                "Your lengths are laid along the queries. A value belongs to a key, so its length goes into a"
                " column: [:, None, :].",
            ),
            Wrong(
                "length of the whole output",
                lambda w, v, o: np.linalg.norm(w @ v @ o.reshape(len(v), v.shape[-1], -1), axis=-1),
                "That is the length of each head's whole output. Keep the {n_keys} keys apart: don't sum over"
                " them.",
            ),
            Wrong(
                "shares of each row",
                lambda w, v, o: (c := _contributions(RIGHT, w, v, o)) / c.sum(axis=-1, keepdims=True),
                "You divided each row by its sum. The lengths themselves are asked for.",
            ),
        ),
        steps=intermediates.contributions,
        lesson="The longest contribution is often not the largest weight: the value and W_O decide as well.",
    ),
    Exercise(
        my_pytorch_output,
        "08",
        _states,
        "the output of PyTorch's layer, (n, d_model)",
        (
            (
                "in_proj_weight holds W_Q, W_K and W_V one below the other, each transposed, and"
                " in_proj_bias their biases. np.split(…, 3) takes them apart; split_heads,"
                " scaled_dot_product_attention and merge_heads do the rest."
            ),
            (
                "x @ in_proj_weight.T + in_proj_bias gives queries, keys and values side by side: np.split(…,"
                " 3, axis=-1), then split each into heads. At the end: @ out_proj.weight.T + out_proj.bias."
            ),
        ),
        _pytorch_output,
        own=(
            Wrong(
                "none transposed",
                _right_with(packed=_not_transposed, w_o=lambda state: state["out_proj.weight"]),
                "No matrix is transposed. PyTorch keeps a matrix with its outputs first, so it's x @ w.T"
                " here, for the three of in_proj_weight and for out_proj.weight.",
            ),
            Wrong(
                "in_proj_weight not transposed",
                _right_with(packed=_not_transposed),
                "The three matrices of in_proj_weight aren't transposed. PyTorch keeps a matrix with its"
                " outputs first, so it's x @ w.T.",
            ),
            Wrong(
                "out_proj.weight not transposed",
                _right_with(w_o=lambda state: state["out_proj.weight"]),
                "out_proj.weight isn't transposed. PyTorch keeps a matrix with its outputs first, so it's"
                " merged @ w.T.",
            ),
            Wrong(
                "no biases",
                _without_bias(bias="in_proj_bias", b_o="out_proj.bias"),
                "The biases are missing: {d_model} numbers are added after each of the four products.",
            ),
            Wrong(
                "in_proj_bias left out",
                _without_bias(bias="in_proj_bias"),
                "in_proj_bias is left out: its {d_model} first numbers are added to the queries, the next"
                " ones to the keys, the last ones to the values.",
            ),
            Wrong(
                "out_proj.bias left out",
                _without_bias(b_o="out_proj.bias"),
                "out_proj.bias is left out: it is added at the very end, to every word's output.",
            ),
            Wrong(
                "out_proj.bias added too early",
                _bias_before,
                "out_proj.bias is added before the last product. It comes after it: merged @ w.T + bias.",
            ),
            Wrong(
                "keys before queries",
                lambda x, s, h: _pytorch_output(RIGHT, x, s, h, (1, 0, 2)),
                "Queries and keys are swapped: in_proj_weight holds those of the queries first, then those of"
                " the keys, then those of the values.",
            ),
            Wrong(
                "values before keys",
                lambda x, s, h: _pytorch_output(RIGHT, x, s, h, (0, 2, 1)),
                "Keys and values are swapped: in_proj_weight holds those of the queries first, then those of"
                " the keys, then those of the values.",
            ),
            Wrong(
                "values first",
                lambda x, s, h: _pytorch_output(RIGHT, x, s, h, (2, 1, 0)),
                "Queries and values are swapped: in_proj_weight holds those of the queries first, then those"
                " of the keys, then those of the values.",
            ),
            Wrong(
                "cut into heads first",
                _cut_by_heads,
                "You cut the {n_heads} heads first and each head's numbers into three. All queries come"
                " first: cut into three, then each part into heads.",
            ),
        ),
        steps=intermediates.pytorch_output,
        lesson=(
            "So a layer trained in PyTorch runs on your own functions: only the layout of its matrices"
            " differs."
        ),
    ),
)
