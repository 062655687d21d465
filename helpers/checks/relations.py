"""How a wrong array is related to the right one, in words: transposed, twice as large, one row short, …

A relation is a way to make the wrong array from the right one. It is told only if it makes the wrong one in
every case, so that the sentence is true whatever the mistake was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from helpers.attention import softmax
from helpers.checks.messages import number
from helpers.checks.run import close

__all__ = ["as_sizes", "related"]

Made = Iterator[tuple[str, str, object]]  # a key, a predicate such as "is transposed", and what comes out


def related(own: Sequence, wanted: Sequence, arguments: Sequence[Mapping], sizes: Sequence[Mapping]) -> str:
    """A predicate that is true of the wrong arrays, such as "is transposed", or "" where none is.

    own, wanted: one value a case;  arguments, sizes: those of the cases
    """
    pairs = [(_array(a), _array(b)) for a, b in zip(own, wanted)]
    if any(a is None or b is None for a, b in pairs) or not _evidence(pairs):
        return ""
    for make in _RELATIONS:
        with np.errstate(all="ignore"):
            found = [
                {key: said for key, said, made in make(a, b, given, known) if _same(a, made)}
                for (a, b), given, known in zip(pairs, arguments, sizes)
            ]
        for key in found[0]:
            if all(key in each for each in found):
                differing = next(i for i, (a, b) in enumerate(pairs) if not close(a, b))
                return found[differing][key]
    return ""


def as_sizes(value: float, sizes: Mapping) -> list[str]:
    """The ways to write a number with the sizes of a case: 2.0 may be "√d_k" and "n_heads"."""
    found = []
    for name, size in sizes.items():
        if not isinstance(size, (int, float)) or name == "root_d_k" or size <= 1:
            continue
        ways = {
            name: size,
            f"√{name}": math.sqrt(size),
            f"1/{name}": 1 / size,
            f"1/√{name}": 1 / math.sqrt(size),
        }
        ways |= {f"{name}²": size**2, f"2 · {name}": 2 * size, f"{name} / 2": size / 2}
        found += [way for way, worth in ways.items() if math.isclose(value, worth, rel_tol=1e-6)]
    return found


def _array(value):
    if isinstance(value, (bool, str)) or value is None:
        return None
    try:
        array = np.asarray(value)
    except Exception:
        return None
    return array if array.dtype.kind in "fiub" else None


def _same(own, made) -> bool:
    return made is not None and close(own, np.asarray(made))


def _evidence(pairs) -> bool:
    """Whether some finite number differs, or a shape: what is all nan can come from anything."""
    return any(
        a.shape != b.shape or (not close(a, b) and np.isfinite(a.astype(float)).any()) for a, b in pairs
    )


# ---- what may have been done to the right array ------------------------------------------------------------


def _laid_out(own, right, arguments, sizes) -> Made:
    if right.ndim >= 2:
        yield "swapped", "is transposed: its last two axes are swapped", right.swapaxes(-1, -2)
    if right.ndim == 3:
        yield "first two", "has its first two axes swapped", right.swapaxes(0, 1)
        yield "reversed axes", "has its axes in the reverse order", right.T
        yield "rolled axes", "has its first axis last", np.moveaxis(right, 0, -1)
        yield "rolled back", "has its last axis first", np.moveaxis(right, -1, 0)
    if own.size == right.size and own.shape != right.shape:
        said = f"holds the right numbers in the right order, but in the shape {own.shape}"
        yield "shape", said, right.reshape(own.shape)


def _signed(own, right, arguments, sizes) -> Made:
    yield "negative", "has the wrong sign", -right.astype(float)


def _scaled(own, right, arguments, sizes) -> Made:
    a, b = own.astype(float), right.astype(float)
    if a.shape != b.shape or not (np.abs(b) > 1e-9).any():
        return
    at = np.unravel_index(np.nanargmax(np.where(np.isfinite(b), np.abs(b), -1)), b.shape) if b.ndim else ()
    factor = float(a[at] / b[at])
    if not math.isfinite(factor) or abs(factor) < 1e-9:
        return
    for way in as_sizes(factor, sizes):
        yield way, f"is {number(factor)} = {way} times as large as it should be", b * factor
    yield f"{factor:.6g}", f"is {number(factor)} times as large as it should be", b * factor


def _shifted(own, right, arguments, sizes) -> Made:
    a, b = own.astype(float), right.astype(float)
    for name, given in arguments.items():
        if isinstance(given, np.ndarray) and given.shape == b.shape:
            yield f"+{name}", f"has {name} added to it", b + given
            yield f"-{name}", f"has {name} subtracted from it", b - given
            yield f"*{name}", f"is multiplied by {name}", b * given
    if a.shape == b.shape and np.isfinite(a - b).any():
        shift = float((a - b)[np.isfinite(a - b)].flat[0])
        said = f"is too {'large' if shift > 0 else 'small'} by {number(abs(shift))} everywhere"
        yield f"{shift:.6g}", said, b + shift


def _argument(own, right, arguments, sizes) -> Made:
    for name, given in arguments.items():
        if isinstance(given, np.ndarray):
            yield name, f"is {name}, unchanged", given
            if given.ndim == 2:
                yield f"{name}.T", f"is {name}, transposed and otherwise unchanged", given.T


def _cut(own, right, arguments, sizes) -> Made:
    axes = {0: "row" if right.ndim < 3 else "head", -1: "column"} if right.ndim > 1 else {0: "number"}
    for axis, name in axes.items():
        length = right.shape[axis] if right.ndim else 0
        if length < 2:
            continue
        for key, words, kept in (
            ("first", f"is without the first {name}", range(1, length)),
            ("last", f"is without the last {name}", range(length - 1)),
            ("backwards", f"has its {name}s in reverse order", range(length)[::-1]),
            ("ahead", f"has its {name}s moved by one", np.roll(range(length), 1)),
            ("back", f"has its {name}s moved by one", np.roll(range(length), -1)),
            ("only first", f"is the first {name} alone", [0]),
            ("only last", f"is the last {name} alone", [length - 1]),
            ("all first", f"holds the first {name} everywhere", [0] * length),
            ("all last", f"holds the last {name} everywhere", [length - 1] * length),
        ):
            yield f"{key} {axis}", words, right.take(list(kept), axis)
        yield f"first one {axis}", f"is the first {name} alone", right.take(0, axis)
        yield f"last one {axis}", f"is the last {name} alone", right.take(-1, axis)


def _reduced(own, right, arguments, sizes) -> Made:
    for axis in range(right.ndim):
        words = {0: "the columns" if right.ndim == 2 else "the heads"}.get(axis, "each row")
        words = "everything" if right.ndim < 2 else words if axis in (0, right.ndim - 1) else "the rows"
        for name, reduce in (("summed", np.sum), ("averaged", np.mean), ("reduced to its maximum", np.max)):
            made = reduce(right, axis=axis)
            yield f"{name} {axis}", f"is {name} over axis {axis}: {words} became one number each", made
            full = np.broadcast_to(reduce(right, axis=axis, keepdims=True), right.shape)
            yield f"{name} {axis} everywhere", f"is {name} over axis {axis}", full
    if right.ndim:
        yield "sum", "is the sum of all the right numbers", right.sum()
        yield "mean", "is the mean of all the right numbers", right.mean()


def _function(own, right, arguments, sizes) -> Made:
    b = right.astype(float)
    finite = np.where(np.isfinite(b), b, 0)
    yield "whole", "is rounded to whole numbers", np.rint(finite)
    yield "trunc", "is cut to whole numbers: an array of whole numbers can't hold fractions", np.trunc(finite)
    for digits in (1, 2, 3):
        yield f"{digits} digits", f"is rounded to {digits} digits", np.round(finite, digits)
    yield "abs", "is the right one without its signs", np.abs(b)
    yield "square", "is the square of what it should be", b**2
    yield "square root", "is the square root of what it should be", np.sqrt(b)
    yield "inverse", "is 1 divided by what it should be", 1 / b
    yield "one minus", "is 1 minus what it should be", 1 - b
    yield "exp", "is e to the power of what it should be", np.exp(b)
    yield "log", "is the logarithm of what it should be", np.log(b)
    yield "relu", "has 0 in place of what should be negative", np.maximum(b, 0)
    if b.ndim:
        yield "softmax", "has been through softmax once more than it should", softmax(b)
        yield "running sum", "is a running sum: each number has those before it added", b.cumsum(-1)
        yield "running rows", "is a running sum: each row has those before it added", b.cumsum(0)
        yield "sorted", "holds the right numbers, sorted", np.sort(b, -1)
        norm = np.sqrt((b**2).sum(-1, keepdims=True))
        yield "unit length", "has its rows divided by their length", b / norm
        total = b.sum(-1, keepdims=True)
        yield "normalised", "has its rows divided by their sum", b / total
        spread = b - b.mean(-1, keepdims=True)
        yield "centred", "has the mean of each row subtracted", spread
        yield (
            "layer norm",
            "has its rows standardised, as a layer norm does",
            spread / b.std(-1, keepdims=True),
        )


def _constant(own, right, arguments, sizes) -> Made:
    if own.size > 1 and np.isfinite(own.astype(float)).all() and np.ptp(own.astype(float)) < 1e-12:
        value = float(own.flat[0])
        yield f"{value:.6g}", f"is {number(value)} everywhere", np.full(own.shape, value)


def _by_row(own, right, arguments, sizes) -> Made:
    a, b = own.astype(float), right.astype(float)
    if (
        a.shape != b.shape
        or a.ndim < 2
        or a.shape[-1] < 2
        or not np.isfinite(a).all()
        or not np.isfinite(b).all()
    ):
        return
    at = np.abs(b).argmax(-1)[..., None]
    factors = np.take_along_axis(a, at, -1) / np.take_along_axis(b, at, -1)
    worst = np.unravel_index(np.abs(factors - 1).argmax(), factors.shape)[:-1]
    row = f"row {worst[-1]}" if len(worst) == 1 else f"head {worst[0]}, row {worst[1]}"
    said = (
        f"has the right direction in each row, but the wrong size: {row} is {number(factors[worst][0])} times"
    )
    if (np.abs(factors) > 1e-6).all():
        yield "factor", f"{said} as large as it should be", b * factors
    shifts = (a - b)[..., :1]
    worst = np.unravel_index(np.abs(shifts).argmax(), shifts.shape)[:-1]
    row = f"row {worst[-1]}" if len(worst) == 1 else f"head {worst[0]}, row {worst[1]}"
    said = f"has the same number too much in each row: {number(shifts[worst][0])} in {row}"
    yield "shift", said, b + shifts


def _partly(own, right, arguments, sizes) -> Made:
    """The first or the last of several rows or heads right, and the others not."""
    if own.shape != right.shape or right.ndim < 2 or len(right) < 2:
        return
    name = "row" if right.ndim == 2 else "head"
    good = [close(a, b) for a, b in zip(own, right)]
    if good[0] and not any(good[1:]):
        yield "first good", f"is right in the first {name} and in no other", own
    if good[-1] and not any(good[:-1]):
        yield "last good", f"is right in the last {name} and in no other", own
    if good[0] and not good[-1] and sum(good) == len(good) - 1:
        yield "last bad", f"is right but for the last {name}", own
    if good[-1] and not good[0] and sum(good) == len(good) - 1:
        yield "first bad", f"is right but for the first {name}", own


_RELATIONS: tuple[Callable, ...] = (
    _laid_out,
    _constant,
    _signed,
    _scaled,
    _shifted,
    _argument,
    _cut,
    _reduced,
    _function,
    _by_row,
    _partly,
)
