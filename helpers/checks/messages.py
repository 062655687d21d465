"""The sentences that several parts of the check need: numbers, rows, shapes, and the first difference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from helpers.checks.run import Place, close

__all__ = ["brief", "cut", "difference", "listed", "number", "raised", "shape_of", "shapes"]


def number(value: float, digits: int = 4) -> str:
    """A number as the learner should read it: 4 digits, and a real minus sign."""
    return f"{float(value):.{digits}g}".replace("-", "−")


def listed(names: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def brief(code: str, length: int = 48) -> str:
    """A piece of the learner's code, short enough for a sentence."""
    return code if len(code) <= length else code[: length - 2] + " …"


def cut(text: str, length: int = 200) -> str:
    return text if len(text) <= length else text[:length] + " …"


def shape_of(value: object) -> str:
    """What a value is, as short as can be: "(3, 4)", "2", "a list of 3"."""
    if isinstance(value, np.ndarray):
        return str(value.shape)
    if isinstance(value, (bool, int, float, np.number)):
        return number(float(value))
    return f"a {type(value).__name__}" + (f" of {len(value)}" if isinstance(value, (list, tuple)) else "")


def shapes(arguments: Mapping[str, object]) -> str:
    """The arguments of a call in words: "x (3, 4), n_heads = 2"; a dict's arrays stand in braces."""

    def one(name, x):
        if isinstance(x, dict):
            return f"{name} {{{shapes(x)}}}"
        return f"{name} {x.shape}" if isinstance(x, np.ndarray) else f"{name} = {x}"

    return ", ".join(one(name, x) for name, x in arguments.items())


def raised(kind: str, message: str, place: Place, arguments: Mapping[str, object]) -> str:
    """An error in two lines: what and where, and what the function was called with."""
    where = f" in {place.where}: {place.source}" if place.where and place.source else ""
    where = where or (f" in {place.where}" if place.where else "")
    return (
        f"Your function stops with an error{where}\n{kind}: {cut(message)}\nIt was called with"
        f" {shapes(arguments)}."
    )


def difference(own, other, returns: str = "") -> str:
    """Where two results differ first, with as many digits as it takes to see it."""
    if isinstance(other, tuple) or isinstance(own, tuple):
        return _several(own, other, returns)
    if own is None or isinstance(own, str):
        return own or "Your function returns None."
    if own.shape != other.shape:
        expected = f"{other.shape}{f': {returns}' if returns else ''}"
        return f"Your result has the shape {own.shape}; expected is {expected}."
    if own.ndim == 0:
        mine, right = _apart([own.item()], [other.item()])
        return f"Your result is {mine[0]}; expected is {right[0]}."
    at = next(at for at in np.ndindex(own.shape) if not close(own[at], other[at]))
    row = at[:-1]
    if own.ndim == 1:
        mine, right = _apart([own[at]], [other[at]])
        return f"At index {at[0]} you have {mine[0]}; expected is {right[0]}."
    where = {1: "In row {0}", 2: "In head {0}, row {1}"}.get(len(row), "At {0}, {1}, {2}").format(*row)
    first = max(0, at[-1] - 5)
    mine, right = _apart(own[row][first : first + 6], other[row][first : first + 6])
    more = ", …" if own.shape[-1] > first + 6 else ""
    start = "…, " if first else ""
    return (
        f"{where} you have [{start}{', '.join(mine)}{more}]; expected is [{start}{', '.join(right)}{more}]."
    )


def _several(own, other, returns):
    counts = [len(x) if isinstance(x, tuple) else 1 for x in (own, other)]
    if (
        not isinstance(own, tuple)
        and isinstance(other, tuple)
        and isinstance(own, np.ndarray)
        and own.ndim > 1
    ):
        counts[0] = len(own)
    if counts[0] != counts[1] or not isinstance(other, tuple):
        if counts[1] == 1:
            return f"Expected: {returns or 'one array'}."
        words = f"{counts[0]} array{'s' * (counts[0] > 1)}"
        return f"You return {words}, and {counts[1]} are expected{f': {returns}' if returns else ''}."
    own = own if isinstance(own, tuple) else tuple(own)
    at = next(i for i, (a, b) in enumerate(zip(own, other)) if not close(a, b))
    return f"Array {at + 1} of the {len(own)} that you return differs. {difference(own[at], other[at])}"


def _apart(own, other) -> tuple[list[str], list[str]]:
    """Two rows of numbers with 4 digits, or with as many as show that they differ."""
    for digits in range(4, 18):
        rows = [[number(x, digits) for x in row] for row in (own, other)]
        differing = [not close(np.asarray(float(a)), np.asarray(float(b))) for a, b in zip(own, other)]
        if all(a != b for a, b, differs in zip(*rows, differing) if differs):
            break
    return rows[0], rows[1]
