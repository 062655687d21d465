"""The named inputs of the course, read from the data folder.

A file is checked against its checksum before it is used. Arrays that are
handed out more than once are read-only: copy one before changing it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache

import numpy as np

from helpers import data, validate
from helpers.attention import MultiHeadAttention

__all__ = [
    "Example",
    "ThreeBoxes",
    "thinking_machines",
    "three_boxes",
    "sentence",
    "sentences",
    "embed",
    "HAND_MADE",
    "hand_made",
    "hand_made_rules",
    "right_map",
    "picture_of_it",
    "APPLE_FEATURES",
    "APPLE_SENTENCES",
    "which_apple",
    "apple",
    "translation",
    "to_english",
    "bugs",
    "facts",
    "recall",
    "three_ways",
    "apple_on_trial",
    "scaling_ablation",
    "head_sweep",
]

_CODE, _CONSTANT, _FIRST, _LAST, _CAPITAL = (
    slice(64, 128),
    128,
    129,
    130,
    131,
)  # rows 0 to 63 are the position
_USED = 132  # the rest of a vector is zero


@dataclass(frozen=True, eq=False)
class Example:
    """Words, their vectors x (n, d_model), and a layer of attention for them."""

    words: tuple[str, ...]
    x: np.ndarray = field(repr=False)
    attention: MultiHeadAttention


@dataclass(frozen=True, eq=False)
class ThreeBoxes:
    """Two words with queries, keys and values of three numbers each: (2, 3)."""

    words: tuple[str, ...]
    queries: np.ndarray
    keys: np.ndarray
    values: np.ndarray


@cache
def thinking_machines() -> Example:
    """Thinking and Machines with d_model = 512 and eight heads of d_k = 64: whole numbers, and ours.

    Head 0 gives the scores 112 and 96 exactly, as the well-known pictures print
    them. The numbers are made for the purpose, not learned by a model.

    returns: words, x (2, 512), attention with n_heads = 8, all float64

    Source of 112 and 96: Alammar 2018, The Illustrated Transformer.

    >>> example = thinking_machines()
    >>> queries, keys = example.x @ example.attention.w_q, example.x @ example.attention.w_k
    >>> (queries[:, :64] @ keys[:, :64].T).astype(int)
    array([[112,  96],
           [ 88, 120]])
    """
    arrays = data.arrays("thinking_machines.npz")
    w_q, w_k, w_v, w_o = (arrays[name].astype(np.float64) for name in ("w_q", "w_k", "w_v", "w_o"))
    layer = MultiHeadAttention(w_q, w_k, w_v, w_o, n_heads=8)
    return Example(("Thinking", "Machines"), data.read_only(arrays["x"]), layer)


@cache
def three_boxes() -> ThreeBoxes:
    """The same two scores with three numbers a vector, small enough to work out by hand.

    returns: words, and queries, keys and values (2, 3), float64

    >>> boxes = three_boxes()
    >>> (boxes.queries @ boxes.keys.T).astype(int)
    array([[112,  96],
           [ 70,  78]])
    """
    boxes = data.from_json("three_boxes.json")
    return ThreeBoxes(
        tuple(boxes["words"]), *(data.read_only(boxes[name]) for name in ("queries", "keys", "values"))
    )


def sentence(name: str) -> tuple[str, ...]:
    """The words of one sentence of data/sentences.json.

    >>> sentence("thinking")
    ('Thinking', 'Machines')
    """
    known = sentences()
    if name not in known:
        raise ValueError(f"there is no sentence named {name!r}: the names are {', '.join(known)}")
    return known[name]


def sentences() -> dict[str, tuple[str, ...]]:
    """Every sentence of data/sentences.json: its name, and its words.

    >>> {name: len(words) for name, words in sentences().items()}
    {'thinking': 2, 'cat': 7, 'tired': 12, 'wide': 12, 'fruit': 8, 'brand': 10, 'letter': 12, 'soup': 16}
    """
    return {name: tuple(entry["words"]) for name, entry in data.from_json("sentences.json").items()}


def embed(words: Sequence[str], d_model: int = 512) -> np.ndarray:
    """Word vectors that anyone can read, for the hand-made heads.

    0 to 63     1 at the word's position, so there may be 64 words
    64 to 127   the word's code: 64 times +1 or -1, from the sha256 of its lowercase text
    128         always 1
    129, 130    1 for the first word, 1 for the last word
    131         1 if the word starts with a capital letter
    the rest    0

    words:   1 to 64 strings
    d_model: 132 to 4096
    returns: (n, d_model), float64

    >>> x = embed(["Thinking", "Machines", "thinking"])
    >>> x.shape, bool((x[0, 64:128] == x[2, 64:128]).all())
    ((3, 512), True)
    """
    words = _words(words)
    d_model = validate.whole_number_in(d_model, "d_model", _USED, 4096)
    x = np.zeros((len(words), d_model))
    x[range(len(words)), range(len(words))] = 1
    x[:, _CODE] = [_code(word) for word in words]
    x[:, _CONSTANT] = 1
    x[0, _FIRST] = 1
    x[-1, _LAST] = 1
    x[:, _CAPITAL] = [word[:1].isupper() for word in words]
    return x


# Where a query should look. t is the query's position as a column, s the key's as a row; both broadcast.
_RULES = {
    "previous word": lambda words, t, s: s == t - 1,
    "next word": lambda words, t, s: s == t + 1,
    "same word": lambda words, t, s: np.array([[a.lower() == b.lower() for b in words] for a in words]),
    "first word": lambda words, t, s: (s == 0) & (t >= 0),
    "last word": lambda words, t, s: (s == len(words) - 1) & (t >= 0),
    "itself": lambda words, t, s: s == t,
    "two words back": lambda words, t, s: s == t - 2,
    "every word evenly": lambda words, t, s: s + t >= 0,
    "two words ahead": lambda words, t, s: s == t + 2,
    "three words back": lambda words, t, s: s == t - 3,
    "three words ahead": lambda words, t, s: s == t + 3,
    "capitalised words": lambda words, t, s: np.array([word[:1].isupper() for word in words]) & (t >= 0),
    "any word but itself": lambda words, t, s: s != t,
    "both neighbours": lambda words, t, s: abs(s - t) == 1,
    "words before": lambda words, t, s: s < t,
    "words after": lambda words, t, s: s > t,
}
HAND_MADE: tuple[str, ...] = tuple(_RULES)


def right_map(job: str, words: Sequence[str]) -> np.ndarray:
    """Where each word should look if a head does this job: the answer, without any attention.

    A row with several True shares its weight evenly among them. A word with
    nothing to look at, such as the first word in search of the previous one,
    looks at every word.

    job: one of HAND_MADE
    returns: (n, n), boolean, rows are queries

    >>> right_map("previous word", ["a", "b", "c"]).astype(int)
    array([[1, 1, 1],
           [1, 0, 0],
           [0, 1, 0]])
    """
    words = _words(words)
    if job not in _RULES:
        raise ValueError(f"there is no hand-made job {job!r}: the jobs are {', '.join(HAND_MADE)}")
    positions = np.arange(len(words))
    looks = _RULES[job](words, positions[:, None], positions)
    return looks | ~looks.any(axis=1, keepdims=True)


def hand_made(n_heads: int = 8, d_k: int = 64) -> MultiHeadAttention:
    """Heads whose right answer is known: head i does the job HAND_MADE[i] on the vectors of embed.

    A word that is looked for scores 64, which is 8 after the division by √64, and the others 0
    ("same word": 128, and about ±16). So each row puts at least 0.99 of its weight where
    right_map says for up to 16 words, and at least 0.97 for up to 64.

    A head of d_k < 64 keeps its first d_k columns: it can tell apart only the first d_k
    positions, and knows words by d_k signs. With d_k > 64 the other columns are zero, and the
    queries are √(d_k / 64) times as large, so that the scores after the division stay as they were.

    The value of a word is its code, and head i writes what it found into the 64 numbers from
    64·(i mod 8) of the output. Heads 8 to 15 add to what heads 0 to 7 wrote.

    n_heads: 1 to 16
    d_k:     1 to 512; d_v is the same
    returns: attention with d_model = 512, float64

    >>> words = ["Thinking", "Machines", "think"]
    >>> output, weights = hand_made(n_heads=3, d_k=64)(embed(words))
    >>> weights[0].round(3)
    array([[0.333, 0.333, 0.333],
           [0.999, 0.   , 0.   ],
           [0.   , 0.999, 0.   ]])
    """
    n_heads = validate.whole_number_in(n_heads, "n_heads", 1, len(HAND_MADE))
    return _hand_made(n_heads, validate.whole_number_in(d_k, "d_k", 1, 512))


def hand_made_rules() -> dict[str, str]:
    """What each hand-made job does, as the end of a sentence that begins with "each word".

    >>> hand_made_rules()["previous word"]
    'looks at the word before it'
    """
    return {job["name"]: job["rule"] for job in data.from_json("hand_made.json")}


# The four numbers of a word in which_apple(). Every word that isn't listed has four zeros.
APPLE_FEATURES = ("food", "gadgets", "noun", "telling")
APPLE_SENTENCES = (("she", "bit", "into", "the", "apple"), ("apple", "has", "a", "new", "phone"))
_APPLE_VECTORS = {
    (2, 2, 1, 0): ("apple",),
    (0, 0, 1, 0): ("she", "he", "tom", "anna"),
    (2, 0, 0, 2): ("bit", "ate", "ripe", "sweet"),
    (2, 0, 1, 2): ("pie", "juice"),
    (0, 1, 0, 1): ("new",),
    (0, 2, 0, 2): ("called", "charged"),
    (0, 2, 1, 2): ("phone", "laptop"),
}


def picture_of_it(name: str = "tired") -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """The picture that opens notebook 06: eight hand-designed heads, and the word *it* as the query.

    name:    a named sentence that has the word *it*
    returns: the words, the attention weights of *it* (n, 8), and what the picture shows (n, 8): the weights
             as the function resize of Tensor2Tensor's notebook changes them before it draws

    >>> words, weights, drawn = picture_of_it()
    >>> f"{weights[1, 7]:.2f} of the weight, drawn as {drawn[1, 7]:.2f}"
    '0.08 of the weight, drawn as 0.98'
    """
    words = sentence(name)
    weights = hand_made(8)(embed(words))[1][:, words.index("it")].T  # (n, 8)
    return words, weights, weights / weights.sum(axis=1, keepdims=True)


def which_apple(words: Sequence[str] = APPLE_SENTENCES[0]) -> Example:
    """One head that finds out which apple is meant: small numbers, chosen by hand.

    A noun looks for words that tell something, such as bit or phone, and a telling word for nouns. What a
    word passes on is how far it's about food, and about gadgets. So apple, whose vector is the same in
    every sentence, moves towards food beside bit, and towards gadgets beside phone.

    words:   1 to 64 strings; a word that the example doesn't know has four zeros
    returns: words; x (n, 4), with the columns APPLE_FEATURES; attention with one head of d_k = d_v = 2, whose
             output has the same four columns: the first two are z, the others 0

    >>> bite, phone = (which_apple(words) for words in APPLE_SENTENCES)
    >>> bite.x[4], phone.x[0]                       # apple, in both sentences
    (array([2., 2., 1., 0.]), array([2., 2., 1., 0.]))
    >>> bite.attention(bite.x)[0][4].round(2), phone.attention(phone.x)[0][0].round(2)
    (array([1.71, 0.1 , 0.  , 0.  ]), array([0.08, 1.66, 0.  , 0.  ]))
    """
    known = _words(words)
    vectors = {word: vector for vector, alike in _APPLE_VECTORS.items() for word in alike}
    x = np.array([vectors.get(word.lower(), (0, 0, 0, 0)) for word in known], dtype=np.float64)
    w_q = np.array([[0, 0], [0, 0], [2, 0], [0, 1]], dtype=np.float64)  # a noun looks for a telling word
    w_k = np.array([[0, 0], [0, 0], [0, 1], [1, 0]], dtype=np.float64)  # a telling word is found by that
    w_v = np.array([[1, 0], [0, 1], [0, 0], [0, 0]], dtype=np.float64)  # the topic is passed on
    return Example(known, data.read_only(x), MultiHeadAttention(w_q, w_k, w_v, w_v.T, n_heads=1))


# What the vectors of apple() say of a word. Every word that isn't listed is just some word.
_APPLE_WORDS = {
    "apple": (2, 2, 0, 0, 0),
    "pie": (0, 0, 2, 0, 0),
    "juice": (0, 0, 1.5, 0, 0),
    "phone": (0, 0, 0, 2, 0),
    "laptop": (0, 0, 0, 1.5, 0),
}


def apple(words: Sequence[str] = ("does", "apple", "mean", "pie", "or", "phone")) -> Example:
    """Two heads, two senses of apple: small numbers, hand-designed.

    apple has one vector, and in each head a key and a value: in head 0 the fruit's, in head 1 the company's.
    The queries of pie and juice meet the key in head 0, those of phone and laptop the key in head 1.
    So the output of pie takes up the fruit, and that of phone the company.

    words:   1 to 64 strings; "apple", "pie", "juice", "phone" and "laptop" have a meaning here
    returns: words; x (n, 5), the columns are fruit, company, food, device, other word; attention with two
             heads of d_k = d_v = 2, whose output uses the same columns

    Source of the idea, eight heads and two senses: the blog post that README.md names.

    >>> example = apple()
    >>> z, weights = example.attention(example.x)
    >>> weights[:, 3, 1].round(2), weights[:, 5, 1].round(2)    # pie → apple, phone → apple
    (array([0.93, 0.17]), array([0.17, 0.93]))
    >>> z[[3, 5], :2].round(2)                                 # pie and phone: fruit, company
    array([[2.8, 0.5],
           [0.5, 2.8]])
    """
    x = np.array(
        [_APPLE_WORDS.get(word.lower(), (0, 0, 0, 0, 1)) for word in _words(words)], dtype=np.float64
    )
    w_q, w_k, w_v = np.zeros((3, 5, 4))  # columns 0 and 1 are head 0, 2 and 3 head 1
    w_q[[2, 3], [0, 2]] = 1.5  # food asks in head 0, a device in head 1
    w_k[[0, 1], [0, 2]] = 1  # apple's two senses answer
    w_v[[0, 1], [0, 2]] = 1.5
    w_v[4, [1, 3]] = 0.5  # every other word hands over a little of itself
    w_o = np.zeros((4, 5))
    w_o[[0, 1, 2, 3], [0, 4, 1, 4]] = 1
    return Example(tuple(words), data.read_only(x), MultiHeadAttention(w_q, w_k, w_v, w_o, n_heads=2))


_ENGLISH = dict(
    elle="she", il="he", mange="eating", boit="drinking", la="the", le="the", les="the", pomme="apple",
    rouge="red", verte="green", machines="machines", pensantes="thinking", chat="cat", noir="black",
)  # fmt: skip


def translation() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A French sentence and the English one it says: the queries and keys of a cross-attention.

    >>> french, english = translation()
    >>> len(french), len(english)
    (5, 6)
    """
    return ("elle", "mange", "la", "pomme", "rouge"), ("she", "is", "eating", "the", "red", "apple")


def to_english(words: Sequence[str]) -> tuple[str, ...]:
    """Each word's English partner if the example's small dictionary has one, and otherwise the word itself.

    >>> to_english(("la", "pomme", "tombe"))
    ('the', 'apple', 'tombe')
    """
    return tuple(_ENGLISH.get(word.lower(), word) for word in _words(words))


def facts() -> dict[str, tuple[int | float, str]]:
    """The numbers that the text cites: key, and value with its source.

    >>> facts()["picture_score_1"]
    (112, 'Alammar 2018, The Illustrated Transformer')
    """
    rows = data.rows("facts.csv")
    return {row["key"]: (json.loads(row["value"]), row["source"]) for row in rows}


def recall(notebook: str) -> list[dict]:
    """The questions that open a notebook, with their options and reasons; none for the first notebooks.

    >>> [question["name"] for question in recall("05")]
    ['05 the cut', '05 only the gap', '05 what the value is for']
    """
    return data.from_json("recall.json").get(notebook, [])


def bugs() -> list[dict]:
    """The exhibits of notebook 06: for each bug its input, a question, the options with their reasons, and
    its threads.

    >>> len(bugs()), bugs()[0]["name"]
    (10, 'the scores are not divided by √d_k')
    """
    return data.from_json("bugs.json")


def three_ways() -> dict[str, float]:
    """How long the three ways of notebook 04 took in a stored run, relative to the fastest."""
    rows = data.rows("three_ways.csv")
    return {row["way"]: float(row["time_relative_to_the_fastest"]) for row in rows}


SWEEP_D_MODEL = 32  # of the models in data/head_count_sweep.csv


def head_sweep(row: str, steps: int) -> dict[int, np.ndarray]:
    """How far above the floor the small model of notebook 05 ended, in nat: a stored run, one number a seed.

    row:     "A": n_heads is varied, with n_heads · d_k = 32; "B": d_k is varied, with 8 heads
    steps:   300 or 1500
    returns: n_heads (row A) or d_k (row B) → (n_seeds,)

    >>> {n_heads: len(runs) for n_heads, runs in head_sweep("A", 300).items()}
    {1: 10, 2: 10, 4: 10, 8: 10, 16: 10, 32: 10}
    """
    table = data.rows("head_count_sweep.csv")
    varied = {"A": "n_heads", "B": "d_k"}
    if (row, str(steps)) not in {(line["row"], line["steps"]) for line in table}:
        raise ValueError(
            f"there is no row {row!r} with {steps!r} steps: the rows are A and B, the steps 300 and 1500"
        )
    found: dict[int, list[float]] = {}
    for line in table:
        if (line["row"], line["steps"]) == (row, str(steps)):
            found.setdefault(int(line[varied[row]]), []).append(float(line["above_floor"]))
    return {setting: data.read_only(runs) for setting, runs in found.items()}


@cache
def apple_on_trial() -> dict[tuple[str, str, str, str], np.ndarray]:
    """What happens when heads of the ten stored runs of notebook 07 are turned off.

    data/README.md says what the measures are; every number is in nat, or a weight.

    returns: (n_heads, seed, measure, heads that are off) → (n_senses, n_roles), or (1, n_roles) where the
    senses are not kept apart

    >>> apple_on_trial()["8", "0", "loss, sample", "3"].shape
    (10, 6)
    """
    found: dict = {}
    for n_heads, seed, measure, heads, _, *row in list(
        csv.reader(io.StringIO(data.read("apple_on_trial.csv").decode()))
    )[1:]:
        found.setdefault((n_heads, seed, measure, heads), []).append([float(value) for value in row])
    return {key: data.read_only(rows) for key, rows in found.items()}


def scaling_ablation(
    measure: str = "above_the_floor", learning_rate: float = 0.01, w_q_start: float = 1
) -> dict[tuple[int, bool], dict[int, np.ndarray]]:
    """How a model with one head learns with and without the division: a stored run for notebook 07.

    measure:       "above_the_floor" (nats) or "largest_weight" (in the hidden word's row, on average)
    learning_rate: at the first step
    w_q_start:     what W_Q was multiplied by before training
    returns:       (d_k, divided by √d_k or not) → step → (n_seeds,)

    >>> sorted(scaling_ablation()[64, False])
    [0, 50, 100, 200, 300, 400, 600]
    """
    found: dict = {}
    for line in data.rows("scaling_ablation.csv"):
        if (float(line["learning_rate"]), float(line["w_q_start"])) == (learning_rate, w_q_start):
            curve = found.setdefault((int(line["d_k"]), line["scaled"] == "True"), {})
            curve.setdefault(int(line["step"]), []).append(float(line[measure]))
    return {
        setting: {step: data.read_only(runs) for step, runs in curve.items()}
        for setting, curve in found.items()
    }


@lru_cache(maxsize=8)  # a slider comes back to the same few heads
def _hand_made(n_heads, d_k):
    arrays, stored = data.arrays("hand_made.npz"), list(hand_made_rules())
    jobs = [stored.index(job) for job in HAND_MADE[:n_heads]]
    kept = min(d_k, 64)
    w_q, w_k, w_v = np.zeros((3, 512, n_heads, d_k))
    w_o = np.zeros((n_heads, d_k, 512))
    w_q[:_USED, :, :kept] = arrays["w_q"][jobs, :, :kept].swapaxes(0, 1) * max(1, d_k / 64) ** 0.5
    w_k[:_USED, :, :kept] = arrays["w_k"][jobs, :, :kept].swapaxes(0, 1)
    w_v[:_USED, :, :kept] = arrays["w_v"][:, None, :kept]  # every head reads the same codes
    for head in range(n_heads):
        w_o[head, range(kept), 64 * (head % 8) + np.arange(kept)] = 1  # and writes them into its own place
    sides = (matrix.reshape(512, n_heads * d_k) for matrix in (w_q, w_k, w_v))
    return MultiHeadAttention(*sides, w_o.reshape(n_heads * d_k, 512), n_heads)


@lru_cache(maxsize=4096)
def _code(word):
    digest = hashlib.sha256(word.lower().encode("utf-8", "surrogatepass")).digest()
    return tuple(2.0 * np.unpackbits(np.frombuffer(digest[:8], np.uint8)) - 1)


def _words(words):
    if (
        isinstance(words, str)
        or not isinstance(words, Sequence)
        or not all(isinstance(word, str) for word in words)
    ):
        raise TypeError(
            f"words must be a list of strings, as in 'Thinking Machines'.split(), and got {words!r:.80}"
        )
    if not 1 <= len(words) <= 64:
        raise ValueError(
            f"there must be 1 to 64 words, and got {len(words)}: "
            + ("shorten the text" if words else "write at least one")
        )
    return tuple(words)
