"""What the head explorer computes: a Setting of its controls gives a Result, through helpers.attention."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from helpers import examples, learning
from helpers.attention import (
    MultiHeadAttention,
    causal_mask,
    explain_weight,
    padding_mask,
    scaled_dot_product_attention,
)
from helpers.explorers.masked_word import check_known
from helpers.grammar import MASK, Grammar

__all__ = [
    "APPLE",
    "DESIGNED",
    "HEAD_COUNTS",
    "MASKS",
    "RANDOM",
    "SOURCES",
    "OWN_SENTENCE",
    "TOTAL",
    "TRAINED",
    "Result",
    "Setting",
    "check_trained",
    "compute",
    "masks_for",
    "read_words",
    "sentence_for",
    "sizes",
]

DESIGNED, RANDOM, TRAINED, APPLE = "hand-designed", "random", "trained", "apple, by hand"
SOURCES = (DESIGNED, RANDOM, TRAINED, APPLE)
D_MODEL = {DESIGNED: 512, RANDOM: 512, TRAINED: 32, APPLE: 5}
HEAD_COUNTS = {
    DESIGNED: (1, 2, 4, 8, 16),
    RANDOM: (1, 2, 4, 8, 16),
    TRAINED: (1, 2, 4, 8, 16, 32),
    APPLE: (2,),
}
TOTAL = {DESIGNED: 512, RANDOM: 512, TRAINED: 32, APPLE: 4}  # heads × head size while they are linked
OWN_SENTENCE = {  # of the sources that can't read any sentence
    TRAINED: ("in", "the", "garden", "tom", "himself", "saw", "the", "ripe", MASK),
    APPLE: examples.apple().words,
}
MASKS = NO_MASK, CAUSAL, PADDING = "none", "causal", "padding"
PAD, PADS = "[pad]", 2
MOST_WORDS, LONGEST_WORD = 64, 40


@dataclass(frozen=True)
class Setting:
    """What the weights depend on. Two of them can be compared.

    keys: the words of a second sentence, for cross-attention; the words themselves unless given
    """

    words: tuple[str, ...]
    n_heads: int = 8
    d_k: int = 64
    source: str = DESIGNED
    mask: str = NO_MASK
    scaled: bool = True
    temperature: float = 1.0
    keys: tuple[str, ...] | None = None

    @property
    def shown(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The words of the rows and of the columns, with [pad] words where there's padding."""
        if self.mask != PADDING:
            return self.words, self.keys or self.words
        columns = self.keys or self.words
        columns = (*columns, *[PAD] * min(PADS, MOST_WORDS - len(columns)))
        return self.words if self.keys else columns, columns

    @property
    def allowed(self) -> np.ndarray | None:
        """The mask, (n_queries, n_keys), True = may attend, or None."""
        rows, columns = self.shown
        if self.mask == CAUSAL:
            return causal_mask(len(rows), len(columns))
        if self.mask == PADDING:
            real = padding_mask(len(self.keys or self.words), len(columns))
            return np.broadcast_to(real, (len(rows), len(columns)))
        return None

    def caption(self) -> str:
        size = self.n_heads * self.d_k
        parts = [
            f"{self.n_heads} {'head' if self.n_heads == 1 else 'heads'} × {self.d_k} = {size} columns",
            f"{4 * D_MODEL[self.source] * size:,} parameters in W_Q, W_K, W_V, W_O",
            self.source,
        ]
        parts += ["cross-attention"] if self.keys else []
        parts += [f"mask {self.mask}"] if self.mask != NO_MASK else []
        parts += [] if self.scaled else ["not divided by √(head size)"]
        parts += [f"temperature {self.temperature:g}"] if self.temperature != 1 else []
        return " · ".join(parts)

    def titles(self) -> list[str]:
        names = {
            DESIGNED: [f"head {i}: {job}" for i, job in enumerate(examples.HAND_MADE)],
            APPLE: ["head 0: the fruit", "head 1: the company"],
        }.get(self.source, [f"head {i}" for i in range(self.n_heads)])[: self.n_heads]
        cross = {
            "head 2: same word": "head 2: same word, translated",
            "head 5: itself": "head 5: same position",
        }
        return [cross.get(name, name) for name in names] if self.keys else names


@dataclass(frozen=True, eq=False)
class Result:
    """Attention with one setting.

    rows, columns: the words of the queries and of the keys
    weights:  (n_heads, n_queries, n_keys)
    masked:   (n_queries, n_keys), boolean, or None
    faint:    the rows that never counted in a training
    queries, keys: (n_heads, n_queries, d_k), (n_heads, n_keys, d_k); None for weights that came alone
    found:    (n_heads, n_queries, d_v), what each head returns
    layer:    the matrices
    scale:    what the scores were multiplied by
    remarks:  sentences that must stand beside the maps
    """

    caption: str
    titles: list[str]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    weights: np.ndarray
    masked: np.ndarray | None = None
    faint: tuple[int, ...] = ()
    queries: np.ndarray | None = None
    keys: np.ndarray | None = None
    found: np.ndarray | None = None
    layer: MultiHeadAttention | None = None
    scale: float = 1.0
    divisors: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @cached_property
    def writes(self) -> np.ndarray:
        """What each head adds to the output: (n_heads, n_queries, d_model)."""
        assert self.found is not None and self.layer is not None  # they come together
        return self.found @ self.layer.w_o.reshape(len(self.found), -1, self.layer.d_model)

    def change_without(self, off) -> np.ndarray:
        """How far each word's output moves, relative to its length, without these heads: (n_queries,)."""
        whole = np.linalg.norm(self.writes.sum(axis=0), axis=-1)
        moved = np.linalg.norm(self.writes[sorted(off)].sum(axis=0), axis=-1)
        return np.divide(moved, whole, out=np.zeros_like(moved), where=whole > 0)

    def explain(self, head: int, i: int, j: int) -> str:
        """From q · k to one weight, in one line."""
        row = self.weights[head, i]
        if self.masked is not None and self.masked[i, j]:
            return f"masked: {self.columns[j]} can't be attended to; its score becomes −∞, its weight 0"
        if self.queries is None or self.keys is None:
            best = int(np.nanargmax(row)) if np.isfinite(row).any() else j
            return f"the row's largest weight is {row[best]:.3f}, on {self.columns[best]}"
        allowed = None if self.masked is None else ~self.masked
        found = explain_weight(self.queries[head], self.keys[head], i, j, allowed, self.scale)
        steps = [f"q·k = {found.score:.2f}"]
        if self.divisors:
            steps.append(f"÷ {' ÷ '.join(self.divisors)} = {found.scaled:.3f}")
        place, power = "the highest of its row", "e^0"
        if found.gap <= -5e-4:
            place, power = f"{-found.gap:.3f} below {place}", f"e^−{-found.gap:.3f}"
        steps += [place, f"softmax: {power} ÷ {found.total:.3f} = {found.weight:.3f}"]
        return " → ".join(steps).replace("-", "−")


def compute(setting: Setting) -> Result:
    """Run the core on a setting."""
    s, (rows, columns) = setting, setting.shown
    layer = _layer(s.source, s.n_heads, s.d_k)
    x, context = _vectors(s, rows, columns)
    scale = (1 / math.sqrt(s.d_k) if s.scaled else 1.0) / s.temperature
    queries, keys, values = layer.project(x, context)
    found, weights = scaled_dot_product_attention(queries, keys, values, s.allowed, scale)
    faint: tuple[int, ...] = ()
    remarks: list[str] = []
    if s.source == TRAINED:
        faint = tuple(i for i, word in enumerate(rows) if word.lower() != MASK)
        remarks = [
            f"Loss {_trained(s.n_heads)[1]:.4f} nats above the entropy floor.",
            f"Only the row of {MASK} counted in the training; the other rows are drawn faintly.",
        ]
    divisors = (f"√{s.d_k}",) * s.scaled + (f"{s.temperature:g}",) * (s.temperature != 1)
    masked = None if s.allowed is None else ~s.allowed
    return Result(
        s.caption(), s.titles(), rows, columns, weights, masked, faint,
        queries, keys, found, layer, scale, divisors, tuple(remarks),
    )  # fmt: skip


def _vectors(s: Setting, rows, columns):
    """The vectors of the queries' words, and of the keys' words where those are others: (n, d_model)."""
    if s.source == APPLE:
        return examples.apple(rows).x, None
    if s.source == TRAINED:
        parameters, vocabulary = _trained(s.n_heads)[0], _grammar().words
        tokens = np.array([vocabulary.index(word.lower()) for word in rows])
        positions = parameters.position_embeddings[: len(rows)]
        return learning.embed(tokens, parameters.embeddings, positions), None
    x, context = (_designed(words, shown) for words, shown in ((s.words, rows), (s.keys or s.words, columns)))
    if s.keys:
        x = examples.embed(examples.to_english(s.words))
    if s.source == RANDOM:  # random matrices expect numbers of variance 1
        x, context = (v * np.sqrt(512 / (v**2).sum(axis=-1, keepdims=True)) for v in (x, context))
    return x, context if s.keys else None


def _designed(words, shown):
    """embed, with [pad] words after the last real one, which stays the last word: (n, 512)."""
    real = examples.embed(words)
    return real if len(shown) == len(words) else np.concatenate([real, examples.embed(shown)[len(words) :]])


@lru_cache(maxsize=16)
def _layer(source: str, n_heads: int, d_k: int) -> MultiHeadAttention:
    if source == DESIGNED:
        return examples.hand_made(n_heads, d_k)
    if source == APPLE:
        return examples.apple().attention
    if source == TRAINED:
        return _trained(n_heads)[0].attention
    layer = MultiHeadAttention.random(512, n_heads, np.random.default_rng(0), d_k=d_k, d_v=d_k)
    w_q, w_k, w_v, w_o = (w.astype(np.float32) for w in (layer.w_q, layer.w_k, layer.w_v, layer.w_o))
    return MultiHeadAttention(w_q, w_k, w_v, w_o, n_heads)  # half the memory


_trained = lru_cache(maxsize=8)(learning.trained_heads)
_grammar = lru_cache(maxsize=1)(Grammar.read)


def sizes(source: str) -> tuple[int, ...]:
    """The head sizes that a source has while heads × head size stays the same, from the smallest."""
    return tuple(TOTAL[source] // n_heads for n_heads in reversed(HEAD_COUNTS[source]))


def masks_for(source: str, crossed: bool) -> tuple[str, ...]:
    """The masks that mean something: the grammar has no [pad], and two sentences have no common order."""
    if source == TRAINED:
        return NO_MASK, CAUSAL
    return (NO_MASK, PADDING) if crossed else MASKS


def sentence_for(source: str, words: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """These words if the source can read them, and else its own sentence and the reason."""
    if source == TRAINED:
        try:
            check_trained(words)
        except ValueError as problem:
            return OWN_SENTENCE[source], str(problem)
    elif "apple" not in {word.lower() for word in words}:
        return OWN_SENTENCE[source], "Your sentence doesn't have the word apple."
    return words, ""


def read_words(sentence: str) -> tuple[str, ...]:
    """Split a sentence at its spaces. Says in a sentence what is wrong with one that cannot be shown."""
    words = tuple(sentence.split())
    if not words:
        raise ValueError("There is no word in the sentence: type at least one.")
    if len(words) > MOST_WORDS:
        raise ValueError(
            f"The sentence has {len(words)} words, and at most {MOST_WORDS} can be shown: shorten it."
        )
    longest = max(words, key=len)
    if len(longest) > LONGEST_WORD:
        raise ValueError(
            f"The word {longest[:12]}… has {len(longest)} letters, "
            f"and at most {LONGEST_WORD} can be shown: shorten it."
        )
    return words


def check_trained(words) -> None:
    """Say in a sentence why the trained models can't read these words."""
    longest = len(_trained(8)[0].position_embeddings)
    if len(words) > longest:
        raise ValueError(
            f"The sentence has {len(words)} words, "
            f"and the trained models know {longest} positions: shorten it."
        )
    check_known(words, _grammar().words)
