"""A pretrained sentence encoder, all-MiniLM-L6-v2, on the functions of helpers/attention.py.

It has 6 layers of 12 heads, 22.7 million parameters, and reads English. The files of a checkpoint
are only read, never run, and the attention itself is scaled_dot_product_attention of notebook 04.
What stands around it is here: biases, residual connections, layer norm and the feed-forward network.

    n          the tokens of a sentence: [CLS], its words or pieces of words, [SEP]
    n_layers   6        n_heads   12        d_model   384        d_v   32, also d_k

Source: Devlin et al. 2019, BERT; Wang et al. 2020, MiniLM; Reimers and Gurevych 2019, Sentence-BERT.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from helpers import checkpoint, data
from helpers.attention import merge_heads, padding_mask, scaled_dot_product_attention, split_heads
from helpers.checkpoint import missing

__all__ = [
    "Encoder",
    "Layer",
    "LayerNorm",
    "Linear",
    "Reading",
    "gelu",
    "StoredMaps",
    "load",
    "maps",
    "measured",
    "missing",
    "stored",
]


@dataclass(frozen=True, eq=False)
class Linear:
    """x @ w + bias, for w (d_in, d_out) and bias (d_out,)."""

    w: np.ndarray = field(repr=False)
    bias: np.ndarray = field(repr=False)

    def __call__(self, x):
        rows = x.reshape(-1, x.shape[-1]) @ self.w  # one large product is faster than one a sentence
        rows += self.bias
        return rows.reshape(*x.shape[:-1], -1)


@dataclass(frozen=True, eq=False)
class LayerNorm:
    """Each vector with its mean subtracted and divided by its standard deviation, then stretched and shifted.

    gain, bias: (d_model,), learned        eps: added to the variance, so that it's never 0

    Source: Ba et al. 2016, Layer normalization.

    >>> LayerNorm(np.ones(4), np.zeros(4))(np.array([[1.0, 2, 3, 4]])).round(4)
    array([[-1.3416, -0.4472,  0.4472,  1.3416]])
    """

    gain: np.ndarray = field(repr=False)
    bias: np.ndarray = field(repr=False)
    eps: float = 1e-12

    def __call__(self, x):
        x = x - x.mean(axis=-1, keepdims=True)
        variance = np.einsum("...d,...d->...", x, x)[..., None] / x.shape[-1]
        return x / np.sqrt(variance + self.eps) * self.gain + self.bias


def gelu(x: np.ndarray) -> np.ndarray:
    """x times the probability that a standard normal number is below x: a smooth step from 0 to x.

    float64 is exact. float32 takes a formula that is ten times as fast and adds no more than rounding does.

    Source: Hendrycks and Gimpel 2016; the formula is Abramowitz and Stegun 1964, 7.1.26.

    >>> gelu(np.array([-3.0, 0, 1, 3])).round(4)
    array([-0.004 ,  0.    ,  0.8413,  2.996 ])
    """
    if x.dtype == np.float64:
        return x / 2 * (1 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2)))
    size = np.abs(x) / math.sqrt(2)
    t = 1 / (1 + 0.3275911 * size)
    sum_of_powers = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    above = 0.5 * sum_of_powers * np.exp(-size * size)  # the probability of a number above |x|
    return x * np.where(x < 0, above, 1 - above)


@dataclass(frozen=True, eq=False)
class Layer:
    """Attention, then a feed-forward network, each added to what came in and normalised."""

    query: Linear
    key: Linear
    value: Linear
    output: Linear
    attention_norm: LayerNorm
    up: Linear
    down: Linear
    feed_forward_norm: LayerNorm
    n_heads: int

    def __call__(self, x, mask=None, replaced: Mapping[int, np.ndarray | float] | None = None):
        """
        x:        (batch, n, d_model)
        mask:     broadcasts to (batch, n_heads, n, n), boolean, True = may attend
        replaced: head → what stands in for its result: 0 or (d_v,)
        returns:  x after this layer, (batch, n, d_model); weights (batch, n_heads, n, n); values and
                  the heads' results (weights @ values), both (batch, n_heads, n, d_v)
        """
        queries, keys, values = (
            split_heads(linear(x), self.n_heads) for linear in (self.query, self.key, self.value)
        )
        results, weights = scaled_dot_product_attention(queries, keys, values, mask)
        for head, value in (replaced or {}).items():
            results[:, head] = value
        x = self.attention_norm(x + self.output(merge_heads(results)))  # the residual connection is the x +
        x = self.feed_forward_norm(x + self.down(gelu(self.up(x))))  # 384 → 1536 → 384, each token by itself
        return x, weights, values, results


@dataclass(frozen=True, eq=False)
class Reading:
    """What the model computed for one sentence.

    tokens:  n strings
    hidden:  (n_layers + 1, n, d_model): the token vectors before layer 0, then after each layer
    weights: (n_layers, n_heads, n, n): row i is how token i attends
    values:  (n_layers, n_heads, n, d_v)
    results: (n_layers, n_heads, n, d_v): weights @ values, or what replaced them in an ablation
    w_o:     (n_layers, n_heads, d_v, d_model): the model's
    """

    tokens: tuple[str, ...]
    hidden: np.ndarray = field(repr=False)
    weights: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)
    results: np.ndarray = field(repr=False)
    w_o: np.ndarray = field(repr=False)

    @property
    def embedding(self) -> np.ndarray:
        """One vector for the sentence, (d_model,): its tokens' mean after the last layer, with length 1."""
        mean = self.hidden[-1].mean(axis=0)
        return mean / np.linalg.norm(mean)

    def writes(self, layer: int) -> np.ndarray:
        """What each head of a layer adds to each token: (n_heads, n, d_model). Their sum lacks the bias."""
        return self.results[layer] @ self.w_o[layer]

    def contributions(self, layer: int) -> np.ndarray:
        """How long the vector is that one token adds to another, to set beside the weight: (n_heads, n, n).

        Cell (i, j) of a head is the length of weights[i, j] · values[j] @ w_o.

        Source: Kobayashi et al. 2020, Attention is not only a weight.
        """
        lengths = np.linalg.norm(self.values[layer] @ self.w_o[layer], axis=-1)  # (n_heads, n)
        return self.weights[layer] * lengths[:, None, :]


@dataclass(frozen=True, eq=False)
class Encoder:
    """The whole model; load() makes it.

    token_vectors: (n_vocabulary, d_model)        position_vectors: (longest sentence, d_model)
    """

    token_vectors: np.ndarray = field(repr=False)
    position_vectors: np.ndarray = field(repr=False)
    norm: LayerNorm = field(repr=False)
    layers: tuple[Layer, ...] = field(repr=False)
    tokenizer: object = field(repr=False)
    n_heads: int

    @property
    def n_layers(self) -> int:
        return len(self.layers)

    @property
    def d_model(self) -> int:
        return self.token_vectors.shape[1]

    def read(self, sentences: str | Sequence[str], ablate: Iterable[tuple[int, int]] = (), means=None):
        """Run one sentence, or several at once, and keep everything.

        ablate: the (layer, head) pairs whose results are set to zero, or
        means:  to their row of this (n_layers, n_heads, d_v) array, as mean_results() makes it
        returns: a Reading for one sentence; a list of them for a list
        """
        ids, tokens = self._tokenise([sentences] if isinstance(sentences, str) else sentences)
        replaced = self._replaced(ablate, means)
        lengths = np.array([len(row) for row in ids])
        padded = np.zeros((len(ids), lengths.max()), int)
        for row, sentence_ids in zip(padded, ids):
            row[: len(sentence_ids)] = sentence_ids
        x = self.norm(self.token_vectors[padded] + self.position_vectors[: padded.shape[1]])
        mask = padding_mask(lengths, padded.shape[1])[
            :, None
        ]  # (batch, 1, 1, n): one for all heads and queries
        steps = []
        hidden = [x]
        for layer, replaced_here in zip(self.layers, replaced):
            x, *step = layer(x, mask, replaced_here)
            hidden.append(x)
            steps.append(step)
        weights, values, results = (np.stack(each, axis=1) for each in zip(*steps))
        stacked, w_o = np.stack(hidden, axis=1), self._w_o()
        readings = [
            Reading(
                tokens[i],
                stacked[i, :, :n],
                weights[i, ..., :n, :n],
                values[i, ..., :n, :],
                results[i, ..., :n, :],
                w_o,
            )
            for i, n in enumerate(lengths)
        ]
        return readings[0] if isinstance(sentences, str) else readings

    def embed(
        self, sentences: Sequence[str], ablate: Iterable[tuple[int, int]] = (), means=None
    ) -> np.ndarray:
        """One vector of length 1 a sentence, (n_sentences, d_model): their dot products are cosines.

        ablate, means: as for read
        """
        sentences, ablate = [sentences] if isinstance(sentences, str) else list(sentences), list(ablate)
        batches = [sentences[start : start + 32] for start in range(0, len(sentences), 32)] or [sentences]
        return np.stack([r.embedding for batch in batches for r in self.read(batch, ablate, means)])

    def mean_results(self, sentences: Sequence[str]) -> np.ndarray:
        """Each head's mean result over all tokens of some sentences: (n_layers, n_heads, d_v)."""
        return np.concatenate([r.results for r in self.read(list(sentences))], axis=2).mean(axis=2)

    def _w_o(self):
        d_v = self.d_model // self.n_heads
        return np.stack([layer.output.w.reshape(self.n_heads, d_v, self.d_model) for layer in self.layers])

    def _tokenise(self, sentences):
        if (
            not isinstance(sentences, Sequence)
            or not sentences
            or not all(isinstance(s, str) for s in sentences)
        ):
            raise TypeError(
                f"a sentence must be a string, or several a list of strings, and got {sentences!r:.80}"
            )
        try:
            encodings = self.tokenizer.encode_batch(list(sentences))
        except (TypeError, UnicodeEncodeError):
            raise ValueError(
                "a sentence holds half of a surrogate pair, which is no character: write it again"
            ) from None
        longest = len(self.position_vectors)
        for sentence, encoding in zip(sentences, encodings):
            if len(encoding.ids) < 3:
                raise ValueError(f"a sentence needs at least one word, and got {sentence!r:.80}")
            if len(encoding.ids) > longest:
                raise ValueError(
                    f"the model reads at most {longest} tokens, and {sentence[:40]!r}… has "
                    f"{len(encoding.ids)}: shorten it"
                )
        return [encoding.ids for encoding in encodings], [tuple(encoding.tokens) for encoding in encodings]

    def _replaced(self, ablate, means):
        """What stands in for ablated heads: a dict for each layer."""
        replaced: list[dict] = [{} for _ in self.layers]
        shape = (self.n_layers, self.n_heads, self.d_model // self.n_heads)
        if means is not None and np.shape(means) != shape:
            raise ValueError(
                f"means must have the shape (n_layers, n_heads, d_v) = {shape}, and got {np.shape(means)}"
            )
        for pair in ablate:
            try:
                layer, head = pair
                there = layer in range(self.n_layers) and head in range(self.n_heads)
            except (TypeError, ValueError):
                there = False
            if not there:
                raise ValueError(
                    f"ablate takes pairs (layer, head) with a layer from 0 to {self.n_layers - 1} "
                    f"and a head from 0 to {self.n_heads - 1}, and got {pair!r}"
                )
            replaced[layer][head] = 0 if means is None else means[layer][head]
        return replaced


def load(path: str | os.PathLike | None = None, check: bool = True, dtype=np.float32) -> Encoder:
    """Read the model from a checkpoint folder, the optional package, or the local cache of Hugging Face.

    path:  the folder; looked for unless given
    check: False accepts another BERT checkpoint than this course's: only its shapes are compared then
    dtype: np.float64 for a result without rounding to speak of, at a sixth of the speed
    Raises a FileNotFoundError if there is no model, and a ValueError that names the file if one is wrong.
    """
    if reason := missing(path):
        raise FileNotFoundError(reason)
    config, arrays, tokenizer = checkpoint.read(path or checkpoint.find() or "", check)
    arrays = {name: array.astype(dtype) for name, array in arrays.items() if array.dtype.kind == "f"}

    def linear(name):
        return Linear(np.ascontiguousarray(arrays[name + ".weight"].T), arrays[name + ".bias"])

    def norm(name):
        return LayerNorm(arrays[name + ".weight"], arrays[name + ".bias"], config["layer_norm_eps"])

    n_heads = config["num_attention_heads"]
    layers = tuple(
        Layer(
            linear(name + "attention.self.query"),
            linear(name + "attention.self.key"),
            linear(name + "attention.self.value"),
            linear(name + "attention.output.dense"),
            norm(name + "attention.output.LayerNorm"),
            linear(name + "intermediate.dense"),
            linear(name + "output.dense"),
            norm(name + "output.LayerNorm"),
            n_heads,
        )
        for name in (f"encoder.layer.{i}." for i in range(config["num_hidden_layers"]))
    )
    position_vectors = arrays["embeddings.position_embeddings.weight"]
    position_vectors = (
        position_vectors + arrays["embeddings.token_type_embeddings.weight"][0]
    )  # of a first sentence
    token_vectors = arrays["embeddings.word_embeddings.weight"]
    return Encoder(token_vectors, position_vectors, norm("embeddings.LayerNorm"), layers, tokenizer, n_heads)


@dataclass(frozen=True, eq=False)
class StoredMaps:
    """The attention maps of one sentence from data/real_maps.npz: what a Reading has, without the model.

    tokens:  n strings
    weights: (n_layers, n_heads, n, n)
    lengths: (n_layers, n_heads, n): the length of each value after w_o
    """

    tokens: tuple[str, ...]
    weights: np.ndarray = field(repr=False)
    lengths: np.ndarray = field(repr=False)

    def contributions(self, layer: int) -> np.ndarray:
        """As Reading.contributions: (n_heads, n, n)."""
        return self.weights[layer] * self.lengths[layer][:, None, :]


def stored() -> dict[str, StoredMaps]:
    """The real model's maps of four sentences, by name, rounded to float16: for pages without the model.

    >>> stored()["bite"].tokens
    ('[CLS]', 'she', 'bit', 'into', 'the', 'apple', '[SEP]')
    """
    found: dict = {}
    for key, array in _stored_arrays("maps").items():
        name, part = key.split(".")
        found.setdefault(name, {})[part] = array
    return {
        name: StoredMaps(
            tuple(map(str, each["tokens"])),
            *(each[part].astype(np.float32) for part in ("weights", "lengths")),
        )
        for name, each in found.items()
    }


def maps(sentence: str) -> StoredMaps | Reading:
    """A sentence's attention maps: stored ones if it's one of the four, else the model computes them.

    returns: what has tokens, weights (n_layers, n_heads, n, n) and contributions(layer)
    Raises a FileNotFoundError that says how to get the model, where it's needed and missing.

    >>> maps("Apple has a new phone").weights.shape
    (6, 12, 7, 7)
    """
    words = tuple(sentence.lower().split()) if isinstance(sentence, str) else ()
    for each in stored().values():
        if each.tokens[1:-1] == words:
            return each
    return load().read(sentence)


def measured() -> dict[str, np.ndarray]:
    """What was measured on the real model, by name; data/README.md says what each array holds.

    >>> measured()["apples.cosines"].shape
    (3, 7)
    """
    return _stored_arrays("measured")


def _stored_arrays(kind):
    arrays = data.arrays("real_maps.npz")
    return {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith(kind + "/")}
