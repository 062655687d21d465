"""How a wrong result is related to the right one: statements that hold on every input that was tried."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from helpers.attention import softmax
from helpers.checks.exercises import Case
from helpers.checks.run import close

__all__ = ["described", "number", "related", "shape_in_words"]

Arrays = Sequence[np.ndarray]


def related(own: Arrays, right: Arrays, cases: Sequence[Case], strictly: bool = False) -> str:
    """The first relation between own results and the right ones that holds in every case, in a sentence, or
    "".

    own, right: an array each case; a case in which the two agree contradicts nothing
    strictly:   only relations by which the right result can be had back from the own one
    """
    if not all(isinstance(x, np.ndarray) and x.dtype.kind in "fiub" for x in (*own, *right)):
        return ""
    differ = [k for k, (a, b) in enumerate(zip(own, right)) if not close(a, b)]
    if not differ:
        return ""
    cases = [cases[k] for k in differ]
    own, right = ([each[k] for k in differ] for each in (own, right))
    own, right = ([x * 1.0 if x.dtype == bool else x for x in each] for each in (own, right))
    other_shape = any(a.shape != b.shape for a, b in zip(own, right))
    for relation in (
        (_SHAPES[:2] if other_shape else _STRICT) if strictly else _SHAPES if other_shape else _NUMBERS
    ):
        with np.errstate(all="ignore"):
            sentence = relation(own, right, cases)
        if sentence:
            return sentence
    return ""


def _all(test: Callable, *arrays: Arrays) -> bool:
    return all(test(*each) for each in zip(*arrays))


# ---- the shape is another ----------------------------------------------------------------------------------


def _transposed(own, right, cases):
    if _all(lambda a, b: a.ndim == b.ndim > 1 and close(a.swapaxes(-1, -2), b), own, right):
        return "These are the right numbers, transposed: swap the last two axes."
    if _all(lambda a, b: a.ndim == b.ndim > 2 and close(a.swapaxes(0, 1), b), own, right):
        return "These are the right numbers, and the first two axes are the wrong way round: swap them."
    return ""


def _reshaped(own, right, cases):
    if _all(lambda a, b: a.size == b.size and close(a.ravel(), b.ravel()), own, right):
        return f"These are the right numbers in the right order, in the shape {own[0].shape}."
    return ""


def _part(own, right, cases):
    for axis in (0, -1):
        for at, words in ((0, "first"), (-1, "last")):
            if _all(lambda a, b: b.ndim > 1 and close(a, np.take(b, at, axis)), own, right):
                what = {(0, 2): "row", (0, 3): "head", (-1, 2): "column"}.get((axis, right[0].ndim), "part")
                return f"That's the {words} {what} of the right result alone."
    return ""


def _summed(own, right, cases):
    for name, of in (("sum", np.sum), ("mean", np.mean), ("largest", np.max)):
        for axis in (None, *range(-right[0].ndim, 0)):
            if _all(lambda a, b: b.ndim and close(a, np.asarray(of(b, axis=axis))), own, right):
                over = "of all its numbers" if axis is None else f"over axis {axis}"
                return f"That's the {name} {over} of the right result. Return the result itself."
    return ""


def _one_axis_more(own, right, cases):
    def repeats(a, b):
        return a.ndim == b.ndim + 1 and all(close(part, b) for part in a)

    return "The right result stands in yours several times, along an axis too many." * _all(
        repeats, own, right
    )


def _part_of_it(own, right, cases):
    def starts(a, b):
        same = a.ndim == b.ndim and all(m >= n for m, n in zip(a.shape, b.shape))
        return same and close(a[tuple(slice(n) for n in b.shape)], b)

    if _all(starts, own, right):
        return (
            f"Your result starts with the right numbers and then goes on: {own[0].shape} instead of"
            f" {right[0].shape}."
        )
    if _all(lambda a, b: starts(b, a) and a.size, own, right):
        return f"What's there is right, but numbers are missing: {own[0].shape} instead of {right[0].shape}."
    return ""


def _named_shape(own, right, cases):
    """Each axis under the name of its size, where the sizes leave no doubt in any case."""
    names = [shape_in_words(a.shape, case) for a, case in zip(own, cases)]
    wanted = [shape_in_words(b.shape, case) for b, case in zip(right, cases)]
    if not names[0] or len({*names}) > 1 or len({*wanted}) > 1 or names[0] == wanted[0] or not wanted[0]:
        return ""
    return (
        f"Your result has the shape {names[0]} = {own[0].shape}, and it should have {wanted[0]} ="
        f" {right[0].shape}."
    )


_MEANING = ("n_queries", "n_keys", "n", "n_heads", "d_k", "d_v", "d_model")


def shape_in_words(shape: tuple[int, ...], case: Case) -> str:
    """A shape by the names of its sizes, such as "(n_queries, d_v)"; "" where a size has no name, or two."""
    sizes = {name: case.sizes[name] for name in _MEANING if name in case.sizes}
    if "n" in sizes:
        sizes = {name: size for name, size in sizes.items() if name not in ("n_queries", "n_keys")}
    found = []
    for length in shape:
        names = [name for name, size in sizes.items() if size == length]
        products = [
            f"{a} · {b}" for a in ("n", "n_heads") for b in ("d_k", "d_v", "n_heads")
            if a != b and sizes.get(a, 0) * sizes.get(b, 0) == length
        ]  # fmt: skip
        if length == 1:
            names = ["1"]
        if not names and len(set(products)) >= 1:
            names = products[:1]
        if not names or len(names) > 1 and not {"d_k", "d_v"} >= set(names):
            return ""
        found.append(names[0])
    return f"({', '.join(found)}{',' * (len(found) == 1)})"


# ---- the shape is right ------------------------------------------------------------------------------------


def _sign(own, right, cases):
    return "The sign is reversed: every number is minus the right one." * _all(
        lambda a, b: close(-a, b), own, right
    )


def _factor(own, right, cases):
    """One factor in each case, named by the sizes if it can be."""
    factors = []
    for a, b in zip(own, right):
        where = np.isfinite(a) & np.isfinite(b) & (np.abs(b) > 1e-9)
        if not where.any() or not np.array_equal(np.isfinite(a), np.isfinite(b)):
            return ""
        ratios = a[where] / b[where]
        if not np.allclose(ratios, ratios.flat[0], rtol=1e-6) or not np.allclose(
            a[np.isfinite(b) & ~where], 0, atol=1e-6
        ):
            return ""
        factors.append(float(ratios.flat[0]))
    if not all(factors):
        return "All your numbers are 0." if not any(factors) else ""
    named = factor_in_words(factors, cases)
    first = f"Every number is {number(factors[0])} times the right one"
    return f"{first}, which is {named}." if named else f"{first}, in every row."


def factor_in_words(factors: Sequence[float], cases: Sequence[Case]) -> str:
    """A factor by its cause, such as "1/√n_keys", if one explanation fits every case and is not plain 1."""
    sizes = [{name: case.sizes[name] for name in _MEANING if case.sizes.get(name, 0) > 1} for case in cases]
    for name in sizes[0]:
        if all(name in each for each in sizes):
            for text, of in (
                ("√{}", math.sqrt), ("1/√{}", lambda v: 1 / math.sqrt(v)), ("{}", float),
                ("1/{}", lambda v: 1 / v), ("{}²", lambda v: v * v),
            ):  # fmt: skip
                if all(math.isclose(f, of(each[name]), rel_tol=1e-6) for f, each in zip(factors, sizes)):
                    return f"{text.format(name)} = {text.format(f'{sizes[0][name]:g}')}"
    for constant in (2, 0.5, 8, 1 / 8, 10, 0.1, 100, 0.01, math.log(2), 1 / math.log(2)):
        if all(math.isclose(f, constant, rel_tol=1e-6) for f in factors):
            return f"{number(constant)} whatever the sizes are" if len(cases) > 1 else ""
    return ""


def _offset(own, right, cases):
    shifts = [a - b for a, b in zip(own, right)]
    if _all(lambda s: np.isfinite(s).all() and s.size > 1 and np.ptp(s) < 1e-9, shifts):
        return f"Every number is {number(shifts[0].flat[0])} more than the right one."
    for k, name in enumerate(cases[0].arguments):
        given = [list(case.arguments.values())[k] for case in cases]
        if _all(lambda s, g: isinstance(g, np.ndarray) and g.shape == s.shape and close(s, g), shifts, given):
            return (
                f"The difference between your result and the right one is exactly {name}: it was added at the"
                " end."
            )
        if _all(
            lambda s, g: isinstance(g, np.ndarray) and g.shape == s.shape and close(-s, g), shifts, given
        ):
            return (
                f"The difference between your result and the right one is exactly {name}: it was subtracted."
            )
    return ""


def _order(own, right, cases):
    for axis in range(max(b.ndim for b in right)):
        what = "heads" if axis == 0 and right[0].ndim == 3 else ("rows", "columns")[min(axis, 1)]
        for text, of in (
            ("in reverse order", lambda b: np.flip(b, axis)),
            ("shifted by one", lambda b: np.roll(b, 1, axis)),
            ("shifted by one the other way", lambda b: np.roll(b, -1, axis)),
            ("sorted", lambda b: np.sort(b, axis)),
        ):
            if _all(lambda a, b: b.ndim > axis and close(a, of(b)), own, right):
                return f"The {what} are the right ones, {text}."
    if _all(lambda a, b: b.ndim == 2 and len(b) == b.shape[1] and close(a.T, b), own, right):
        return "These are the right numbers, transposed."
    if _all(lambda a, b: a.size > 1 and np.allclose(np.sort(a, None), np.sort(b, None)), own, right):
        return (
            "All the right numbers are there, in other positions: they were put into another order on the"
            " way."
        )
    return ""


def _rounded(own, right, cases):
    if _all(lambda a, b: np.array_equal(a, np.trunc(b)), own, right):
        return (
            "Your numbers are cut to whole ones: an array of integers can't hold the rest. Make it of floats."
        )
    for digits in range(5):
        if _all(lambda a, b: np.allclose(a, b.round(digits), atol=1e-9), own, right):
            return f"Your numbers are rounded to {digits} decimals. Return them as they are."
    return ""


def _function_of(own, right, cases):
    for text, of in (
        ("the square of the right one", np.square),
        ("the square root of the right one", np.sqrt),
        ("the logarithm of the right one", np.log),
        ("e to the power of the right one", np.exp),
        ("1 divided by the right one", lambda b: 1 / b),
        ("the size of the right one, without its sign", np.abs),
        ("1 minus the right one", lambda b: 1 - b),
        ("the right one, with what's negative set to 0", lambda b: np.maximum(b, 0)),
    ):
        if _all(lambda a, b: close(a, np.asarray(of(b))), own, right):
            return f"Every number is {text}."
    for text, of in (
        ("softmax of the right result: softmax ran twice", lambda b: softmax(b.astype(float))),
        (
            "a 1 for the largest of each row and 0 for the rest",
            lambda b: (b == b.max(-1, keepdims=True)) * 1.0,
        ),
        (
            "the same for all of a row: its mean",
            lambda b: np.broadcast_to(b.mean(-1, keepdims=True), b.shape),
        ),
        ("cumulative sums of the right rows", lambda b: np.cumsum(b, -1)),
    ):
        if _all(lambda a, b: b.ndim and b.shape[-1] > 1 and close(a, of(b)), own, right):
            return f"Your result is {text}."
    return ""


def _an_argument(own, right, cases):
    for k, name in enumerate(cases[0].arguments):
        given = [list(case.arguments.values())[k] for case in cases]
        if _all(lambda a, g: isinstance(g, np.ndarray) and g.shape == a.shape and close(a, g), own, given):
            return f"Your result is {name}, unchanged."
    return ""


def _not_finite(own, right, cases):
    """NaN or infinity in some numbers, while the others are right."""
    bad = [~np.isfinite(a) for a in own]
    if not all(b.any() and not b.all() for b in bad) or any(~np.isfinite(b).all() for b in right):
        return ""
    if not all(np.allclose(a[~b], r[~b], rtol=1e-5, atol=1e-6) for a, b, r in zip(own, bad, right)):
        return ""
    said = "Some of your numbers are NaN or infinity, and all others are right."
    if all(case.sizes.get("largest", 0) > 709 for case in cases):
        return (
            f"{said} The scores reach {cases[0].sizes['largest']:.0f}, and exp overflows above 709: subtract"
            " each row's largest score first."
        )
    return said


def _first_rows_only(own, right, cases):
    def first(a, b):
        return b.ndim and len(b) > 1 and close(a[0], b[0]) and not np.any(a[1:])

    if _all(first, own, right):
        return (
            "Only the first row is filled in, and it's right; the others are 0. Does return stand inside the"
            " loop?"
        )
    return ""


def _same_rows(own, right, cases):
    def same(a, b):
        same_rows = b.ndim > 1 and len(b) > 1 and all(close(a[0], row) for row in a)
        return same_rows and np.isfinite(a).all() and not close(b[0], b[1])

    what = "head" if right[0].ndim == 3 else "row"
    return f"Every {what} of your result is the same, and the right ones differ." * _all(same, own, right)


def _row_sums(own, right, cases):
    """Rows that should sum to 1 and don't."""
    if not _all(lambda b: b.ndim > 1 and np.allclose(b.sum(-1), 1), right):
        return ""
    sums = [a.sum(-1) for a in own]
    if _all(lambda s: np.isfinite(s).all() and np.abs(s - 1).max() > 1e-6, sums):
        columns = _all(lambda a: np.allclose(a.sum(-2), 1), own)
        also = " Your columns do: softmax ran down the columns (axis=-1 is along a row)." if columns else ""
        return f"Your rows don't sum to 1: the first sums to {number(sums[0].flat[0])}.{also}"
    return ""


_SHAPES = (_transposed, _reshaped, _part, _summed, _one_axis_more, _part_of_it, _named_shape)
_NUMBERS = (
    _sign, _rounded, _factor, _offset, _order, _function_of, _an_argument, _not_finite, _first_rows_only,
    _same_rows, _row_sums,
)  # fmt: skip


_STRICT = (_sign, _factor, _offset, _order)


# ---- numbers in words --------------------------------------------------------------------------------------


def number(value: float) -> str:
    """A number in four digits, with a minus sign that is one."""
    return f"{value:.4g}".replace("-", "−")


def described(own: np.ndarray, right: np.ndarray, returns: str = "") -> str:
    """Where two results differ first, in digits that show it."""
    if own.shape != right.shape:
        return (
            f"Your result has the shape {own.shape}; expected is"
            f" {right.shape}{f': {returns}' if returns else ''}."
        )
    if own.ndim == 0:
        a, b = _apart([own.item()], [right.item()])
        return f"Your result is {a[0]}; expected is {b[0]}."
    at = next(i for i in np.ndindex(own.shape) if not close(np.asarray(own[i]), np.asarray(right[i])))
    if own.ndim == 1:
        a, b = _apart([own[at]], [right[at]])
        return f"At position {at[0]} you have {a[0]}; expected is {b[0]}."
    where = {2: "In row {0}", 3: "In head {0}, row {1}"}.get(own.ndim, "At {0}").format(*at)
    row, begin = at[:-1], min(at[-1], max(0, own.shape[-1] - 6)) if at[-1] >= 6 else 0
    a, b = _apart(own[row][begin : begin + 6], right[row][begin : begin + 6])
    more = ", …" if own.shape[-1] > begin + 6 else ""
    return f"{where} you have [{', '.join(a)}{more}]; expected is [{', '.join(b)}{more}]."


def _apart(own, right) -> tuple[list[str], list[str]]:
    """Both as texts with four digits, or with as many as it takes to tell them apart."""
    for digits in range(4, 17):
        a, b = ([f"{v:.{digits}g}" for v in each] for each in (own, right))
        if a != b:
            break
    return a, b
