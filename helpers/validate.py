"""What the course says when an argument can't be used: what came, what was expected, and what to do.

Each function returns its arguments ready for use. Arrays that are as they should be pass quickly.
"""

from __future__ import annotations

import math

import numpy as np

# One argument


def array(x, name: str) -> np.ndarray:
    """x as an array, whatever its entries are; np.matrix and other subclasses become plain arrays."""
    if type(x) is np.ndarray:
        return x
    parts = x if isinstance(x, (list, tuple)) else [x]
    if any(isinstance(part, np.ma.MaskedArray) for part in parts):
        raise TypeError(
            f"{name} is a masked array, and its hidden entries would count as all others do: "
            "pass a plain array, and hide keys with mask="
        )
    try:
        return np.asarray(x)
    except ValueError:
        raise ValueError(f"{name} must have rows of one length, and the rows of this list differ") from None


def numbers(x, name: str) -> np.ndarray:
    """x as an array of real numbers: float16, float32 and float64 are kept, whole numbers become float64."""
    x = array(x, name)
    if x.dtype.kind == "f":
        return x
    if x.dtype.kind in "iu":
        return x.astype(np.float64)
    kind = {"c": "complex numbers", "b": "booleans"}.get(x.dtype.kind, f"{x.dtype} entries")
    raise TypeError(f"{name} must be real numbers, and got {kind}")


def whole_number(value, expected: str) -> int:
    """An int of Python or NumPy, but no boolean."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{expected}, and got {value!r}")
    return int(value)


def count(value, name: str) -> int:
    """A whole number from 1 on."""
    if type(value) is int and value > 0:
        return value
    value = whole_number(value, f"{name} must be a whole number")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, and got {value}")
    return value


def whole_number_in(value, name: str, smallest: int, largest: int) -> int:
    """A whole number between two limits, both included."""
    value = whole_number(value, f"{name} must be a whole number from {smallest} to {largest}")
    if not smallest <= value <= largest:
        raise ValueError(f"{name} must lie between {smallest} and {largest}, and got {value}")
    return value


def generator(rng) -> np.random.Generator:
    """A source of random numbers, which the caller seeds."""
    if not isinstance(rng, np.random.Generator):
        kind = type(rng).__name__
        raise TypeError(
            f"rng must be a numpy Generator, as np.random.default_rng(0) makes one, and got {kind}"
        )
    return rng


def lengths(given, n_keys: int) -> np.ndarray:
    """One length, or one for each sentence of a batch: between 0 and n_keys."""
    given = array(given, "lengths")
    if given.dtype.kind not in "iu" or given.ndim > 1:
        got = f"{given.dtype} of shape {given.shape}"
        raise TypeError(f"lengths must be a whole number or a list of them, and got {got}")
    if ((given < 0) | (given > n_keys)).any():
        raise ValueError(f"every length must lie between 0 and n_keys = {n_keys}, and got {given.tolist()}")
    return given


def finite_number(value, name: str) -> float:
    """One real number as a float, but no boolean, no NaN and no infinity."""
    kind = "" if isinstance(value, str) or np.ndim(value) else np.asarray(value).dtype.kind
    if isinstance(value, int) and not isinstance(value, bool):
        kind = "i"  # however large
    if kind not in ("i", "u", "f"):
        raise TypeError(f"{name} must be one number, and got {value!r}")
    try:
        value = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be finite, and got a whole number too large for a float") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, and got {value}")
    return value


# softmax


def scores(given, axis: int) -> tuple[np.ndarray, np.dtype]:
    """Scores in float32 or wider, and the type that their weights shall have."""
    if (
        type(given) is np.ndarray
        and given.dtype.char in "fd"
        and axis == -1
        and given.ndim
        and given.shape[-1]
    ):
        return given, given.dtype  # the usual case, and the quickest
    given = numbers(given, "scores")
    if given.ndim == 0:
        raise ValueError("softmax needs at least one axis of scores, and got a single number")
    axis = whole_number(axis, "axis must be a whole number")
    if not -given.ndim <= axis < given.ndim:
        raise ValueError(f"axis {axis} does not exist: the scores have shape {given.shape}")
    if given.shape[axis] == 0:
        raise ValueError(f"there is nothing to choose from: axis {axis} of shape {given.shape} is empty")
    return given.astype(working_type(given.dtype), copy=False), given.dtype


def within_reach(given: np.ndarray, largest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores and the largest of each row, so that their difference is a number and doesn't overflow."""
    if math.isfinite(np.vdot(largest, largest)):  # the quickest way to ask all of them at once
        return given, largest
    if not (largest < np.inf).all():
        raise ValueError("scores must be finite or -inf, and some are NaN or +inf")
    lowest = np.finfo(given.dtype).min
    largest = np.maximum(largest, lowest)  # for a row of nothing but -inf
    too_far = given / 2 - largest / 2 <= lowest / 2  # their weight is 0, as that of -inf
    return np.where(too_far, -np.inf, given), largest


# Attention


def working_type(dtype) -> np.dtype:
    """float16 is computed in float32: its sums and scores would overflow and round too soon."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def attention(queries, keys, values, mask=None):
    """Queries, keys, values and mask that fit, of one type to work in, and the type of the results."""
    if not (
        type(queries) is type(keys) is type(values) is np.ndarray
        and (dtype := queries.dtype) is keys.dtype is values.dtype
        and dtype.char in "fd"
    ):
        queries, keys, values = numbers(queries, "queries"), numbers(keys, "keys"), numbers(values, "values")
        dtype = np.result_type(queries, keys, values)
        queries, keys, values = (x.astype(working_type(dtype), copy=False) for x in (queries, keys, values))
    shape = keys.shape
    if not (shape == values.shape == queries.shape and len(shape) > 1 and shape[-1] and shape[-2]):
        attention_shapes(queries, keys, values)
    if mask is not None:
        leading = leading_axes(queries=queries, keys=keys, values=values)
        mask = boolean_mask(mask, (*leading, queries.shape[-2], keys.shape[-2]))
    return queries, keys, values, mask, dtype


def one_head(queries, keys, i, j, mask=None, scale=None):
    """Queries and keys of one head, with a query i and a key j, a mask (n_queries, n_keys) and a scale."""
    queries, keys, _, mask, _ = attention(queries, keys, keys, mask)
    for name, x, index_name, index in (("queries", queries, "i", i), ("keys", keys, "j", j)):
        if x.ndim != 2:
            raise ValueError(f"{name} must be those of one head, (n, d_k), and got the shape {x.shape}")
        whole_number_in(index, index_name, 0, len(x) - 1)
    if mask is not None and mask.ndim > 2:
        raise ValueError(
            f"mask must be that of one head, (n_queries, n_keys), and got the shape {mask.shape}"
        )
    mask = np.broadcast_to(True if mask is None else mask, (len(queries), len(keys)))
    return (
        queries,
        keys,
        mask,
        1 / math.sqrt(keys.shape[1]) if scale is None else finite_number(scale, "scale"),
    )


def attention_shapes(queries, keys, values) -> None:
    """d_k and n_keys agree, there is a key, and the leading axes broadcast."""
    for name, x in (("queries", queries), ("keys", keys), ("values", values)):
        if x.ndim < 2:
            raise ValueError(f"{name} must have the shape (..., n, d), and got {x.shape}")
    if queries.shape[-1] != keys.shape[-1]:
        both = f"{queries.shape[-1]} and {keys.shape[-1]}"
        raise ValueError(f"queries and keys must have the same d_k, and got {both}")
    if keys.shape[-2] != values.shape[-2]:
        both = f"{keys.shape[-2]} keys and {values.shape[-2]} values"
        raise ValueError(f"every key needs a value, and there are {both}")
    if keys.shape[-2] == 0 or keys.shape[-1] == 0:
        raise ValueError(
            f"there must be at least one key with at least one number, and keys have the shape {keys.shape}"
        )
    leading_axes(queries=queries, keys=keys, values=values)


def leading_axes(**arrays) -> tuple[int, ...]:
    """What the axes before the last two broadcast to."""
    shapes = {x.shape[:-2] for x in arrays.values()}
    try:
        return shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes)
    except ValueError:
        all_of_them = ", ".join(f"{name} {x.shape}" for name, x in arrays.items())
        raise ValueError(f"the leading axes do not broadcast: {all_of_them}") from None


def boolean_mask(mask, shape: tuple[int, ...], given_shape=None) -> np.ndarray:
    """A boolean mask that broadcasts to scores (..., n_queries, n_keys), or with them to more leading axes.

    given_shape: the shape that the message shows, if the mask was given in another one
    """
    mask = array(mask, "mask")
    if mask.dtype != bool:
        raise TypeError(
            "mask must be boolean, True where a query may attend to a key, "
            f"and got {mask.dtype}{advice_on_mask(mask)}"
        )
    try:
        fits = np.broadcast_shapes(mask.shape, shape)[-2:] == shape[-2:]
    except ValueError:
        fits = False
    if not fits:
        given = mask.shape if given_shape is None else given_shape
        padding = len(shape) > 2 and given == (shape[0], shape[-1])
        axes = ", ".join([":", *["None"] * (len(shape) - 2 - (given_shape is not None)), ":"])
        advice = f"; for padding use padding_mask, or write mask[{axes}]" if padding else ""
        raise ValueError(
            f"mask must fit the scores (..., n_queries, n_keys) = {shape}, and got the shape {given}{advice}"
        )
    return mask


def advice_on_mask(mask: np.ndarray) -> str:
    """How to make a mask of numbers boolean, where its numbers show what they mean."""
    if mask.dtype.kind not in "iuf" or not mask.size:
        return ""
    zeros, ones, hidden = mask == 0, mask == 1, mask == -np.inf
    if (zeros | ones).all():
        if ones.any():
            return "; for a mask of 0 and 1 write mask == 1"
        return "; if 0 hides a key write mask == 1, if 0 is added to its score write mask == 0"
    if (zeros | hidden).all():
        return "; for a mask of 0 and -inf, which is added to the scores, write mask == 0"
    return ""


# A layer


def words(layer, x, context=None, mask=None):
    """What a layer runs on: x and context (..., n, d_model) in the type to work in, the mask with an axis for
    the heads, and the type of the results."""
    d_model = len(layer.w_q)
    if (
        context is None
        and type(x) is np.ndarray
        and (dtype := x.dtype) is layer.w_q.dtype
        and dtype.char in "fd"
        and len(shape := x.shape) > 1
        and shape[-1] == d_model
        and shape[-2]
    ):
        context = x
    else:
        x = word_vectors(x, "x", d_model)
        context = x if context is None else word_vectors(context, "context", d_model)
        if context.shape[-2] == 0:
            raise ValueError(f"there must be at least one key, and the context has the shape {context.shape}")
        dtype = np.result_type(x, context, layer.w_q)
        x, context = (each.astype(working_type(dtype), copy=False) for each in (x, context))
        leading_axes(x=x, context=context)
    if mask is not None:
        given = array(mask, "mask")
        for_heads = given[..., None, :, :] if 2 <= given.ndim <= max(x.ndim, context.ndim) else given
        leading = leading_axes(x=x, context=context)
        mask = boolean_mask(for_heads, (*leading, layer.n_heads, x.shape[-2], context.shape[-2]), given.shape)
    return x, context, mask, dtype


def word_vectors(x, name: str, d_model: int) -> np.ndarray:
    """Real numbers of shape (..., n, d_model)."""
    x = numbers(x, name)
    if x.ndim < 2 or x.shape[-1] != d_model:
        raise ValueError(f"{name} must have the shape (..., n, d_model = {d_model}), and got {x.shape}")
    return x


def head_size(x, n_heads: int) -> tuple[np.ndarray, int]:
    """x (..., n, d_model), and how many of its columns each head gets."""
    if not (type(x) is np.ndarray and type(n_heads) is int and n_heads > 0):
        x, n_heads = array(x, "x"), count(n_heads, "n_heads")
    shape = x.shape
    if len(shape) < 2:
        raise ValueError(f"x needs the shape (..., n, d_model), and got {shape}")
    if shape[-1] % n_heads:
        heads_divide(n_heads, shape[-1], f"d_model = {shape[-1]}")
    return x, shape[-1] // n_heads


def head_vectors(heads) -> np.ndarray:
    """heads (..., n_heads, n, d_k)."""
    heads = array(heads, "heads")
    if heads.ndim < 3:
        raise ValueError(f"heads needs the shape (..., n_heads, n, d_k), and got {heads.shape}")
    return heads


def heads_divide(n_heads: int, size: int, named: str, advice: str = "") -> None:
    """Every head gets the same number of columns."""
    if size % n_heads:
        left = size % n_heads
        raise ValueError(
            f"{n_heads} heads do not divide {named}: {size} / {n_heads} leaves {left} over{advice}"
        )


def matrices(n_heads, **given) -> dict:
    """What a layer keeps: read-only copies of its matrices, which must fit one another, and its sizes."""
    n_heads = count(n_heads, "n_heads")
    copies = {name: numbers(matrix, name) for name, matrix in given.items()}
    dtype = np.result_type(*copies.values())
    for name, matrix in copies.items():
        copies[name] = np.array(matrix, dtype)
        if copies[name].ndim != 2 or 0 in copies[name].shape:
            raise ValueError(f"{name} must be a matrix, and got the shape {copies[name].shape}")
        copies[name].flags.writeable = False
    w_q, w_k, w_v, w_o = (copies[name].shape for name in ("w_q", "w_k", "w_v", "w_o"))
    if w_q != w_k:
        raise ValueError(f"w_q and w_k must have one shape, and got {w_q} and {w_k}")
    if w_v[0] != w_q[0]:
        raise ValueError(f"w_v must have d_model = {w_q[0]} rows, as w_q has, and got the shape {w_v}")
    heads_divide(n_heads, w_q[1], f"the {w_q[1]} columns of w_q")
    heads_divide(n_heads, w_v[1], f"the {w_v[1]} columns of w_v")
    if w_o != w_v[::-1]:
        raise ValueError(f"w_o must have the shape (n_heads · d_v, d_model) = {w_v[::-1]}, and got {w_o}")
    n_parameters = sum(matrix.size for matrix in copies.values())
    sizes = {
        "d_model": w_q[0],
        "d_k": w_q[1] // n_heads,
        "d_v": w_v[1] // n_heads,
        "n_parameters": n_parameters,
    }
    return {**copies, "n_heads": n_heads, **sizes}


def sizes(d_model, n_heads, d_k=None, d_v=None) -> tuple[int, int, int, int]:
    """The sizes of a layer, where d_k and d_v are d_model / n_heads unless given."""
    d_model, n_heads = count(d_model, "d_model"), count(n_heads, "n_heads")
    if d_k is None or d_v is None:
        heads_divide(n_heads, d_model, f"d_model = {d_model}", "; give d_k and d_v")
    d_k = d_model // n_heads if d_k is None else count(d_k, "d_k")
    d_v = d_model // n_heads if d_v is None else count(d_v, "d_v")
    return d_model, n_heads, d_k, d_v
