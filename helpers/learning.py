"""How a layer of attention learns its matrices: every gradient written out, Adam, and the training loop.

The model reads a sentence in which one word is hidden and says how likely each word is at that position:

    x = embeddings[tokens] + position_embeddings    word vectors
    z = x + attention(x)                            each word adds the output of its heads
    scores = z[hidden word] @ output                one score for each word of the vocabulary

Without the addition of x, the position of the hidden word would reach the scores through the heads only. With
it, a model whose heads are all ablated still knows that position, so what the heads contribute can be
measured: by how much the loss rises without them.

Each step has its backward step beside it. d_x stands for the gradient of the loss with respect to x. Shapes
use the symbols of helpers/attention.py, and n_words for the size of the vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from helpers import data, validate
from helpers.attention import MultiHeadAttention, merge_heads, split_heads

__all__ = [
    "Parameters",
    "loss_and_gradients",
    "read",
    "Adam",
    "train",
    "Training",
    "trained",
    "trained_heads",
    "losses",
    "ablate",
    "embed",
    "embed_backward",
    "project",
    "project_backward",
    "attend",
    "attend_backward",
    "cross_entropy",
    "cross_entropy_backward",
]


# The steps, each with its backward step


def embed(tokens, embeddings, position_embeddings):
    """Look up each word's vector, and add the vector of its position."""
    return embeddings[tokens] + position_embeddings  # (batch, n, d_model)


def embed_backward(d_x, tokens, n_words):
    """A word's vector is used wherever the word stands, a position's in every sentence: add up all uses."""
    words = d_x.reshape(-1, d_x.shape[-1])  # (batch · n, d_model)
    stands = (np.arange(n_words)[:, None] == tokens.reshape(-1)).astype(
        d_x.dtype
    )  # (n_words, batch · n): 1 where it stands
    return stands @ words, d_x.sum(axis=0)  # (n_words, d_model), (n, d_model)


def project(x, w):
    """Multiply every word's vector by a matrix."""
    return x @ w  # (..., d_out)


def project_backward(d_y, x, w):
    """y = x w: the gradient with respect to x is d_y wᵀ, and to w it's xᵀ d_y, summed over all words."""
    rows, d_rows = x.reshape(-1, x.shape[-1]), d_y.reshape(-1, d_y.shape[-1])
    return d_y @ w.T, rows.T @ d_rows  # (..., d_in), (d_in, d_out)


def attend(queries, keys, values, scaled=True):
    """softmax(Q Kᵀ / √d_k) V, for every head; scaled=False leaves the division out."""
    scores = queries @ keys.swapaxes(-1, -2) * _scale(keys, scaled)  # (batch, n_heads, n, n)
    weights = _softmax_in_place(scores)
    return weights @ values, weights  # (batch, n_heads, n, d_v)


def _softmax_in_place(scores):
    """softmax of helpers/attention.py without a copy: a training step takes a tenth less time."""
    scores, largest = validate.within_reach(scores, scores.max(axis=-1, keepdims=True))
    scores -= largest
    np.exp(scores, out=scores)
    scores /= np.einsum("...k->...", scores)[..., None]  # faster than sum where rows are short
    return scores


def attend_backward(d_found, queries, keys, values, weights, scaled=True):
    """Back through the weighted sum, the softmax and the dot products, in this order."""
    d_values = weights.swapaxes(-1, -2) @ d_found  # (batch, n_heads, n, d_v)
    d_weights = d_found @ values.swapaxes(-1, -2)  # (batch, n_heads, n, n)
    mean = np.einsum("...k,...k->...", weights, d_weights)[
        ..., None
    ]  # (batch, n_heads, n, 1): each row's mean of d_weights
    d_products = weights * (d_weights - mean) * _scale(keys, scaled)  # (batch, n_heads, n, n)
    return d_products @ keys, d_products.swapaxes(-1, -2) @ queries, d_values


def cross_entropy(scores, targets):
    """-log of the probability that softmax(scores) gives to the target, in nats."""
    shifted = scores - scores.max(axis=-1, keepdims=True)  # changes nothing, and exp does not overflow
    logs = shifted - np.log(
        np.exp(shifted).sum(axis=-1, keepdims=True)
    )  # never log(0), as log(softmax(scores)) may be
    return -logs[np.arange(len(targets)), targets], np.exp(logs)  # (batch,), (batch, n_words)


def cross_entropy_backward(probabilities, targets):
    """Of the mean loss: the probabilities, with 1 subtracted at the target, divided by the batch size."""
    d_scores = probabilities.copy()
    d_scores[np.arange(len(targets)), targets] -= 1
    return d_scores / len(targets)  # (batch, n_words)


def _scale(keys, scaled):
    return keys.dtype.type(1 / math.sqrt(keys.shape[-1]) if scaled else 1)


# The model


@dataclass(eq=False)
class Parameters:
    """Everything that is learned. Gradients come in the same form.

    embeddings: (n_words, d_model)
    position_embeddings:  (n, d_model)
    w_q, w_k:   (d_model, n_heads · d_k)
    w_v:        (d_model, n_heads · d_v)
    w_o:        (n_heads · d_v, d_model)
    output:     (d_model, n_words)
    scaled:     False for a model that doesn't divide its scores by √d_k
    """

    embeddings: np.ndarray = field(repr=False)
    position_embeddings: np.ndarray = field(repr=False)
    w_q: np.ndarray = field(repr=False)
    w_k: np.ndarray = field(repr=False)
    w_v: np.ndarray = field(repr=False)
    w_o: np.ndarray = field(repr=False)
    output: np.ndarray = field(repr=False)
    n_heads: int
    scaled: bool = True

    @classmethod
    def random(
        cls, n_words, n, d_model, n_heads, rng, d_k=None, d_v=None, dtype=np.float64, scaled=True
    ) -> Parameters:
        """Small random numbers, drawn from rng; d_k and d_v are d_model / n_heads by default."""
        n_words, n = validate.count(n_words, "n_words"), validate.count(n, "n")
        layer = MultiHeadAttention.random(d_model, n_heads, rng, d_k, d_v)
        small = 1 / math.sqrt(d_model)
        arrays = [
            rng.standard_normal((n_words, d_model)) * small,
            rng.standard_normal((n, d_model)) * small,
            layer.w_q,
            layer.w_k,
            layer.w_v,
            layer.w_o,
            rng.standard_normal((d_model, n_words)) * small,
        ]
        named = {name: np.array(array, dtype) for name, array in zip(_ARRAYS, arrays)}
        return cls(**named, n_heads=layer.n_heads, scaled=scaled)

    def arrays(self) -> dict[str, np.ndarray]:
        """The seven arrays by name: the arrays themselves, not copies."""
        return {name: getattr(self, name) for name in _ARRAYS}

    def copy(self) -> Parameters:
        return Parameters(
            **{name: array.copy() for name, array in self.arrays().items()},
            n_heads=self.n_heads,
            scaled=self.scaled,
        )

    @property
    def attention(self) -> MultiHeadAttention:
        """The layer as notebook 04 knows it, with a copy of the matrices as they are now; it divides, so an
        unscaled W_Q is made larger.
        """
        larger = 1 if self.scaled else math.sqrt(self.w_k.shape[1] / self.n_heads)
        return MultiHeadAttention(
            self.w_q * self.w_q.dtype.type(larger), self.w_k, self.w_v, self.w_o, self.n_heads
        )

    def embed(self, tokens) -> np.ndarray:
        """The word vectors that the attention sees: (..., n, d_model)."""
        return embed(np.asarray(tokens), self.embeddings, self.position_embeddings)


_ARRAYS = [each.name for each in fields(Parameters) if each.name not in ("n_heads", "scaled")]


def read(parameters: Parameters, tokens, positions, heads=None):
    """How the model scores every word of the vocabulary for the hidden position.

    Only the hidden word's row of the weights reaches the scores. Training never used the other rows.

    tokens: (batch, n), whole numbers
    positions: (batch,), where each sentence's hidden word stands
    heads:   (n_heads,), boolean, False ablates a head: its output is set to zero; all are active by default
    returns: scores (batch, n_words), weights (batch, n_heads, n, n)
    """
    tokens, positions = _whole_numbers(parameters, tokens=tokens, positions=positions)
    if heads is not None:
        heads = np.asarray(heads)
        if heads.dtype != bool or heads.shape != (parameters.n_heads,):
            raise ValueError(
                f"heads must be {parameters.n_heads} booleans, False where a head is off, and got"
                f" {heads.dtype} of shape {heads.shape}"
            )
    scores, weights, _ = _forward(parameters, tokens, positions, heads)
    return scores, weights


def _forward(p, tokens, positions, heads=None):
    x = embed(tokens, p.embeddings, p.position_embeddings)  # (batch, n, d_model)
    queries, keys, values = (split_heads(project(x, w), p.n_heads) for w in (p.w_q, p.w_k, p.w_v))
    found, weights = attend(queries, keys, values, p.scaled)  # (batch, n_heads, n, d_v)
    if heads is not None:
        found = found * heads[:, None, None]
    hidden = np.arange(len(positions)), positions  # from here on only the hidden word matters
    merged = merge_heads(found)[hidden]  # (batch, n_heads · d_v)
    z = x[hidden] + project(merged, p.w_o)  # (batch, d_model)
    scores = project(z, p.output)  # (batch, n_words)
    return scores, weights, (x, queries, keys, values, hidden, merged, z)


def loss_and_gradients(parameters: Parameters, tokens, positions, targets) -> tuple[float, Parameters]:
    """The mean loss of a batch in nats, and its gradient with respect to every parameter.

    tokens: (batch, n), whole numbers
    positions: (batch,), where each sentence's hidden word stands
    targets: (batch,), the number of the hidden word

    >>> parameters = Parameters.random(n_words=5, n=3, d_model=4, n_heads=2, rng=np.random.default_rng(0))
    >>> loss, gradients = loss_and_gradients(
    ...     parameters, tokens=[[1, 0, 2], [0, 3, 4]], positions=[1, 0], targets=[4, 2]
    ... )
    >>> gradients.w_q.shape, gradients.embeddings.shape
    ((4, 4), (5, 4))
    """
    p = parameters
    tokens, positions, targets = _whole_numbers(p, tokens=tokens, positions=positions, targets=targets)
    scores, weights, (x, queries, keys, values, hidden, merged, z) = _forward(p, tokens, positions)
    each, probabilities = cross_entropy(scores, targets)

    d_scores = cross_entropy_backward(probabilities, targets)  # (batch, n_words)
    d_z, d_output = project_backward(d_scores, z, p.output)  # (batch, d_model)
    d_merged, d_w_o = project_backward(d_z, merged, p.w_o)  # (batch, n_heads · d_v)
    d_found = split_heads(_only(hidden, d_merged, like=x), p.n_heads)  # (batch, n_heads, n, d_v)
    d_queries, d_keys, d_values = attend_backward(d_found, queries, keys, values, weights, p.scaled)
    d_x_q, d_w_q = project_backward(merge_heads(d_queries), x, p.w_q)
    d_x_k, d_w_k = project_backward(merge_heads(d_keys), x, p.w_k)
    d_x_v, d_w_v = project_backward(merge_heads(d_values), x, p.w_v)
    d_x = d_x_q + d_x_k + d_x_v  # x went four ways: its gradients add up,
    d_x[hidden] += d_z  # the fourth for the hidden word only
    d_embeddings, d_position_embeddings = embed_backward(d_x, tokens, len(p.embeddings))
    return float(each.mean()), Parameters(
        d_embeddings, d_position_embeddings, d_w_q, d_w_k, d_w_v, d_w_o, d_output, p.n_heads
    )


def _only(hidden, d_rows, like):
    """Gradients of the hidden words, and zero for the others: (batch, n, d)."""
    d_all = np.zeros((*like.shape[:2], d_rows.shape[-1]), like.dtype)
    d_all[hidden] = d_rows
    return d_all


def _whole_numbers(p, **given):
    """tokens, positions and targets as arrays, shapes and ranges checked: −1 would silently be a word."""
    n_words, n = len(p.embeddings), len(p.position_embeddings)
    arrays = {name: np.asarray(array) for name, array in given.items()}
    batch = len(arrays["tokens"]) if arrays["tokens"].ndim else 0
    for name, array in arrays.items():
        shape, end = {
            "tokens": ((batch, n), n_words),
            "positions": ((batch,), n),
            "targets": ((batch,), n_words),
        }[name]
        if array.dtype.kind not in "iu":
            raise TypeError(f"{name} must be whole numbers, and got {array.dtype}")
        if array.shape != shape or not batch:
            raise ValueError(
                f"{name} must have the shape"
                f" {f'(batch, n = {n})' if name == 'tokens' else f'(batch = {batch},)'} with a batch of at"
                f" least 1, and got {array.shape}"
            )
        if array.min() < 0 or array.max() >= end:
            raise ValueError(
                f"{name} must lie between 0 and {end - 1}, and got {array.min()} to {array.max()}"
            )
    return arrays.values()


# The learning


class Adam:
    """Steps against the gradient, with a step size of its own for each number.

    mean and mean_square are running averages of a gradient and of its square. Both begin at zero, so each is
    divided by 1 − beta^steps, which corrects for that.

    Source: Kingma and Ba 2015, Algorithm 1.
    """

    def __init__(self, parameters: Parameters, beta1=0.9, beta2=0.999, eps=1e-8):
        self.parameters, self.steps = parameters, 0
        self.beta1, self.beta2, self.eps = beta1, beta2, eps
        self.mean = {name: np.zeros_like(array) for name, array in parameters.arrays().items()}
        self.mean_square = {name: np.zeros_like(array) for name, array in parameters.arrays().items()}

    def step(self, gradients: Parameters, learning_rate: float) -> None:
        """Change the parameters in place; no number moves much further than learning_rate."""
        self.steps += 1
        correct, correct_square = 1 - self.beta1**self.steps, 1 - self.beta2**self.steps
        arrays = self.parameters.arrays()
        for name, gradient in gradients.arrays().items():
            mean, mean_square = self.mean[name], self.mean_square[name]
            mean += (1 - self.beta1) * (gradient - mean)
            mean_square += (1 - self.beta2) * (gradient * gradient - mean_square)
            size = np.sqrt(mean_square / correct_square) + self.eps
            arrays[name] -= learning_rate * (mean / correct) / size


@dataclass(eq=False)
class Training:
    """A training run so far: finished, still running or interrupted.

    parameters:  the model as it is now
    steps:       how many steps the run was to have
    losses:      the loss of every step done, on the batch of this step, in nats
    floors:      the entropy floor of each of these batches
    checkpoints: a copy of the parameters at each chosen step; step 0 is before learning
    interrupted: True if it ended early
    """

    parameters: Parameters
    steps: int
    losses: list[float] = field(default_factory=list, repr=False)
    floors: list[float] = field(default_factory=list, repr=False)
    checkpoints: dict[int, Parameters] = field(default_factory=dict, repr=False)
    interrupted: bool = False


def train(
    parameters: Parameters,
    draw: Callable,
    rng: np.random.Generator,
    steps: int = 1500,
    batch: int = 64,
    learning_rate: float = 0.01,
    checkpoints: Iterable[int] = (),
    progress: bool = True,
    watch: Callable[[Training], None] | None = None,
) -> Training:
    """Train a copy of the parameters. If the kernel is interrupted, what was learned so far is returned.

    The learning rate falls evenly from learning_rate to 0, so that the last steps settle. The same parameters
    and rng give the same numbers: to the last bit on one machine and, with float64 parameters, to printed
    precision on another, where sums are rounded in another order.

    draw:        draw(rng, batch) returns MaskedWords, as Grammar.draw does
    checkpoints: steps after which to keep a copy
    progress:    show a bar while it runs, where a notebook shows it; it leaves no output
    watch:       called about fifty times with the training so far, to draw a curve

    Source of Adam: Kingma and Ba 2015.
    """
    steps, batch = validate.count(steps, "steps"), validate.count(batch, "batch")
    if not 0 < learning_rate < math.inf:
        raise ValueError(f"learning_rate must be a positive number, and got {learning_rate!r}")
    rng = validate.generator(rng)
    wanted, every = set(checkpoints), max(1, steps // 50)
    if never := wanted - set(range(steps + 1)):
        raise ValueError(
            f"a checkpoint at step {min(never)} is never reached: there are the steps 0 to {steps}"
        )
    parameters = parameters.copy()
    training, adam = Training(parameters, steps), Adam(parameters)
    if 0 in wanted:
        training.checkpoints[0] = parameters.copy()
    bar = _bar(steps) if progress else None
    try:
        for done in range(1, steps + 1):
            words = draw(rng, batch)
            loss, gradients = loss_and_gradients(parameters, words.tokens, words.positions, words.targets)
            adam.step(gradients, learning_rate * (1 - (done - 1) / steps))
            training.losses.append(loss)
            training.floors.append(words.floor)
            if done in wanted:
                training.checkpoints[done] = parameters.copy()
            if done % every == 0 or done == steps:
                if bar:
                    bar.value, bar.description = done, f"loss {loss:.2f}"
                if watch:
                    watch(training)
    except KeyboardInterrupt:
        training.interrupted = True
    finally:
        if bar:
            bar.close()
    return training


def trained() -> Training:
    """The stored run of notebook 07: 8 heads of d_k = 4 on data/grammar.json, seed 0, float32.

    >>> list(trained().checkpoints)
    [0, 10, 30, 60, 100, 150, 200, 300, 500, 800, 1150, 1500]
    """
    arrays = data.arrays("trained.npz")
    steps = arrays["steps"].tolist()
    checkpoints = {
        step: Parameters(**{name: arrays[name][i] for name in _ARRAYS}, n_heads=8, scaled=True)
        for i, step in enumerate(steps)
    }
    return Training(
        checkpoints[steps[-1]].copy(),
        steps[-1],
        arrays["losses"].tolist(),
        arrays["floors"].tolist(),
        checkpoints,
    )


def trained_heads(n_heads: int) -> tuple[Parameters, float]:
    """A stored model with this many heads, trained like that of trained(), and its loss.

    n_heads: 1, 2, 4, 8, 16 or 32; d_k is 32 / n_heads
    returns: the parameters, float32; how far the loss over every word is above the entropy floor, in nats

    >>> parameters, above_floor = trained_heads(2)
    >>> parameters.w_q.shape, round(above_floor, 4)
    ((32, 32), 0.0101)
    """
    arrays = data.arrays("trained_heads.npz")
    counts = [int(name.split("_")[-1]) for name in arrays if name.startswith("output")]
    if n_heads not in counts:
        raise ValueError(
            f"there are trained models with {', '.join(map(str, counts))} heads, and none with {n_heads!r}"
        )
    matrices: dict[str, Any] = {name: arrays[f"{name}_{n_heads}"].astype(np.float32) for name in _ARRAYS}
    return Parameters(**matrices, n_heads=n_heads), float(arrays["above_floor"][counts.index(n_heads)])


def _bar(steps):
    """A progress bar below the cell, or None outside a notebook. Its output holds the live view only, which
    nobody stores.
    """
    import ipywidgets
    from IPython import get_ipython
    from IPython.display import display

    from helpers.widgets.static_fallback import view_entry

    if not hasattr(get_ipython(), "kernel"):
        return None
    bar = ipywidgets.IntProgress(max=steps, description="learning", style={"description_width": "initial"})
    display(view_entry(bar), raw=True)
    return bar


def losses(parameters: Parameters, words, heads=None, batch: int = 2048) -> np.ndarray:
    """The loss of each hidden word in nats; words.shares @ losses is their mean.

    words:   MaskedWords; with Grammar.every_word nothing about the mean is random
    heads:   (n_heads,), boolean, False ablates a head
    batch:   how many are read at a time, since the weights of all of them would need much memory
    returns: (len(words),)
    """
    parts = []
    for start in range(0, len(words), batch):
        part = slice(start, start + batch)
        scores, _ = read(parameters, words.tokens[part], words.positions[part], heads)
        parts.append(cross_entropy(scores, words.targets[part])[0])
    return np.concatenate(parts)


def ablate(parameters: Parameters, off: Iterable[int], words) -> np.ndarray:
    """The loss in nats by sense and role when some heads are ablated: their outputs are set to zero.

    off:     the numbers of the ablated heads, counted from 0; none for the whole model
    words:   MaskedWords
    returns: (n_senses, n_roles)

    Source of the method: Michel, Levy and Neubig 2019.
    """
    off = list(off)
    if wrong := [head for head in off if not 0 <= head < parameters.n_heads]:
        raise ValueError(f"there is no head {wrong[0]}: the heads are 0 to {parameters.n_heads - 1}")
    return words.table(losses(parameters, words, ~np.isin(np.arange(parameters.n_heads), off)))
