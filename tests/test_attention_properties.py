"""What must hold for every input: properties of the attention core, searched for counterexamples."""

import os

import numpy as np
import plain_loops
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from helpers.attention import (
    MultiHeadAttention,
    causal_mask,
    merge_heads,
    padding_mask,
    scaled_dot_product_attention,
    softmax,
    split_heads,
)

pytestmark = pytest.mark.filterwarnings("error")

# A decorator and not a global profile: other test files keep their own settings. No time limit of any kind:
# machines differ.
searched = settings(
    deadline=None,
    max_examples=40,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)

FLOATS = [np.float16, np.float32, np.float64]
ROUNDING = {np.dtype(np.float16): 2e-3, np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}
sizes = st.integers(1, 5)


def close(found, expected):
    assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def arrays(*shape, largest=4.0, dtype=np.float64):
    """Numbers of ordinary size. Their sums round, and the tests that compare two ways allow for that."""
    width = np.dtype(dtype).itemsize * 8
    return hnp.arrays(dtype, shape, elements=st.floats(-largest, largest, width=width))


def masks(*shape):
    return hnp.arrays(bool, shape, elements=st.booleans())


@st.composite
def sentences(draw, dtype=np.float64):
    """Queries, keys and values of uneven sizes."""
    n_queries, n_keys, d_k, d_v = (draw(sizes) for _ in range(4))
    return (
        draw(arrays(n_queries, d_k, dtype=dtype)),
        draw(arrays(n_keys, d_k, dtype=dtype)),
        draw(arrays(n_keys, d_v, dtype=dtype)),
    )


@st.composite
def masked_sentences(draw):
    queries, keys, values = draw(sentences())
    return queries, keys, values, draw(masks(len(queries), len(keys)))


@st.composite
def batches(draw):
    """The same with leading axes, each input with its own, and a mask."""
    (for_queries, for_keys, for_values), leading = draw(
        hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=2, max_side=3)
    )
    n_queries, n_keys, d_k, d_v = (draw(sizes) for _ in range(4))
    for_mask = draw(hnp.broadcastable_shapes(leading, max_dims=len(leading), max_side=3)) if leading else ()
    mask_shape = (*for_mask, draw(st.sampled_from([1, n_queries])), draw(st.sampled_from([1, n_keys])))
    return (
        draw(arrays(*for_queries, n_queries, d_k)),
        draw(arrays(*for_keys, n_keys, d_k)),
        draw(arrays(*for_values, n_keys, d_v)),
        draw(st.one_of(st.none(), masks(*mask_shape))),
    )


@st.composite
def layers(draw):
    """A multi-head attention of uneven sizes, and two sentences for it."""
    d_model, n_heads, d_k, d_v, n_queries, n_keys = (draw(st.integers(1, 4)) for _ in range(6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    attention = MultiHeadAttention.random(d_model, n_heads, rng, d_k=d_k, d_v=d_v)
    return attention, draw(arrays(n_queries, d_model)), draw(arrays(n_keys, d_model))


# softmax


@pytest.mark.parametrize("dtype", FLOATS)
@given(data=st.data())
@searched
def test_softmax_sums_to_one_for_all_finite_scores(dtype, data):
    shape = data.draw(hnp.array_shapes(max_dims=3, max_side=5))
    limits = np.finfo(dtype)
    finite = st.floats(width=limits.bits, allow_nan=False, allow_infinity=False) | st.sampled_from(
        [float(limits.min), float(limits.max)]
    )
    scores = data.draw(hnp.arrays(dtype, shape, elements=finite))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    weights = softmax(scores, axis=axis)
    assert weights.shape == shape and weights.dtype == dtype
    assert (weights >= 0).all()
    assert_allclose(weights.sum(axis=axis, dtype=np.float64), 1, rtol=ROUNDING[weights.dtype])


@given(arrays(3, 5, largest=800.0))
@searched
def test_softmax_equals_the_loops(scores):
    assert_allclose(
        softmax(scores), [plain_loops.softmax(row) for row in scores.tolist()], rtol=1e-12, atol=0
    )


@given(hnp.arrays(np.int64, (3, 4), elements=st.integers(-50, 50)), st.integers(-(10**9), 10**9))
@searched
def test_softmax_is_blind_to_a_shift(scores, shift):
    assert_array_equal(softmax(scores + shift), softmax(scores))  # whole numbers: no rounding in the sum


@given(hnp.arrays(np.float64, 5, elements=st.floats(-30, 30)))
@searched
def test_softmax_gives_the_larger_score_no_smaller_weight(scores):
    assert (np.diff(softmax(scores)[np.argsort(scores)]) >= 0).all()


@given(hnp.arrays(np.float64, (3, 4), elements=st.one_of(st.floats(-30, 30), st.just(-np.inf))))
@searched
def test_softmax_of_minus_infinity_is_exactly_zero(scores):
    weights = softmax(scores)
    assert_array_equal(weights > 0, scores > -np.inf)
    assert_allclose(weights.sum(axis=-1), (scores > -np.inf).any(axis=-1), rtol=1e-12)


# scaled_dot_product_attention


@given(batches(), st.one_of(st.none(), st.floats(-2, 2)))
@searched
def test_attention_equals_the_loops_over_batch_and_words(batch, scale):
    output, weights = scaled_dot_product_attention(*batch, scale=scale)
    expected_output, expected_weights = plain_loops.attention_of_arrays(*batch, scale=scale)
    assert output.shape == expected_output.shape
    close(output, expected_output)
    close(np.broadcast_to(weights, expected_weights.shape), expected_weights)


@given(masked_sentences())
@searched
def test_masked_weights_are_exactly_zero_and_rows_sum_to_one(inputs):
    output, weights = scaled_dot_product_attention(*inputs)
    mask = inputs[-1]
    assert_array_equal(weights[~mask], 0)
    assert_allclose(weights.sum(axis=-1), mask.any(axis=-1), rtol=1e-12)
    assert_array_equal(output[~mask.any(axis=-1)], 0)


@given(masked_sentences(), st.randoms(use_true_random=False))
@searched
def test_the_order_of_the_keys_does_not_matter(inputs, random):
    queries, keys, values, mask = inputs
    order = random.sample(range(len(keys)), len(keys))
    output, weights = scaled_dot_product_attention(queries, keys, values, mask)
    other_output, other_weights = scaled_dot_product_attention(
        queries, keys[order], values[order], mask[:, order]
    )
    close(other_output, output)
    close(other_weights, weights[:, order])


@given(masked_sentences(), st.randoms(use_true_random=False))
@searched
def test_reordered_queries_reorder_the_rows(inputs, random):
    queries, keys, values, mask = inputs
    order = random.sample(range(len(queries)), len(queries))
    output, weights = scaled_dot_product_attention(queries, keys, values, mask)
    other_output, other_weights = scaled_dot_product_attention(queries[order], keys, values, mask[order])
    close(other_output, output[order])
    close(other_weights, weights[order])


@given(masked_sentences())
@searched
def test_the_output_stays_between_the_values_attended_to(inputs):
    values, mask = inputs[2], inputs[3]
    assume(mask.any())
    output, _ = scaled_dot_product_attention(*inputs)
    for row, allowed in zip(output, mask):
        if allowed.any():
            assert (row >= values[allowed].min(axis=0) - 1e-12).all()
            assert (row <= values[allowed].max(axis=0) + 1e-12).all()


@given(masked_sentences())
@searched
def test_a_masked_key_is_as_good_as_no_key(inputs):
    queries, keys, values, mask = inputs
    left = mask[0]  # one choice for every query
    assume(left.any())
    output, weights = scaled_dot_product_attention(queries, keys, values, left)
    short_output, short_weights = scaled_dot_product_attention(queries, keys[left], values[left])
    close(output, short_output)
    close(weights[:, left], short_weights)


@given(sentences(), st.data())
@searched
def test_padding_words_change_nothing(inputs, data):
    queries, keys, values = inputs
    n_padding = data.draw(st.integers(0, 3))
    longer_keys = np.concatenate([keys, data.draw(arrays(n_padding, keys.shape[1]))])
    longer_values = np.concatenate([values, data.draw(arrays(n_padding, values.shape[1]))])
    output, _ = scaled_dot_product_attention(
        queries, longer_keys, longer_values, padding_mask(len(keys), len(longer_keys))
    )
    close(output, scaled_dot_product_attention(queries, keys, values)[0])


@given(sentences(), st.data())
@searched
def test_causal_outputs_do_not_depend_on_later_words(inputs, data):
    _, keys, values = inputs
    n = len(keys)
    queries = data.draw(arrays(n, keys.shape[1]))
    k = data.draw(st.integers(1, n))
    output, weights = scaled_dot_product_attention(queries, keys, values, causal_mask(n))
    changed = [
        np.concatenate([x[:k], data.draw(arrays(n - k, x.shape[1], largest=100.0))])
        for x in (queries, keys, values)
    ]
    close(scaled_dot_product_attention(*changed, causal_mask(n))[0][:k], output[:k])
    close(scaled_dot_product_attention(queries[:k], keys[:k], values[:k], causal_mask(k))[0], output[:k])
    last = scaled_dot_product_attention(
        queries[n - k :], keys, values, causal_mask(k, n)
    )  # the last k words alone
    close(last[0], output[n - k :])
    close(last[1], weights[n - k :])


@given(sentences(), st.floats(0.25, 4), st.floats(-2, 2))
@searched
def test_scaling_the_queries_equals_scaling_the_scores(inputs, factor, scale):
    queries, keys, values = inputs
    close(
        scaled_dot_product_attention(factor * queries, keys, values, scale=scale)[0],
        scaled_dot_product_attention(queries, keys, values, scale=factor * scale)[0],
    )


@pytest.mark.parametrize("dtype", FLOATS)
@given(data=st.data())
@searched
def test_attention_keeps_the_number_type(dtype, data):
    queries, keys, values = data.draw(sentences(dtype=dtype))
    output, weights = scaled_dot_product_attention(queries, keys, values)
    assert output.dtype == weights.dtype == dtype
    expected_output, expected_weights = plain_loops.attention_of_arrays(queries, keys, values)
    rounding = 20 * ROUNDING[output.dtype]  # a score of 80 carries 80 times the rounding of 1
    assert_allclose(output, expected_output, atol=4 * rounding)
    assert_allclose(weights, expected_weights, atol=rounding)


@given(batches())
@searched
def test_attention_changes_no_input_and_shares_no_memory(batch):
    inputs = [x for x in batch if x is not None]
    before = [x.copy() for x in inputs]
    for x in inputs:
        x.flags.writeable = False
    results = scaled_dot_product_attention(*inputs)
    for x, copy in zip(inputs, before):
        assert_array_equal(x, copy)
        assert not any(np.shares_memory(x, result) for result in results)


# split_heads and merge_heads


@st.composite
def words_and_heads(draw):
    n_heads, d_k = draw(sizes), draw(sizes)
    leading = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    return draw(hnp.arrays(np.int16, (*leading, n_heads * d_k))), n_heads


@given(words_and_heads())
@searched
def test_split_and_merge_are_inverse(inputs):
    x, n_heads = inputs
    heads = split_heads(x, n_heads)
    d_k = x.shape[-1] // n_heads
    assert heads.shape == (*x.shape[:-2], n_heads, x.shape[-2], d_k)
    assert np.shares_memory(heads, x)
    for head in range(n_heads):
        assert_array_equal(heads[..., head, :, :], x[..., head * d_k : (head + 1) * d_k])
    assert_array_equal(merge_heads(heads), x)


@given(hnp.arrays(np.int16, hnp.array_shapes(min_dims=3, max_dims=4, max_side=4)))
@searched
def test_merge_and_split_are_inverse(heads):
    assert_array_equal(split_heads(merge_heads(heads), heads.shape[-3]), heads)


# MultiHeadAttention


@given(layers(), st.data())
@searched
def test_multi_head_attention_equals_the_loops(inputs, data):
    attention, x, context = inputs
    mask = data.draw(st.one_of(st.none(), masks(attention.n_heads, len(x), len(context))))
    output, weights = attention(x, context, mask)
    expected_output, expected_weights, expected_writes = plain_loops.multi_head_of_arrays(
        attention.w_q, attention.w_k, attention.w_v, attention.w_o, attention.n_heads, x, context, mask
    )
    close(output, expected_output)
    close(weights, expected_weights)
    close(attention.heads(x, context, mask), expected_writes)


@given(layers(), st.data())
@searched
def test_the_heads_sum_to_the_output(inputs, data):
    attention, x, context = inputs
    mask = data.draw(masks(len(x), len(context)))
    close(attention.heads(x, context, mask).sum(axis=-3), attention(x, context, mask)[0])


@given(layers(), st.randoms(use_true_random=False))
@searched
def test_self_attention_is_blind_to_word_order(inputs, random):
    attention, _, x = inputs
    order = random.sample(range(len(x)), len(x))
    output, weights = attention(x)
    other_output, other_weights = attention(x[order])
    close(other_output, output[order])
    close(other_weights, weights[:, order][:, :, order])


@given(layers(), st.data())
@searched
def test_a_batch_equals_its_sentences_one_by_one(inputs, data):
    attention, x, context = inputs
    batch = np.stack([x, data.draw(arrays(*x.shape)), x[::-1]])
    mask = data.draw(masks(3, len(x), len(context)))
    output, weights = attention(batch, context, mask)
    for i in range(3):
        alone_output, alone_weights = attention(batch[i], context, mask[i])
        close(output[i], alone_output)
        close(weights[i], alone_weights)


@given(layers(), st.randoms(use_true_random=False))
@searched
def test_the_order_of_the_heads_does_not_matter(inputs, random):
    attention, x, context = inputs
    order = random.sample(range(attention.n_heads), attention.n_heads)
    blocks = np.arange(attention.n_heads * attention.d_k).reshape(attention.n_heads, -1)[order].ravel()
    value_blocks = np.arange(attention.n_heads * attention.d_v).reshape(attention.n_heads, -1)[order].ravel()
    other = MultiHeadAttention(
        attention.w_q[:, blocks],
        attention.w_k[:, blocks],
        attention.w_v[:, value_blocks],
        attention.w_o[value_blocks],
        attention.n_heads,
    )
    output, weights = attention(x, context)
    other_output, other_weights = other(x, context)
    close(other_output, output)
    close(other_weights, weights[order])
