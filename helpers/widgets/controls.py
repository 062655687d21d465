"""Controls that explorers share, and the sentences for what their constructors can't take."""

from __future__ import annotations

import difflib
import html
import inspect
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import ipywidgets as widgets
import numpy as np

__all__ = [
    "choose",
    "integer_slider",
    "refuse_unknown",
    "row",
    "sentence_line",
    "slider",
    "word_list",
]

T = TypeVar("T")


def choose(name: str, value: Any, allowed: Iterable[T]) -> T:
    """Return value if it is one of the allowed ones; else say which they are, and which is the nearest.

    >>> choose("mask", "Causal", ("none", "causal"))
    Traceback (most recent call last):
    ValueError: mask can be 'none' or 'causal', and got 'Causal': did you mean 'causal'?
    >>> choose("n_heads", 12, (1, 2, 4, 8, 16))
    Traceback (most recent call last):
    ValueError: n_heads can be 1, 2, 4, 8 or 16, and got 12: the nearest is 8.
    """
    allowed = list(allowed)
    for option in allowed:  # True == 1, and nothing as a whole equals an array: neither is taken
        if isinstance(value, bool) == isinstance(option, bool) and np.ndim(value) == 0 and value == option:
            return option
    raise ValueError(f"{name} can be {_listing(allowed)}, and got {_shown(value)}{_nearest(value, allowed)}")


def refuse_unknown(owner: type, given: Iterable[str]) -> None:
    """Say in a sentence which keyword arguments a widget's class doesn't have, and what is near them."""
    own = [name for name in inspect.signature(owner).parameters if name != "layout"]
    traits = owner.class_trait_names()  # type: ignore[attr-defined]
    for name in given:
        if name not in traits:
            raise TypeError(f"{owner.__name__} has no argument {name}{_nearest(name, own, quoted=False)}")


def word_list(name: str, words: Sequence[str], length: int | None = None) -> list[str]:
    """The words as a list. One text, or another number of words than expected, is answered in a sentence.

    >>> word_list("words", "the cat saw")
    Traceback (most recent call last):
    ValueError: words must be a list of words, and is one text: write 'the cat saw'.split()
    """
    if isinstance(words, str):
        raise ValueError(f"{name} must be a list of words, and is one text: write {_shown(words)}.split()")
    found = [str(word) for word in words]
    if not found or (length is not None and len(found) != length):
        expected = "at least one word" if length is None else f"{length} {'word' if length == 1 else 'words'}"
        raise ValueError(f"{name} must hold {expected}, and holds {len(found)}")
    return found


def slider(description: str, options: Iterable, value: Any, **layout: str) -> widgets.SelectionSlider:
    """A slider over a list of values, which answers while it is dragged."""
    return widgets.SelectionSlider(options=options, value=value, **_look(description, layout))


def integer_slider(description: str, value: int, low: int, high: int, **layout: str) -> widgets.IntSlider:
    """A slider over whole numbers from low to high."""
    return widgets.IntSlider(value=value, min=low, max=high, **_look(description, layout))


def row(*children: widgets.Widget) -> widgets.HBox:
    """Controls side by side, continued on the next line where there is no room."""
    return widgets.HBox(children, layout=widgets.Layout(flex_flow="row wrap", grid_gap="0 16px"))


def sentence_line(text: str = "", colour: str = "inherit") -> str:
    """A line of HTML that shows the text as text, whatever is in it."""
    return f'<div style="color:{colour};line-height:1.4">{html.escape(text)}</div>'


def _look(description, layout):
    return {
        "description": description,
        "continuous_update": True,
        "style": {"description_width": "initial"},
        "layout": widgets.Layout(**{"width": "340px", **layout}),
    }


def _shown(value) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _listing(options, quoted=True) -> str:
    texts = [repr(option) if quoted else str(option) for option in options]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"


def _nearest(value, allowed, quoted=True) -> str:
    numbers = [
        option for option in allowed if isinstance(option, (int, float)) and not isinstance(option, bool)
    ]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and numbers and value == value:
        return f": the nearest is {min(numbers, key=lambda option: abs(option - value))}."
    words = {option.lower(): option for option in reversed(allowed) if isinstance(option, str)}
    wanted = value.strip().lower()[:60] if isinstance(value, str) else ""
    near = difflib.get_close_matches(wanted, words, n=1, cutoff=0.5)
    near = near or [word for word in words if wanted and word.startswith(wanted)]
    if near:
        return f": did you mean {_listing([words[near[0]]], quoted)}?"
    return "." if quoted else f"; it has {_listing(allowed, quoted=False)}."
