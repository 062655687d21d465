"""What the explorers of notebook 07 share: sentences of the grammar, and words that fit a masked position."""

from __future__ import annotations

import difflib
import html
from collections.abc import Sequence

import numpy as np

from helpers import figures
from helpers.attention import softmax
from helpers.grammar import Grammar, MaskedWords
from helpers.learning import Parameters, read

__all__ = [
    "SHOWN",
    "check_known",
    "read_sentence",
    "sample",
    "probabilities",
    "exact",
    "likeliest",
    "likeliest_text",
    "likeliest_table",
    "draw_likeliest",
]

SHOWN = 5  # of the words that may stand in the hidden place
SAMPLE, SEED = 2000, 2017  # the words on which losses are measured: the same at every move


def check_known(words: Sequence[str], vocabulary: Sequence[str]) -> None:
    """Say in a sentence which words aren't in the vocabulary, and what is near them. Capitals don't count."""
    unknown = [word for word in dict.fromkeys(words) if word.lower() not in vocabulary]
    if unknown:
        said = ", ".join(f"{_short(word)} ({_near(word, vocabulary)})" for word in unknown[:3])
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise ValueError(f"The grammar does not know {said}{more}: use words that it knows.")


def _near(word, vocabulary):
    near = difflib.get_close_matches(word.lower()[:40], vocabulary, n=3, cutoff=0.5)
    return f"near it: {', '.join(near)}" if near else "nothing is near it"


def _short(word):
    return word if len(word) <= 14 else word[:12] + "…"


def read_sentence(text: str, grammar: Grammar) -> np.ndarray:
    """The numbers of the words of a text that is as long as the grammar's sentences: (n,)."""
    words, n = text.split(), grammar.sentences.shape[1]
    if len(words) != n:
        raise ValueError(
            f"The sentence has {len(words)} {'word' if len(words) == 1 else 'words'}, "
            f"and the model reads exactly {n}: add or remove some."
        )
    check_known(words, grammar.words[1:])  # [mask] comes from the slider
    return grammar.numbers(" ".join(words).lower())


def sample(grammar: Grammar) -> MaskedWords:
    return grammar.draw(np.random.default_rng(SEED), SAMPLE)


def probabilities(parameters: Parameters, tokens, place, heads=None):
    """The model's probability of each word at a position, and the weights: (n_words,), (n_heads, n, n)."""
    hidden = np.array(tokens)
    hidden[place] = 0  # the number of [mask]
    scores, weights = read(parameters, hidden[None], np.array([place]), heads)
    return softmax(scores[0]), weights[0]


def exact(grammar: Grammar, tokens, place) -> tuple[np.ndarray | None, str]:
    """The grammar's own probability of each word in the hidden place, and what has to be said about it.

    returns: (n_words,), or None if no sentence has these other words; a sentence, empty if all is as usual
    """
    agree = np.delete(grammar.sentences == tokens, place, axis=1).all(axis=1)
    if not agree.any():
        return (
            None,
            "The grammar has no such sentence: the model answers, "
            "but probabilities and a floor are known only for sentences of the grammar.",
        )
    known = np.bincount(grammar.sentences[agree, place], grammar.probabilities[agree], len(grammar.words))
    word = grammar.words[tokens[place]]
    if known[tokens[place]] == 0:
        return known / known.sum(), f"The grammar never has “{word}” in this place."
    if (grammar.role_of[agree, place] < 0).all():
        return (
            known / known.sum(),
            f"The training never hid “{word}”: nothing taught the model what to say here.",
        )
    return known / known.sum(), ""


def likeliest(found: np.ndarray) -> np.ndarray:
    return np.argsort(-found, kind="stable")[:SHOWN]


def likeliest_text(grammar, found, known=None) -> str:
    beside = [""] * len(found) if known is None else [f" (grammar {p:.3f})" for p in known]
    return ", ".join(f"{grammar.words[i]} {found[i]:.3f}{beside[i]}" for i in likeliest(found))


def likeliest_table(title: str, grammar, found, known, hidden: int) -> str:
    """The most likely words as HTML, with a bar each; the hidden word is marked."""
    cell = "padding:1px 10px 1px 0;text-align:left"
    bar = f"height:12px;background:{figures.COLOURS['weights']}"
    rows = "".join(
        f'<tr><th scope="row" style="{cell}">'
        f"{html.escape(grammar.words[i])}{' ← hidden' if i == hidden else ''}</th>"
        f'<td style="{cell}"><div style="width:{2 + 120 * found[i]:.0f}px;{bar}"></div></td>'
        f'<td style="{cell}">{found[i]:.3f}</td>'
        f'<td style="{cell}">{"unknown" if known is None else f"{known[i]:.3f}"}</td></tr>'
        for i in likeliest(found)
    )
    head = "".join(
        f'<th scope="col" style="{cell}{extra}">{name}</th>'
        for name, extra in (("word", ";width:125px"), ("", ";width:130px"), ("model", ""), ("grammar", ""))
    )
    caption = f'<caption style="text-align:left;font-weight:bold">{html.escape(title)}</caption>'
    style = "font-variant-numeric:tabular-nums;border-spacing:0;line-height:1.5"
    return f'<table style="{style}">{caption}<tr>{head}</tr>{rows}</table>'


def draw_likeliest(axes, title: str, grammar, found, known, hidden: int) -> None:
    """The same with matplotlib: bars for the model, diamonds for the grammar."""
    best = likeliest(found)
    names = [grammar.words[i] + (" (hidden)" if i == hidden else "") for i in best]
    bars = axes.barh(names, found[best], color=figures.COLOURS["weights"], height=0.6)
    axes.bar_label(bars, [f"{found[i]:.3f}" for i in best], fontsize=8, padding=8)
    if known is not None:
        axes.plot(known[best], names, "D", color=figures.COLOURS["output"], ms=6, label="grammar")
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.invert_yaxis()
    axes.set(xlim=(-0.03, 1.25), xticks=[0, 0.5, 1], xlabel="probability")
    axes.set_title(title, fontsize=10)
    axes.tick_params(axis="y", labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
