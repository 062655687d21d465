"""Weights that come from anywhere, NumPy or PyTorch, made fit for the head explorer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from helpers.explorers.head_setting import LONGEST_WORD, MOST_WORDS, Result

__all__ = ["GivenWeights", "given_weights"]

TOLERANCE = 1e-2  # of a row's sum: half-precision weights of a long row are this far off
SHAPES = "(n_heads, n_queries, n_keys) or (n_layers, n_heads, n_queries, n_keys)"


@dataclass(frozen=True, eq=False)
class GivenWeights:
    """Checked weights with their words; weights: (n_layers, n_heads, n_queries, n_keys)."""

    words: tuple[str, ...]
    keys: tuple[str, ...]
    weights: np.ndarray

    def result(self, layer: int) -> Result:
        weights = self.weights[layer]
        n_layers, n_heads = self.weights.shape[:2]
        parts = [f"layer {layer} of 0 to {n_layers - 1}"] if n_layers > 1 else []
        parts += [f"{n_heads} {'head' if n_heads == 1 else 'heads'}", "weights given by you"]
        titles = [f"head {i}" for i in range(n_heads)]
        remarks = tuple(_remarks(weights, self.words))
        return Result(" · ".join(parts), titles, self.words, self.keys, weights, remarks=remarks)


def given_weights(words: Sequence[str], weights, keys: Sequence[str] | None = None) -> GivenWeights:
    """Check weights and their words; shapes that can't be shown are refused in a sentence."""
    rows, columns = _words(words, "words"), _words(words if keys is None else keys, "keys")
    array = _array(weights)
    if array.ndim == 5 and array.shape[1] == 1:  # a batch of one
        array = array[:, 0]
    if array.ndim == 2:
        array = array[None]
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or 0 in array.shape:
        batch = " Choose one sentence of the batch." if array.ndim == 5 else ""
        raise ValueError(f"weights must have the shape {SHAPES}, and got {np.shape(array)}.{batch}")
    if array.shape[2:] != (len(rows), len(columns)):
        raise ValueError(
            f"weights have {array.shape[2]} queries and {array.shape[3]} keys, and there are {len(rows)} "
            f"words for the queries and {len(columns)} for the keys: each needs one word, or piece of a word."
        )
    return GivenWeights(rows, columns, array)


def _array(weights) -> np.ndarray:
    """As float64: a tuple of one array a layer, as output_attentions=True returns, is stacked."""
    if isinstance(weights, (tuple, list)) and weights and any(hasattr(w, "shape") for w in weights):
        shapes = sorted({tuple(w.shape) for w in weights})
        if len(shapes) > 1:
            raise ValueError(f"the layers must have one shape, and got {', '.join(map(str, shapes[:3]))}")
        return np.stack([_array(layer) for layer in weights])
    if hasattr(weights, "detach"):  # a tensor of PyTorch; NumPy has no bfloat16, so go over float
        weights = weights.detach().cpu().float().numpy()
    try:
        array = np.asarray(weights)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"weights must be an array of numbers, {SHAPES}, and got {type(weights).__name__}")
    return array.astype(np.float64)


def _words(words, name) -> tuple[str, ...]:
    words = tuple(words.split() if isinstance(words, str) else words)
    if not all(isinstance(word, str) for word in words) or not 1 <= len(words) <= MOST_WORDS:
        raise ValueError(f"{name} must be 1 to {MOST_WORDS} strings, and got {len(words)}: {words!r:.60}")
    return tuple(word if len(word) <= LONGEST_WORD else word[: LONGEST_WORD - 1] + "…" for word in words)


def _remarks(weights, words):
    """What a reader must know before trusting these numbers as weights."""
    missing = ~np.isfinite(weights)
    if missing.any():
        head, i, _ = np.argwhere(missing)[0]
        yield (
            f"{missing.sum()} of {weights.size} numbers are NaN or infinite, marked ×: "
            f"the first is in head {head}, row {words[i]}."
        )
    if (weights < 0).any():
        yield "Some numbers are negative, so these aren't weights; are they scores before softmax?"
    with np.errstate(invalid="ignore"):
        sums = weights.sum(axis=-1)
    wrong = np.argwhere(np.isfinite(sums) & (np.abs(sums - 1) > TOLERANCE))
    if len(wrong):
        head, i = wrong[0]
        yield (
            f"{len(wrong)} of {sums.size} rows don't sum to 1: the first is in head {head}, "
            f"row {words[i]}, with {sums[head, i]:.3f}."
        )
