"""Store what notebook 08 shows of the real model, for readers who don't have it: about one minute.

    python -m tools.real_maps        writes data/real_maps.npz; it needs the model (make model)

The model runs in float64, so that after rounding to float16 every machine writes the same bytes.
Afterwards python data/make.py renews the checksums. The README of the data folder says what the arrays are.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np

from helpers import examples, real_model

DATA = Path(__file__).resolve().parents[1] / "data"
MAPS = {
    "tired": " ".join(examples.sentence("tired")),
    "wide": " ".join(examples.sentence("wide")),
    "bite": "She bit into the apple",
    "phone": "Apple has a new phone",
}
# Pairs with apple in both. In the last two pairs it stands at one position: only the words around it differ.
APPLES = [
    ("She bit into the apple", "Apple has a new phone"),
    ("She ate a ripe apple from the tree", "They sold a new Apple watch in March"),
    ("She ate a ripe apple from the tree", "He picked a sweet apple in the garden"),
]
# Sentence, what "it" means, and the other candidate; written down before anything was measured on them.
# After Levesque et al. 2012, The Winograd Schema Challenge, shortened.
PRONOUNS = [
    (MAPS["tired"], "animal", "street"),
    (MAPS["wide"], "street", "animal"),
    ("The trophy did not fit in the suitcase because it was too big", "trophy", "suitcase"),
    ("The trophy did not fit in the suitcase because it was too small", "suitcase", "trophy"),
    ("The ball crashed through the table because it was made of steel", "ball", "table"),
    ("The ball crashed through the table because it was made of paper", "table", "ball"),
    ("The bee landed on the flower because it wanted pollen", "bee", "flower"),
    ("The bee landed on the flower because it had pollen", "flower", "bee"),
]


def cosines(readings, word):
    """The cosine of a word's vectors in two sentences, before layer 0 and after each: (n_layers + 1,)."""
    a, b = (reading.hidden[:, reading.tokens.index(word)] for reading in readings)
    return (a * b).sum(axis=-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


def pronoun_weights(model):
    """The weight of "it" on what it means and on the other candidate: (n_sentences, 2, n_layers, n_heads)."""
    found = []
    for sentence, *candidates in PRONOUNS:
        reading = model.read(sentence)
        at = [reading.tokens.index(word) for word in candidates]
        found.append(np.moveaxis(reading.weights[:, :, reading.tokens.index("it"), at], -1, 0))
    return np.stack(found)


def ablation(model, layer, head):
    """1 − cosine of the sentence embeddings with and without a head, in the mean of some sentences.

    returns: (2,): with the head's results set to zero, and set to their mean over these sentences
    """
    sentences = [" ".join(words) for words in examples.sentences().values()] + [each[0] for each in PRONOUNS]
    whole, means = model.embed(sentences), model.mean_results(sentences)
    ablated = [model.embed(sentences, [(layer, head)], replacement) for replacement in (None, means)]
    return 1 - (whole * ablated).sum(axis=-1).mean(axis=-1)


def without_ablations(model):
    """All arrays but the ablations, which take most of the time."""
    found = {}
    for name, sentence in MAPS.items():
        reading = model.read(sentence)
        lengths = np.linalg.norm(reading.values @ reading.w_o, axis=-1)  # (n_layers, n_heads, n)
        found[f"maps/{name}.tokens"] = np.array(reading.tokens)
        found[f"maps/{name}.weights"] = reading.weights.astype("<f2")
        found[f"maps/{name}.lengths"] = lengths.astype("<f2")
    alike = [cosines(model.read(pair), "apple") for pair in APPLES]
    found["measured/apples.sentences"] = np.array(APPLES)
    found["measured/apples.cosines"] = np.array(alike, "<f2")
    found["measured/pronouns.sentences"] = np.array(PRONOUNS)
    found["measured/pronouns.weights"] = pronoun_weights(model).astype("<f2")
    return found


def main(folder=DATA):
    """Write real_maps.npz into a folder."""
    npz = runpy.run_path(str(DATA / "make.py"))["npz"]
    model = real_model.load(dtype=np.float64)
    heads = np.ndindex(model.n_layers, model.n_heads)
    change = np.array([ablation(model, *head) for head in heads], "<f4").T
    arrays = without_ablations(model) | {"measured/ablations": change.reshape(2, model.n_layers, -1)}
    (Path(folder) / "real_maps.npz").write_bytes(npz(arrays))


if __name__ == "__main__":
    main(*sys.argv[1:])
