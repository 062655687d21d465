"""The attention core by example: numbers, shapes, number types and every error sentence."""

import dataclasses
import math
import re

import numpy as np
import plain_loops
import pytest
from attention_inputs import expected_of, normal, random_mask, refuses, small_attention
from numpy.testing import assert_allclose, assert_array_equal

from helpers.attention import (
    MultiHeadAttention,
    causal_mask,
    explain_weight,
    merge_heads,
    padding_mask,
    scaled_dot_product_attention,
    softmax,
    split_heads,
)

pytestmark = pytest.mark.filterwarnings(
    "error"
)  # a warning in a notebook is a red box that the reader has to explain away

FLOATS = [np.float16, np.float32, np.float64]
TOLERANCE = {np.dtype(np.float16): 2e-3, np.dtype(np.float32): 2e-5, np.dtype(np.float64): 1e-12}


# The plain loops themselves


def test_plain_loops_give_the_known_pair():
    output, weights = plain_loops.attention(
        [[8, 4, 4]], [[8, 6, 6], [6, 6, 6]], [[1, 0, 5], [0, 1, 7]], scale=1 / 8
    )
    expected = 1 / (1 + math.exp(-2))  # 112 / 8 and 96 / 8 are 2 apart
    assert_allclose(weights, [[expected, 1 - expected]], rtol=1e-14)
    assert_allclose(output, [[expected, 1 - expected, 7 - 2 * expected]], rtol=1e-14)


def test_plain_loops_put_the_heads_side_by_side():
    output, weights, writes = plain_loops.multi_head(
        [[1, 2]],
        [[1, 2]],
        [[1, 0], [0, 1]],
        [[1, 0], [0, 1]],
        [[1, 3], [2, 4]],
        [[1, 10], [100, 1000]],
        n_heads=2,
    )
    assert weights == [[[1.0]], [[1.0]]]
    assert writes == [[[5, 50]], [[1100, 11000]]]  # the values are 1·1 + 2·2 = 5 and 1·3 + 2·4 = 11
    assert output == [[1105, 11050]]


# softmax


def test_softmax_of_the_known_pair():
    assert_allclose(softmax(np.array([112, 96]) / 8), [0.8807970780, 0.1192029220], atol=5e-11)


def test_softmax_depends_on_the_differences_alone():
    scores = np.array([[3.0, -1, 0.5], [2, 2, 7]])
    assert_array_equal(softmax(scores + 1024), softmax(scores))  # 1024 and halves add without rounding


@pytest.mark.parametrize("axis", [-3, -2, -1, 0, 1, 2])
def test_softmax_along_every_axis(axis):
    scores = normal(2, 3, 4)
    expected = np.apply_along_axis(lambda row: plain_loops.softmax(row.tolist()), axis, scores)
    assert_allclose(softmax(scores, axis=axis), expected, rtol=1e-13)


def test_softmax_takes_the_last_axis_unless_told():
    assert_allclose(softmax(normal(3, 4)), softmax(normal(3, 4), axis=1), rtol=1e-14)


@pytest.mark.parametrize("dtype", FLOATS)
def test_softmax_keeps_the_number_type(dtype):
    weights = softmax(normal(3, 4, dtype=dtype))
    assert weights.dtype == dtype
    expected = [plain_loops.softmax(row) for row in normal(3, 4, dtype=dtype).tolist()]
    assert_allclose(weights, expected, rtol=TOLERANCE[weights.dtype])


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.uint64])
def test_softmax_of_whole_numbers_is_float64(dtype):
    weights = softmax(np.array([3, 1, 0], dtype))
    assert weights.dtype == np.float64
    assert_allclose(weights, plain_loops.softmax([3, 1, 0]), rtol=1e-14)


def test_softmax_takes_lists():
    assert_allclose(softmax([[14, 12], [0, 0]]), [[0.8807970780, 0.1192029220], [0.5, 0.5]], atol=5e-11)


@pytest.mark.parametrize("dtype", FLOATS)
def test_softmax_of_the_largest_scores_does_not_overflow(dtype):
    largest = np.finfo(dtype).max
    assert_array_equal(softmax(np.array([largest, largest, 0], dtype)), np.array([0.5, 0.5, 0], dtype))


@pytest.mark.parametrize("dtype", FLOATS)
def test_softmax_of_the_lowest_scores_does_not_underflow(dtype):
    lowest = np.finfo(dtype).min
    assert_array_equal(softmax(np.array([lowest, lowest], dtype)), np.array([0.5, 0.5], dtype))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("share", [1, 2.0**-12, 2.0**-24, 2.0**-53])  # one of them rounds up to an overflow
def test_softmax_of_the_largest_against_a_low_score_is_silent(dtype, share):
    limits = np.finfo(dtype)
    assert_array_equal(softmax(np.array([limits.max, limits.min * share], dtype)), np.array([1, 0], dtype))


@pytest.mark.parametrize("dtype", FLOATS)
def test_softmax_works_out_many_half_precision_weights(dtype):
    weights = softmax(np.zeros(2**12, dtype))  # in float16 a running sum of ones stops at 2048
    assert_array_equal(weights, np.full(2**12, 2.0**-12, dtype))


@pytest.mark.parametrize("dtype", FLOATS)
def test_softmax_of_a_row_with_nothing_to_choose_is_zero(dtype):
    scores = np.array([[-np.inf, -np.inf], [-np.inf, 5], [0, 0]], dtype)
    assert_array_equal(softmax(scores), np.array([[0, 0], [0, 1], [0.5, 0.5]], dtype))


def test_softmax_of_a_row_with_nothing_to_choose_along_another_axis():
    scores = np.array([[-np.inf, 0], [-np.inf, 0]])
    assert_array_equal(softmax(scores, axis=0), [[0, 0.5], [0, 0.5]])


def test_softmax_keeps_the_shape_when_there_are_no_rows():
    assert softmax(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("dtype", FLOATS)
def test_softmax_leaves_its_input_alone(dtype):
    scores = normal(3, 4, dtype=dtype)
    before = scores.copy()
    scores.flags.writeable = False
    weights = softmax(scores)
    assert_array_equal(scores, before)
    assert not np.shares_memory(weights, scores)
    weights[:] = 0  # the result belongs to the caller


@pytest.mark.parametrize(
    "scores, kind",
    [
        (np.array([True, False]), "booleans"),
        (np.array([1 + 2j, 0]), "complex numbers"),
        (np.array(["a", "b"]), "<U1 entries"),
        (np.array([1.0, None]), "object entries"),
    ],
)
def test_softmax_refuses_what_is_no_real_number(scores, kind):
    with refuses(TypeError, f"scores must be real numbers, and got {kind}"):
        softmax(scores)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", FLOATS)
def test_softmax_refuses_nan_and_infinity(bad, dtype):
    with refuses(ValueError, "scores must be finite or -inf, and some are NaN or +inf"):
        softmax(np.array([[0, 1], [bad, 0]], dtype))


def test_softmax_refuses_a_row_of_minus_infinity_and_nan():
    with refuses(ValueError, "scores must be finite or -inf, and some are NaN or +inf"):
        softmax(np.array([-np.inf, np.nan]))


def test_softmax_refuses_a_single_number():
    with refuses(ValueError, "softmax needs at least one axis of scores, and got a single number"):
        softmax(np.array(3.0))


@pytest.mark.parametrize("axis", [2, -3])
def test_softmax_refuses_an_axis_that_does_not_exist(axis):
    with refuses(ValueError, f"axis {axis} does not exist: the scores have shape (2, 3)"):
        softmax(np.zeros((2, 3)), axis=axis)


@pytest.mark.parametrize("axis", [None, 0.0, (0, 1)], ids=repr)
def test_softmax_names_the_axis_when_it_is_no_whole_number(axis):
    with pytest.raises(TypeError, match="axis"):
        softmax(np.zeros((2, 3)), axis=axis)


@pytest.mark.parametrize("shape, axis", [((0,), -1), ((2, 0), 1), ((0, 3), 0)])
def test_softmax_refuses_an_empty_axis(shape, axis):
    with refuses(ValueError, f"there is nothing to choose from: axis {axis} of shape {shape} is empty"):
        softmax(np.empty(shape), axis=axis)


# scaled_dot_product_attention


def test_attention_of_the_known_pair():
    queries, keys, values = (
        np.array([[8.0, 4, 4]]),
        np.array([[8.0, 6, 6], [6, 6, 6]]),
        np.array([[1.0, 0], [0, 10]]),
    )
    assert_array_equal(queries @ keys.T, [[112, 96]])
    output, weights = scaled_dot_product_attention(queries, keys, values, scale=1 / 8)
    assert_allclose(weights, [[0.8807970780, 0.1192029220]], atol=5e-11)
    assert_allclose(output, [[0.8807970780, 1.192029220]], atol=5e-10)


def test_attention_of_the_known_pair_in_64_numbers():
    queries = np.ones((1, 64))
    keys = np.array([[2.0] * 48 + [1] * 16, [2.0] * 32 + [1] * 32])
    assert_array_equal(queries @ keys.T, [[112, 96]])
    _, weights = scaled_dot_product_attention(queries, keys, np.eye(2))  # d_k = 64, hence the scale 1/8
    assert_allclose(weights, [[0.8807970780, 0.1192029220]], atol=5e-11)


@pytest.mark.parametrize(
    "scale", [None, 0.3, -2.0, 0, 1, np.float32(0.5), np.int64(2), np.array(0.25)], ids=repr
)
def test_attention_against_the_loops(scale):
    queries, keys, values = normal(2, 3), normal(4, 3), normal(4, 5)
    output, weights = scaled_dot_product_attention(queries, keys, values, scale=scale)
    assert output.shape == (2, 5) and weights.shape == (2, 4)
    expected = plain_loops.attention_of_arrays(
        queries, keys, values, scale=None if scale is None else float(scale)
    )
    assert_allclose(output, expected[0], rtol=1e-12, atol=1e-13)
    assert_allclose(weights, expected[1], rtol=1e-12)


def test_attention_divides_by_the_root_of_d_k():
    queries, keys, values = normal(2, 3), normal(4, 3), normal(4, 5)
    by_default = scaled_dot_product_attention(queries, keys, values)
    by_hand = scaled_dot_product_attention(queries, keys, values, scale=1 / math.sqrt(3))
    for one, other in zip(by_default, by_hand):
        assert_array_equal(one, other)


MASK = np.array([[1, 0, 0, 1], [0, 1, 1, 1], [0, 0, 1, 0]], bool)


@pytest.mark.parametrize(
    "leading",
    [
        ((), (), (), ()),
        ((2,), (2,), (2,), (2,)),
        ((2,), (), (), ()),
        ((), (2,), (), ()),
        ((), (), (2,), ()),
        ((), (), (), (2,)),  # only the mask brings the axis
        ((2, 1), (3,), (1, 3), (1,)),
        ((3,), (3,), (1,), (2, 1)),
        ((1,), (1,), (3,), (3,)),
        ((0,), (0,), (0,), (1,)),  # a batch of nothing
    ],
    ids=str,
)
def test_attention_broadcasts_the_leading_axes(leading):
    for_queries, for_keys, for_values, for_mask = leading
    queries, keys, values = normal(*for_queries, 3, 2), normal(*for_keys, 4, 2), normal(*for_values, 4, 5)
    mask = np.random.default_rng(0).random((*for_mask, 3, 4)) < 0.6
    output, weights = scaled_dot_product_attention(queries, keys, values, mask)
    expected = plain_loops.attention_of_arrays(queries, keys, values, mask)
    assert output.shape == expected[0].shape
    assert weights.shape == np.broadcast_shapes(for_queries, for_keys, for_mask) + (3, 4)
    assert_allclose(output, expected[0], rtol=1e-12, atol=1e-13)
    assert_allclose(np.broadcast_to(weights, expected[1].shape), expected[1], rtol=1e-12)


def test_attention_with_leading_axes_and_no_mask():
    queries, keys, values = normal(2, 1, 3, 2), normal(3, 4, 2), normal(2, 1, 4, 5)
    for found, expected in zip(
        scaled_dot_product_attention(queries, keys, values),
        plain_loops.attention_of_arrays(queries, keys, values),
    ):
        assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    "mask",
    [
        MASK,
        MASK.tolist(),
        MASK[1],
        MASK[:, :1],
        MASK[:1],
        np.array(True),
        np.array(False),
        MASK[:, ::-1],
        np.asfortranarray(MASK),
    ],
    ids=[
        "whole",
        "list",
        "one row for all",
        "whole queries",
        "one query row",
        "all",
        "nothing",
        "reversed",
        "columns first",
    ],
)
def test_attention_takes_every_mask_that_fits(mask):
    queries, keys, values = normal(3, 2), normal(4, 2), normal(4, 5)
    output, weights = scaled_dot_product_attention(queries, keys, values, mask)
    allowed = np.broadcast_to(mask, (3, 4))
    assert_array_equal(weights[~allowed], 0)
    for found, expected in zip(
        (output, weights), plain_loops.attention_of_arrays(queries, keys, values, allowed)
    ):
        assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", FLOATS)
def test_attention_of_a_query_that_may_attend_to_nothing_is_zero(dtype):
    mask = np.array([[True, False, True], [False, False, False]])
    output, weights = scaled_dot_product_attention(
        normal(2, 4, dtype=dtype), normal(3, 4, dtype=dtype), normal(3, 5, dtype=dtype), mask
    )
    assert_array_equal(weights[1], 0)
    assert_array_equal(output[1], 0)
    assert weights[0].sum() == pytest.approx(1, abs=1e-3)


def test_attention_does_not_care_what_stands_behind_the_mask():
    queries, keys, values, mask = (
        normal(3, 2),
        normal(4, 2),
        normal(4, 5),
        np.array([True, True, False, True]),
    )
    keys_with_a_hole = keys.copy()
    keys_with_a_hole[2] = np.nan
    for one, other in zip(
        scaled_dot_product_attention(queries, keys_with_a_hole, values, mask),
        scaled_dot_product_attention(queries, keys, values, mask),
    ):
        assert_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize(
    "types, expected",
    [
        ((np.float16, np.float16, np.float16), np.float16),
        ((np.float32, np.float32, np.float32), np.float32),
        ((np.float64, np.float64, np.float64), np.float64),
        ((np.float16, np.float32, np.float16), np.float32),
        ((np.float32, np.float32, np.float64), np.float64),
        ((np.float64, np.float16, np.float32), np.float64),
        ((np.int32, np.int32, np.int32), np.float64),
        ((np.float32, np.int8, np.float32), np.float64),
    ],
    ids=lambda types: (
        "-".join(np.dtype(t).name for t in types) if isinstance(types, tuple) else np.dtype(types).name
    ),
)
def test_attention_gives_the_common_number_type(types, expected):
    queries, keys, values = (
        (4 * normal(*shape)).astype(dtype) for shape, dtype in zip([(2, 3), (4, 3), (4, 5)], types)
    )
    output, weights = scaled_dot_product_attention(queries, keys, values, scale=0.25)
    assert output.dtype == weights.dtype == expected
    reference = plain_loops.attention_of_arrays(queries, keys, values, scale=0.25)
    assert_allclose(output, reference[0], rtol=TOLERANCE[output.dtype], atol=4 * TOLERANCE[output.dtype])
    assert_allclose(weights, reference[1], rtol=TOLERANCE[output.dtype], atol=TOLERANCE[output.dtype])


def test_attention_in_float16_does_not_overflow_inside():
    queries = np.array(
        [[200, 100, 200, -200], [100, 200, 0, 200]], np.float16
    )  # a score of 65,504 is float16's limit
    keys = np.array([[200, 200, 200, 200], [200, 100, 200, -200], [-200, -200, 0, 0]], np.float16)
    values = np.array([[65504, 1], [60000, 2], [-65504, 3]], np.float16)
    assert (queries.astype(np.float64) @ keys.T.astype(np.float64)).max() / 2 == 65000
    output, weights = scaled_dot_product_attention(queries * 2, keys, values)
    assert_array_equal(weights, np.array([[0, 1, 0], [1, 0, 0]], np.float16))
    assert_array_equal(output, values[[1, 0]])


def test_attention_in_float16_adds_in_a_wider_type():
    n_keys = 5000  # in float16 a running sum of ones stops at 2048
    output, weights = scaled_dot_product_attention(
        np.zeros((1, 2), np.float16), np.ones((n_keys, 2), np.float16), np.ones((n_keys, 1), np.float16)
    )
    assert_array_equal(weights, np.full((1, n_keys), 1 / n_keys, np.float16))
    assert_array_equal(output, np.ones((1, 1), np.float16))


def test_attention_of_no_queries_and_of_empty_values():
    output, weights = scaled_dot_product_attention(np.empty((0, 3)), normal(4, 3), normal(4, 5))
    assert output.shape == (0, 5) and weights.shape == (0, 4)
    output, weights = scaled_dot_product_attention(normal(2, 3), normal(4, 3), np.empty((4, 0)))
    assert output.shape == (2, 0) and weights.shape == (2, 4)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("with_mask", [False, True])
def test_attention_leaves_its_inputs_alone(dtype, with_mask):
    inputs = [normal(2, 3, dtype=dtype), normal(4, 3, dtype=dtype), normal(4, 5, dtype=dtype)]
    inputs += [np.array([[1, 0, 1, 0], [0, 0, 0, 0]], bool)] if with_mask else []
    before = [x.copy() for x in inputs]
    for x in inputs:
        x.flags.writeable = False
    results = scaled_dot_product_attention(*inputs)
    for x, copy in zip(inputs, before):
        assert_array_equal(x, copy)
        for result in results:
            assert not np.shares_memory(result, x)
    assert not np.shares_memory(*results)
    for result in results:
        result[:] = 0  # the results belong to the caller


def test_attention_takes_strided_views():
    queries, keys, values = normal(3, 4), normal(3, 8), normal(10, 8)
    views = queries.T[::-1], keys.T[::2], values[::-1, ::2][1:5]
    copies = [np.array(view, order="C") for view in views]
    for found, expected in zip(
        scaled_dot_product_attention(*views), plain_loops.attention_of_arrays(*copies)
    ):
        assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name, position", [("queries", 0), ("keys", 1), ("values", 2)])
def test_attention_refuses_what_is_no_real_number(name, position):
    for bad, kind in [
        (np.ones((2, 2), bool), "booleans"),
        (np.ones((2, 2), complex), "complex numbers"),
        ([["a", "b"]] * 2, "<U1 entries"),
    ]:
        inputs = [np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2))]
        inputs[position] = bad
        with refuses(TypeError, f"{name} must be real numbers, and got {kind}"):
            scaled_dot_product_attention(*inputs)


@pytest.mark.parametrize("name, position", [("queries", 0), ("keys", 1), ("values", 2)])
def test_attention_refuses_a_single_vector(name, position):
    inputs = [np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2))]
    inputs[position] = np.ones(2)
    with refuses(ValueError, f"{name} must have the shape (..., n, d), and got (2,)"):
        scaled_dot_product_attention(*inputs)


@pytest.mark.parametrize(
    "queries, keys, values, sentence",
    [
        ((2, 3), (4, 2), (4, 5), "queries and keys must have the same d_k, and got 3 and 2"),
        ((2, 3), (4, 3), (5, 4), "every key needs a value, and there are 4 keys and 5 values"),
        (
            (2, 3),
            (0, 3),
            (0, 5),
            "there must be at least one key with at least one number, and keys have the shape (0, 3)",
        ),
        (
            (2, 0),
            (4, 0),
            (4, 5),
            "there must be at least one key with at least one number, and keys have the shape (4, 0)",
        ),
        (
            (2, 2, 3),
            (3, 4, 3),
            (4, 5),
            "the leading axes do not broadcast: queries (2, 2, 3), keys (3, 4, 3), values (4, 5)",
        ),
        (
            (2, 2, 3),
            (4, 3),
            (3, 4, 5),
            "the leading axes do not broadcast: queries (2, 2, 3), keys (4, 3), values (3, 4, 5)",
        ),
    ],
)
def test_attention_refuses_shapes_that_do_not_fit(queries, keys, values, sentence):
    with refuses(ValueError, sentence):
        scaled_dot_product_attention(np.ones(queries), np.ones(keys), np.ones(values))


@pytest.mark.parametrize("position", [0, 1])
def test_attention_refuses_scores_that_are_no_number(position):
    inputs = [np.ones((2, 3)), np.ones((4, 3)), np.ones((4, 5))]
    inputs[position][1, 1] = np.nan
    with refuses(ValueError, "scores must be finite or -inf, and some are NaN or +inf"):
        scaled_dot_product_attention(*inputs)


@pytest.mark.parametrize(
    "mask, advice",
    [
        (np.ones((3, 4)), "; for a mask of 0 and 1 write mask == 1"),
        (np.array([[1, 0, 1, 1]] * 3, np.int8), "; for a mask of 0 and 1 write mask == 1"),
        (
            np.where(np.tri(3, 4), 0, -np.inf),
            "; for a mask of 0 and -inf, which is added to the scores, write mask == 0",
        ),
        (
            np.full((3, 4), -np.inf, np.float32),
            "; for a mask of 0 and -inf, which is added to the scores, write mask == 0",
        ),
        (np.zeros((3, 4)), "; if 0 hides a key write mask == 1, if 0 is added to its score write mask == 0"),
        (np.array([[0, -1e9, 0, 0]] * 3), ""),
        (np.array([[0.5, 1, 0, 0]] * 3), ""),
        (np.array([[0, np.nan, 1, 1]] * 3), ""),
        (np.array([["a"] * 4] * 3), ""),
        (np.array(None), ""),
        (np.ones((3, 0)), ""),
    ],
    ids=str,
)
def test_attention_refuses_a_mask_that_is_not_boolean_with_advice_that_fits(mask, advice):
    start = f"mask must be boolean, True where a query may attend to a key, and got {mask.dtype}"
    with refuses(TypeError, start + advice):
        scaled_dot_product_attention(np.ones((3, 2)), np.ones((4, 2)), np.ones((4, 5)), mask)


def test_the_advice_on_masks_is_right():
    queries, keys, values, allowed = normal(3, 2), normal(4, 2), normal(4, 5), MASK
    expected, _ = scaled_dot_product_attention(queries, keys, values, allowed)
    zeros_and_ones, added = allowed.astype(float), np.where(allowed, 0, -np.inf)
    assert_array_equal(scaled_dot_product_attention(queries, keys, values, zeros_and_ones == 1)[0], expected)
    assert_array_equal(scaled_dot_product_attention(queries, keys, values, added == 0)[0], expected)


@pytest.mark.parametrize("leading, written", [((2,), "mask[:, None, :]"), ((2, 5), "mask[:, None, None, :]")])
def test_a_padding_mask_without_its_axis_is_told_about_padding_mask(leading, written):
    queries, keys, values = (np.ones((*leading, n, 3)) for n in (6, 7, 7))
    mask = np.arange(7) < np.array([[7], [4]])
    scores = (*leading, 6, 7)
    with refuses(
        ValueError,
        f"mask must fit the scores (..., n_queries, n_keys) = {scores}, and got the shape (2, 7); "
        f"for padding use padding_mask, or write {written}",
    ):
        scaled_dot_product_attention(queries, keys, values, mask)
    scaled_dot_product_attention(queries, keys, values, eval(written))  # what the message says


def test_a_padding_mask_of_a_layer_without_its_axis_is_told_about_padding_mask():
    attention, x, mask = small_attention(), np.ones((2, 6, 5)), np.arange(6) < np.array([[6], [4]])
    with pytest.raises(
        ValueError,
        match=re.escape("got the shape (2, 6); for padding use padding_mask, or write mask[:, None, :]"),
    ):
        attention(x, mask=mask)
    assert_array_equal(attention(x, mask=mask[:, None, :])[1], attention(x, mask=padding_mask([6, 4], 6))[1])


@pytest.mark.parametrize(
    "bad",
    [np.ma.masked_array(np.ones((2, 2)), [[0, 1], [0, 0]]), [np.ma.masked_array([1.0, 1], [0, 1])] * 2],
    ids=["array", "rows"],
)
def test_masked_arrays_are_refused(bad):
    ones, attention = np.ones((2, 2)), MultiHeadAttention(*np.ones((4, 2, 2)), n_heads=1)
    for name, call in [
        ("queries", lambda: scaled_dot_product_attention(bad, ones, ones)),
        ("keys", lambda: scaled_dot_product_attention(ones, bad, ones)),
        ("values", lambda: scaled_dot_product_attention(ones, ones, bad)),
        ("mask", lambda: scaled_dot_product_attention(ones, ones, ones, bad)),
        ("scores", lambda: softmax(bad)),
        ("x", lambda: attention(bad)),
        ("context", lambda: attention(ones, bad)),
        ("mask", lambda: attention(ones, mask=bad)),
        ("x", lambda: split_heads(bad, 1)),
        ("heads", lambda: merge_heads(bad)),
        ("w_k", lambda: MultiHeadAttention(ones, bad, ones, ones, 1)),
    ]:
        with refuses(
            TypeError,
            f"{name} is a masked array, and its hidden entries would count as all others do: "
            "pass a plain array, and hide keys with mask=",
        ):
            call()


@pytest.mark.parametrize(
    "name, call",
    [
        ("scores", lambda bad: softmax(bad)),
        ("queries", lambda bad: scaled_dot_product_attention(bad, np.ones((2, 2)), np.ones((2, 2)))),
        (
            "mask",
            lambda bad: scaled_dot_product_attention(np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2)), bad),
        ),
        ("x", lambda bad: small_attention()(bad)),
        ("x", lambda bad: split_heads(bad, 1)),
        ("heads", lambda bad: merge_heads(bad)),
        ("w_v", lambda bad: MultiHeadAttention(np.ones((2, 2)), np.ones((2, 2)), bad, np.ones((2, 2)), 1)),
        ("lengths", lambda bad: padding_mask(bad, 3)),
    ],
)
def test_ragged_lists_are_refused_in_a_sentence(name, call):
    with refuses(ValueError, f"{name} must have rows of one length, and the rows of this list differ"):
        call([[1, 2], [3]])


@pytest.mark.parametrize("mask", [(4, 3), (3,), (2, 4), (3, 5), (2, 4, 3), (3, 0)])
def test_attention_refuses_a_mask_that_does_not_fit(mask):
    with refuses(
        ValueError, f"mask must fit the scores (..., n_queries, n_keys) = (3, 4), and got the shape {mask}"
    ):
        scaled_dot_product_attention(np.ones((3, 2)), np.ones((4, 2)), np.ones((4, 5)), np.ones(mask, bool))


@pytest.mark.parametrize("queries, keys, mask", [((1, 2), (4, 2), (5, 4)), ((3, 2), (1, 2), (3, 4))])
def test_attention_refuses_a_mask_with_more_words_than_there_are(queries, keys, mask):
    scores = (queries[0], keys[0])  # NumPy would stretch the one word to the mask's many
    with refuses(
        ValueError, f"mask must fit the scores (..., n_queries, n_keys) = {scores}, and got the shape {mask}"
    ):
        scaled_dot_product_attention(
            np.ones(queries), np.ones(keys), np.ones((keys[0], 5)), np.ones(mask, bool)
        )


def test_attention_names_the_mask_when_its_batch_is_not_the_values_batch():
    with pytest.raises(ValueError, match="mask"):
        scaled_dot_product_attention(
            np.ones((3, 2)), np.ones((4, 2)), np.ones((6, 4, 5)), np.ones((2, 3, 4), bool)
        )


@pytest.mark.parametrize("scale", [True, "8", [0.5], (1, 2), 1j, {}], ids=repr)
def test_attention_refuses_a_scale_that_is_no_number(scale):
    with refuses(TypeError, f"scale must be one number, and got {scale!r}"):
        scaled_dot_product_attention(np.ones((3, 2)), np.ones((4, 2)), np.ones((4, 5)), scale=scale)


@pytest.mark.parametrize(
    "scale",
    [np.bool_(True), np.ones(2), np.complex128(1 + 2j), np.array(True), np.array("8"), np.array(1j)],
    ids=repr,
)
def test_attention_refuses_a_numpy_scale_that_is_no_real_number(scale):
    with pytest.raises(
        TypeError, match="^scale must be one number, and got "
    ):  # how NumPy prints these differs between versions
        scaled_dot_product_attention(np.ones((3, 2)), np.ones((4, 2)), np.ones((4, 5)), scale=scale)


@pytest.mark.parametrize("scale", [math.inf, -math.inf, math.nan])
def test_attention_refuses_a_scale_that_is_not_finite(scale):
    with refuses(ValueError, f"scale must be finite, and got {scale}"):
        scaled_dot_product_attention(np.ones((3, 2)), np.ones((4, 2)), np.ones((4, 5)), scale=scale)


def test_attention_names_the_scale_when_it_is_too_large_for_a_float():
    with pytest.raises(ValueError, match="^scale must be finite"):
        scaled_dot_product_attention(np.ones((3, 2)), np.ones((4, 2)), np.ones((4, 5)), scale=10**400)


# explain_weight


def test_a_weight_is_explained_step_by_step():
    queries, keys = np.array([[8.0, 4, 4]]), np.array([[8.0, 6, 6], [6, 6, 6]])
    best, other = (explain_weight(queries, keys, 0, j, scale=1 / 8) for j in (0, 1))
    assert (best.score, best.scaled, best.gap, best.allowed) == (112, 14, 0, True)
    assert (other.score, other.scaled, other.gap, other.allowed) == (96, 12, -2, True)
    assert best.total == other.total == pytest.approx(1 + math.exp(-2))
    assert other.weight == pytest.approx(0.1192029220)


@pytest.mark.parametrize("scale", [None, 0.3, -2.0])
@pytest.mark.parametrize(
    "mask", [None, MASK, MASK[0], MASK[:, :1]], ids=["none", "whole", "one row", "queries"]
)
def test_explained_weights_are_those_of_attention(mask, scale):
    queries, keys = normal(3, 2), normal(4, 2)
    _, weights = scaled_dot_product_attention(queries, keys, np.eye(4), mask, scale)
    allowed = np.broadcast_to(True if mask is None else mask, (3, 4))
    for i in range(3):
        for j in range(4):
            why = explain_weight(queries, keys, i, j, mask, scale)
            assert why.score == pytest.approx(queries[i] @ keys[j])
            assert why.scaled == pytest.approx(why.score * (1 / math.sqrt(2) if scale is None else scale))
            assert why.weight == pytest.approx(weights[i, j])
            assert why.allowed == allowed[i, j]
            assert why.gap <= 0
            assert why.weight == pytest.approx(math.exp(why.gap) / why.total if why.allowed else 0)


def test_a_hidden_weight_and_a_row_with_nothing_are_explained_without_a_warning():
    queries, keys = normal(2, 3), normal(4, 3)
    mask = np.array([[True, False, True, True], [False] * 4])
    hidden, nothing = explain_weight(queries, keys, 0, 1, mask), explain_weight(queries, keys, 1, 1, mask)
    assert (hidden.gap, hidden.weight, hidden.allowed) == (-math.inf, 0, False)
    assert hidden.score == pytest.approx(queries[0] @ keys[1])
    assert (nothing.gap, nothing.total, nothing.weight, nothing.allowed) == (-math.inf, 0, 0, False)


def test_an_explanation_stays_finite_where_the_exponentials_would_not():
    why = explain_weight(np.array([[1000.0]]), np.array([[0.0], [1.0]]), 0, 0)
    assert (why.gap, why.total, why.weight) == (-1000, 1, 0)


@pytest.mark.parametrize(
    "change, error, sentence",
    [
        (dict(i=3), ValueError, "i must lie between 0 and 2, and got 3"),
        (dict(j=-1), ValueError, "j must lie between 0 and 3, and got -1"),
        (dict(i=1.0), TypeError, "i must be a whole number from 0 to 2, and got 1.0"),
        (
            dict(queries=np.ones((5, 3, 2))),
            ValueError,
            "queries must be those of one head, (n, d_k), and got the shape (5, 3, 2)",
        ),
        (
            dict(mask=np.ones((5, 3, 4), bool)),
            ValueError,
            "mask must be that of one head, (n_queries, n_keys), and got the shape (5, 3, 4)",
        ),
        (dict(scale="8"), TypeError, "scale must be one number, and got '8'"),
        (dict(keys=np.ones((4, 3))), ValueError, "queries and keys must have the same d_k, and got 2 and 3"),
    ],
    ids=str,
)
def test_explain_weight_says_what_is_wrong(change, error, sentence):
    with refuses(error, sentence):
        explain_weight(**{"queries": np.ones((3, 2)), "keys": np.ones((4, 2)), "i": 0, "j": 0, **change})


# Masks


@pytest.mark.parametrize(
    "n_queries, n_keys, rows",
    [
        (1, None, ["1"]),
        (3, None, ["100", "110", "111"]),
        (3, 3, ["100", "110", "111"]),
        (2, 5, ["11110", "11111"]),  # the queries are the last two of five words
        (1, 4, ["1111"]),
        (4, 2, ["00", "00", "10", "11"]),  # the first two words stand before every key
        (np.int64(2), np.int8(3), ["110", "111"]),
    ],
)
def test_causal_mask(n_queries, n_keys, rows):
    mask = causal_mask(n_queries, n_keys)
    assert mask.dtype == bool
    assert_array_equal(mask, [[letter == "1" for letter in row] for row in rows])


def test_causal_mask_in_attention():
    queries, keys, values = normal(4, 3), normal(2, 3), normal(2, 5)
    output, weights = scaled_dot_product_attention(queries, keys, values, causal_mask(4, 2))
    assert_array_equal(weights[:3], [[0, 0], [0, 0], [1, 0]])
    assert_array_equal(output[:2], np.zeros((2, 5)))
    assert_array_equal(output[2], values[0])


@pytest.mark.parametrize(
    "lengths, n_keys, rows",
    [
        (2, 3, [[1, 1, 0]]),
        (np.int64(0), 2, [[0, 0]]),
        ([3, 1, 0], 3, [[[1, 1, 1]], [[1, 0, 0]], [[0, 0, 0]]]),
        (np.array([1, 2], np.uint8), np.int16(4), [[[1, 0, 0, 0]], [[1, 1, 0, 0]]]),
    ],
)
def test_padding_mask(lengths, n_keys, rows):
    mask = padding_mask(lengths, n_keys)
    assert mask.dtype == bool
    assert_array_equal(mask, rows)


def test_padding_mask_in_attention_equals_shorter_sentences():
    queries, keys, values, lengths = normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 2), [4, 2]
    output, weights = scaled_dot_product_attention(queries, keys, values, padding_mask(lengths, 5))
    for i, length in enumerate(lengths):
        short_output, short_weights = scaled_dot_product_attention(
            queries[i], keys[i, :length], values[i, :length]
        )
        assert_allclose(output[i], short_output, rtol=1e-12, atol=1e-13)
        assert_allclose(weights[i, :, :length], short_weights, rtol=1e-12)
        assert_array_equal(weights[i, :, length:], 0)


@pytest.mark.parametrize(
    "name, call",
    [
        ("n_queries", lambda count: causal_mask(count)),
        ("n_keys", lambda count: causal_mask(2, count)),
        ("n_keys", lambda count: padding_mask(0, count)),
        ("n_heads", lambda count: split_heads(np.ones((2, 4)), count)),
        (
            "n_heads",
            lambda count: MultiHeadAttention(
                np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2)), count
            ),
        ),
        ("d_model", lambda count: MultiHeadAttention.random(count, 1, np.random.default_rng(0))),
        ("n_heads", lambda count: MultiHeadAttention.random(2, count, np.random.default_rng(0))),
        ("d_k", lambda count: MultiHeadAttention.random(2, 1, np.random.default_rng(0), d_k=count)),
        ("d_v", lambda count: MultiHeadAttention.random(2, 1, np.random.default_rng(0), d_v=count)),
    ],
    ids=[
        "causal n_queries",
        "causal n_keys",
        "padding n_keys",
        "split n_heads",
        "n_heads",
        "random d_model",
        "random n_heads",
        "random d_k",
        "random d_v",
    ],
)
def test_counts_are_whole_numbers_from_one(name, call):
    for count in (2.0, True, "2"):
        with refuses(TypeError, f"{name} must be a whole number, and got {count!r}"):
            call(count)
    for count in (np.bool_(True), np.float64(2), np.array(2)):
        with pytest.raises(TypeError, match=f"^{name} must be a whole number, and got "):
            call(count)
    for count in (0, -1):
        with refuses(ValueError, f"{name} must be at least 1, and got {count}"):
            call(count)


@pytest.mark.parametrize(
    "lengths, got",
    [
        (2.0, "float64 of shape ()"),
        ([1.0, 2.0], "float64 of shape (2,)"),
        (True, "bool of shape ()"),
        ([[1, 2]], "int64 of shape (1, 2)"),
        ("two", "<U3 of shape ()"),
    ],
    ids=repr,
)
def test_padding_mask_refuses_lengths_that_are_no_whole_numbers(lengths, got):
    lengths = (
        np.array(lengths, np.int64) if got.startswith("int64") else lengths
    )  # a list's whole numbers are int32 on some systems
    with refuses(TypeError, f"lengths must be a whole number or a list of them, and got {got}"):
        padding_mask(lengths, 3)


@pytest.mark.parametrize("lengths", [4, -1, [1, 4], [-1, 2]], ids=repr)
def test_padding_mask_refuses_lengths_out_of_range(lengths):
    with refuses(ValueError, f"every length must lie between 0 and n_keys = 3, and got {lengths}"):
        padding_mask(lengths, 3)


# split_heads and merge_heads


def test_split_heads_gives_every_head_its_columns():
    x = np.arange(2 * 3 * 8).reshape(2, 3, 8)
    heads = split_heads(x, n_heads=4)
    assert heads.shape == (2, 4, 3, 2)
    for head in range(4):
        assert_array_equal(heads[:, head], x[:, :, 2 * head : 2 * head + 2])


def test_split_heads_never_mixes_words():
    word = np.repeat(np.arange(2)[:, None], 512, axis=1)  # every number carries the word that it belongs to
    assert_array_equal(
        split_heads(word, 8), np.broadcast_to([[[0]], [[1]]], (2, 1, 1)).swapaxes(0, 1) * np.ones((8, 2, 64))
    )


@pytest.mark.parametrize(
    "x",
    [
        normal(3, 8),
        normal(2, 3, 8),
        normal(8, 3).T,
        normal(6, 16)[::2, ::-2],
        np.asfortranarray(normal(2, 3, 8)),
        np.broadcast_to(normal(8), (3, 8)),
    ],
    ids=["matrix", "batch", "transposed", "strided", "columns first", "one word thrice"],
)
def test_split_heads_is_a_view(x):
    heads = split_heads(x, n_heads=4)
    assert np.shares_memory(heads, x)
    assert_array_equal(merge_heads(heads), x)


def test_merge_heads_puts_the_heads_side_by_side():
    heads = normal(2, 3, 4, 5)
    merged = merge_heads(heads)
    assert merged.shape == (2, 4, 15)
    for head in range(3):
        assert_array_equal(merged[..., 5 * head : 5 * head + 5], heads[:, head])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8])
def test_split_and_merge_keep_the_number_type(dtype):
    heads = split_heads(np.ones((2, 6), dtype), 3)
    assert heads.dtype == dtype
    assert merge_heads(heads).dtype == dtype


def test_split_and_merge_take_lists():
    heads = split_heads([[1, 2, 3, 4], [5, 6, 7, 8]], 2)
    assert_array_equal(heads, [[[1, 2], [5, 6]], [[3, 4], [7, 8]]])
    assert_array_equal(merge_heads(heads.tolist()), [[1, 2, 3, 4], [5, 6, 7, 8]])


def test_split_heads_refuses_heads_that_do_not_divide():
    with refuses(ValueError, "3 heads do not divide d_model = 8: 8 / 3 leaves 2 over"):
        split_heads(np.ones((2, 8)), 3)


def test_split_heads_refuses_a_single_vector():
    with refuses(ValueError, "x needs the shape (..., n, d_model), and got (8,)"):
        split_heads(np.ones(8), 2)


def test_merge_heads_refuses_a_matrix():
    with refuses(ValueError, "heads needs the shape (..., n_heads, n, d_k), and got (2, 8)"):
        merge_heads(np.ones((2, 8)))


# MultiHeadAttention


@pytest.mark.parametrize(
    "x_shape, context_shape",
    [
        ((6, 5), None),
        ((6, 5), (7, 5)),
        ((2, 6, 5), None),
        ((2, 6, 5), (2, 7, 5)),
        ((2, 6, 5), (7, 5)),
        ((6, 5), (2, 7, 5)),
        ((2, 1, 6, 5), (4, 7, 5)),
        ((1, 5), None),
        ((0, 6, 5), None),
    ],
    ids=str,
)
def test_multi_head_attention_against_the_loops(x_shape, context_shape):
    attention = small_attention()
    x, context = normal(*x_shape), None if context_shape is None else normal(*context_shape)
    expected_output, expected_weights, expected_writes = expected_of(attention, x, context)
    output, weights = attention(x, context)
    assert output.shape == expected_output.shape and weights.shape == expected_weights.shape
    assert_allclose(output, expected_output, rtol=1e-11, atol=1e-12)
    assert_allclose(weights, expected_weights, rtol=1e-11)
    writes = attention.heads(x, context)
    assert writes.shape == expected_writes.shape
    assert_allclose(writes, expected_writes, rtol=1e-11, atol=1e-12)
    assert_allclose(writes.sum(axis=-3), output, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "x_shape, context_shape, mask, per_head",
    [
        ((6, 5), (7, 5), random_mask(7), np.s_[None, None, :]),  # the same for every query and head
        ((6, 5), (7, 5), random_mask(6, 7), np.s_[None]),  # shared by the heads
        ((6, 5), (7, 5), random_mask(6, 1), np.s_[None]),
        ((6, 5), (7, 5), random_mask(3, 6, 7), np.s_[:]),  # one for every head
        ((6, 5), (7, 5), random_mask(3, 1, 7), np.s_[:]),
        ((6, 5), (7, 5), random_mask(2, 3, 6, 7), np.s_[:]),  # the mask alone brings a batch
        ((2, 6, 5), (2, 7, 5), random_mask(6, 7), np.s_[None, None]),  # shared by batch and heads
        ((2, 6, 5), (2, 7, 5), random_mask(2, 6, 7), np.s_[:, None]),  # one for every sentence
        ((2, 6, 5), (2, 7, 5), random_mask(2, 1, 7), np.s_[:, None]),
        ((2, 6, 5), (2, 7, 5), random_mask(1, 3, 6, 7), np.s_[:]),  # one for every head
        ((2, 6, 5), (2, 7, 5), random_mask(2, 3, 6, 7), np.s_[:]),
        ((2, 6, 5), (7, 5), random_mask(2, 6, 7), np.s_[:, None]),
        ((6, 5), (2, 7, 5), random_mask(2, 6, 7), np.s_[:, None]),  # the batch may come from the context
        (
            (3, 6, 5),
            (3, 7, 5),
            random_mask(3, 6, 7),
            np.s_[:, None],
        ),  # as many sentences as heads: still a sentence's mask
    ],
    ids=lambda value: str(value.shape) if isinstance(value, np.ndarray) else None,
)
def test_multi_head_attention_with_a_mask(x_shape, context_shape, mask, per_head):
    attention = small_attention()
    x, context = normal(*x_shape), normal(*context_shape)
    expected_output, expected_weights, expected_writes = expected_of(attention, x, context, mask[per_head])
    output, weights = attention(x, context, mask=mask)
    assert output.shape == expected_output.shape and weights.shape == expected_weights.shape
    assert_allclose(output, expected_output, rtol=1e-11, atol=1e-12)
    assert_allclose(weights, expected_weights, rtol=1e-11)
    assert_allclose(attention.heads(x, context, mask=mask), expected_writes, rtol=1e-11, atol=1e-12)
    assert_allclose(
        attention(x, context, mask=mask.tolist())[1], weights, rtol=1e-12
    )  # lists are taken as well


def test_multi_head_attention_with_the_two_masks_of_the_course():
    attention, x = small_attention(), normal(2, 4, 5)
    _, weights = attention(x, mask=causal_mask(4) & padding_mask([4, 2], 4))
    assert_array_equal(weights[0] > 0, np.broadcast_to(causal_mask(4), (3, 4, 4)))
    assert_array_equal(weights[1, :, :, 2:], 0)
    assert_allclose(weights.sum(axis=-1), 1, rtol=1e-12)


def test_eight_heads_of_two_words_step_by_step():
    x = normal(2, 4)
    per_head = normal(3, 8, 4, 3)  # W_Q, W_K and W_V, each 4 by 3, of eight heads
    w_o = normal(24, 4)
    w_q, w_k, w_v = (np.concatenate(list(matrices), axis=1) for matrices in per_head)
    attention = MultiHeadAttention(w_q, w_k, w_v, w_o, n_heads=8)
    assert (attention.d_model, attention.d_k, attention.d_v, attention.n_heads) == (4, 3, 3, 8)
    found = []
    for head in range(8):
        queries, keys, values = (
            plain_loops.product(x.tolist(), matrices[head].tolist()) for matrices in per_head
        )
        found.append(plain_loops.attention(queries, keys, values)[0])
    side_by_side = [sum((found[head][word] for head in range(8)), []) for word in range(2)]
    assert np.shape(side_by_side) == (2, 24)
    assert_allclose(attention(x)[0], plain_loops.product(side_by_side, w_o.tolist()), rtol=1e-11, atol=1e-12)


def test_the_sizes_and_parameters_of_the_paper():
    attention = MultiHeadAttention.random(d_model=512, n_heads=8, rng=np.random.default_rng(0))
    assert (attention.d_model, attention.n_heads, attention.d_k, attention.d_v) == (512, 8, 64, 64)
    assert attention.n_parameters == 4 * 512**2 == 2**20


def test_sizes_that_differ():
    attention = small_attention(n_heads=3, d_model=5, d_k=2, d_v=4)
    assert (attention.d_model, attention.n_heads, attention.d_k, attention.d_v) == (5, 3, 2, 4)
    assert attention.n_parameters == 5 * 6 + 5 * 6 + 5 * 12 + 12 * 5
    assert repr(attention) == "MultiHeadAttention(n_heads=3)"


@pytest.mark.parametrize("dtype", FLOATS)
def test_multi_head_attention_keeps_the_number_type(dtype):
    exact = small_attention()
    attention = MultiHeadAttention(
        *(w.astype(dtype) for w in (exact.w_q, exact.w_k, exact.w_v, exact.w_o)), n_heads=3
    )
    x = normal(6, 5, dtype=dtype)
    output, weights = attention(x)
    assert output.dtype == weights.dtype == attention.heads(x).dtype == attention.w_q.dtype == dtype
    expected = expected_of(attention, x)
    assert_allclose(output, expected[0], rtol=5 * TOLERANCE[output.dtype], atol=5 * TOLERANCE[output.dtype])
    assert_allclose(weights, expected[1], rtol=5 * TOLERANCE[output.dtype], atol=TOLERANCE[output.dtype])


def test_multi_head_attention_turns_whole_numbers_into_float64():
    attention = MultiHeadAttention(*np.arange(16).reshape(4, 2, 2), n_heads=1)
    assert attention.w_q.dtype == attention.w_o.dtype == np.float64
    assert attention(np.array([[1, 0], [0, 1], [2, 1]]))[0].dtype == np.float64


def test_multi_head_attention_is_frozen():
    attention = small_attention()
    for name in ("w_q", "w_k", "w_v", "w_o", "n_heads"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(attention, name, getattr(attention, name))


def test_the_matrices_are_read_only_copies():
    matrices = [normal(2, 2, seed=seed) for seed in range(4)]
    attention = MultiHeadAttention(*matrices, n_heads=1)
    for name, matrix in zip(("w_q", "w_k", "w_v", "w_o"), matrices):
        kept = getattr(attention, name)
        assert_array_equal(kept, matrix)
        assert not np.shares_memory(kept, matrix)
        with pytest.raises(ValueError, match="read-only"):
            kept[0, 0] = 9
        matrix[0, 0] = 9  # the caller's own matrix stays free
        assert kept[0, 0] != 9


def test_two_attentions_are_compared_and_hashed_as_objects():
    one, other = small_attention(), small_attention()
    assert one == one and one != other and len({one, other}) == 2


def test_multi_head_attention_leaves_its_inputs_alone():
    attention, x, context, mask = small_attention(), normal(6, 5), normal(7, 5), random_mask(6, 7)
    before = [a.copy() for a in (x, context, mask)]
    for a in (x, context, mask):
        a.flags.writeable = False
    results = (*attention(x, context, mask), attention.heads(x, context, mask))
    for a, copy in zip((x, context, mask), before):
        assert_array_equal(a, copy)
    for result in results:
        for other in (x, context, mask, attention.w_q, attention.w_k, attention.w_v, attention.w_o):
            assert not np.shares_memory(result, other)
        result[:] = 0  # the results belong to the caller


def test_multi_head_attention_gives_the_same_answer_twice():
    attention, x = small_attention(), normal(6, 5)
    first, _ = attention(x)
    kept = first.copy()
    other, _ = attention(normal(6, 5, seed=1))
    assert (other != kept).all()
    assert_array_equal(first, kept)  # a later call does not write into an earlier answer
    assert_array_equal(attention(x)[0], kept)


GOOD = {"w_q": (5, 6), "w_k": (5, 6), "w_v": (5, 12), "w_o": (12, 5), "n_heads": 3}


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"w_q": (6,)}, "w_q must be a matrix, and got the shape (6,)"),
        ({"w_k": (3, 5, 2)}, "w_k must be a matrix, and got the shape (3, 5, 2)"),
        ({"w_v": ()}, "w_v must be a matrix, and got the shape ()"),
        ({"w_o": (12, 0)}, "w_o must be a matrix, and got the shape (12, 0)"),
        ({"w_q": (0, 6)}, "w_q must be a matrix, and got the shape (0, 6)"),
        ({"w_k": (5, 3)}, "w_q and w_k must have one shape, and got (5, 6) and (5, 3)"),
        ({"w_k": (4, 6)}, "w_q and w_k must have one shape, and got (5, 6) and (4, 6)"),
        ({"w_v": (4, 12)}, "w_v must have d_model = 5 rows, as w_q has, and got the shape (4, 12)"),
        ({"w_v": (5, 6), "n_heads": 4}, "4 heads do not divide the 6 columns of w_q: 6 / 4 leaves 2 over"),
        ({"w_v": (5, 11)}, "3 heads do not divide the 11 columns of w_v: 11 / 3 leaves 2 over"),
        ({"w_o": (5, 12)}, "w_o must have the shape (n_heads · d_v, d_model) = (12, 5), and got (5, 12)"),
        ({"w_o": (12, 4)}, "w_o must have the shape (n_heads · d_v, d_model) = (12, 5), and got (12, 4)"),
    ],
    ids=str,
)
def test_multi_head_attention_refuses_matrices_that_do_not_fit(change, sentence):
    shapes = {**GOOD, **change}
    with refuses(ValueError, sentence):
        MultiHeadAttention(
            **{name: shape if name == "n_heads" else np.ones(shape) for name, shape in shapes.items()}
        )


@pytest.mark.parametrize("name", ["w_q", "w_k", "w_v", "w_o"])
def test_multi_head_attention_refuses_matrices_of_anything_but_real_numbers(name):
    for dtype, kind in [(bool, "booleans"), (complex, "complex numbers"), (object, "object entries")]:
        matrices = {
            n: np.ones(shape, dtype if n == name else float) for n, shape in GOOD.items() if n != "n_heads"
        }
        with refuses(TypeError, f"{name} must be real numbers, and got {kind}"):
            MultiHeadAttention(**matrices, n_heads=3)


@pytest.mark.parametrize(
    "run", [lambda attention: attention, lambda attention: attention.heads], ids=["call", "heads"]
)
@pytest.mark.parametrize("shape", [(5,), (6, 4), (5, 6), ()], ids=str)
def test_multi_head_attention_refuses_words_of_another_size(run, shape):
    with refuses(ValueError, f"x must have the shape (..., n, d_model = 5), and got {shape}"):
        run(small_attention())(np.ones(shape))
    with refuses(ValueError, f"context must have the shape (..., n, d_model = 5), and got {shape}"):
        run(small_attention())(np.ones((6, 5)), np.ones(shape))


def test_multi_head_attention_refuses_words_that_are_no_real_numbers():
    with refuses(TypeError, "x must be real numbers, and got complex numbers"):
        small_attention()(np.ones((6, 5), complex))
    with refuses(TypeError, "context must be real numbers, and got booleans"):
        small_attention()(np.ones((6, 5)), np.ones((6, 5), bool))


def test_multi_head_attention_refuses_an_empty_context():
    with pytest.raises(ValueError, match="at least one key"):
        small_attention()(np.ones((6, 5)), np.ones((0, 5)))


def test_multi_head_attention_refuses_batches_that_do_not_broadcast():
    with pytest.raises(ValueError, match="leading axes do not broadcast"):
        small_attention()(np.ones((2, 6, 5)), np.ones((4, 7, 5)))


def test_multi_head_attention_refuses_a_mask_that_is_not_boolean():
    with refuses(
        TypeError,
        "mask must be boolean, True where a query may attend to a key, and got float64; "
        "for a mask of 0 and 1 write mask == 1",
    ):
        small_attention()(np.ones((6, 5)), mask=np.ones((6, 6)))


@pytest.mark.parametrize("mask", [(6, 4), (3, 6, 4), (4, 6, 6)], ids=str)
def test_multi_head_attention_names_the_shape_of_a_mask_that_does_not_fit(mask):
    with pytest.raises(ValueError, match="^mask must fit.*" + re.escape(f"got the shape {mask}")):
        small_attention()(np.ones((6, 5)), mask=np.ones(mask, bool))


# MultiHeadAttention.random


@pytest.mark.parametrize(
    "d_k, d_v, expected",
    [(None, None, (4, 4)), (2, None, (2, 4)), (None, 3, (4, 3)), (5, 7, (5, 7)), (np.int64(1), 1, (1, 1))],
)
def test_random_gives_the_sizes_asked_for(d_k, d_v, expected):
    attention = MultiHeadAttention.random(12, 3, np.random.default_rng(0), d_k=d_k, d_v=d_v)
    assert (attention.d_k, attention.d_v) == expected
    assert attention.w_q.shape == attention.w_k.shape == (12, 3 * expected[0])
    assert attention.w_v.shape == (12, 3 * expected[1]) and attention.w_o.shape == (3 * expected[1], 12)
    assert attention.n_heads == 3 and attention.w_q.dtype == np.float64


def test_random_needs_no_heads_that_divide_when_both_sizes_are_given():
    attention = MultiHeadAttention.random(5, 3, np.random.default_rng(0), d_k=2, d_v=4)
    assert attention(normal(6, 5))[1].shape == (3, 6, 6)


@pytest.mark.parametrize("sizes", [{}, {"d_k": 2}, {"d_v": 2}], ids=str)
def test_random_refuses_heads_that_do_not_divide(sizes):
    with refuses(ValueError, "3 heads do not divide d_model = 5: 5 / 3 leaves 2 over; give d_k and d_v"):
        MultiHeadAttention.random(5, 3, np.random.default_rng(0), **sizes)


def test_random_is_drawn_from_the_generator_alone():
    one, same, other = (MultiHeadAttention.random(6, 2, np.random.default_rng(seed)) for seed in (1, 1, 2))
    rng = np.random.default_rng(1)
    first, second = (MultiHeadAttention.random(6, 2, rng) for _ in range(2))
    for name in ("w_q", "w_k", "w_v", "w_o"):
        assert_array_equal(getattr(one, name), getattr(same, name))
        assert_array_equal(getattr(one, name), getattr(first, name))
        assert (getattr(one, name) != getattr(other, name)).all()
        assert (getattr(first, name) != getattr(second, name)).all()


def test_random_draws_four_different_matrices():
    attention = MultiHeadAttention.random(6, 2, np.random.default_rng(1))
    matrices = [attention.w_q, attention.w_k, attention.w_v, attention.w_o]
    for i in range(4):
        for j in range(i):
            assert (matrices[i] != matrices[j]).all()


def test_random_has_mean_zero_and_variance_one_over_the_numbers_summed():
    attention = MultiHeadAttention.random(100, 2, np.random.default_rng(0), d_k=200, d_v=300)
    for matrix in (attention.w_q, attention.w_k, attention.w_v, attention.w_o):
        assert matrix.mean() == pytest.approx(
            0, abs=4 / math.sqrt(matrix.size * len(matrix))
        )  # four standard errors
        assert matrix.var() * len(matrix) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    "rng, kind",
    [(0, "int"), (None, "NoneType"), (np.random.RandomState(0), "RandomState"), (np.random, "module")],
    ids=str,
)
def test_random_refuses_anything_but_a_generator(rng, kind):
    with refuses(
        TypeError, f"rng must be a numpy Generator, as np.random.default_rng(0) makes one, and got {kind}"
    ):
        MultiHeadAttention.random(4, 2, rng)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("with_context", [False, True])
def test_project_gives_every_heads_queries_keys_and_values(dtype, with_context):
    rng = np.random.default_rng(8)
    layer = MultiHeadAttention.random(12, 3, rng, d_k=4, d_v=5)
    layer = MultiHeadAttention(*(w.astype(dtype) for w in (layer.w_q, layer.w_k, layer.w_v, layer.w_o)), 3)
    x, context = (
        rng.standard_normal((2, 4, 12)).astype(dtype),
        rng.standard_normal((2, 7, 12)).astype(dtype) if with_context else None,
    )
    other = x if context is None else context
    expected = [
        split_heads(words.astype(float) @ w.astype(float), 3)
        for words, w in ((x, layer.w_q), (other, layer.w_k), (other, layer.w_v))
    ]
    for found, right in zip(layer.project(x, context), expected, strict=True):
        assert found.dtype == dtype and found.shape == right.shape
        np.testing.assert_allclose(
            found, right, atol={np.float16: 0.02, np.float32: 1e-4, np.float64: 1e-12}[dtype]
        )
    with pytest.raises(ValueError, match="x must have the shape"):
        layer.project(x[..., :5])
