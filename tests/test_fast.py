"""helpers/fast.py answers as helpers/attention.py does: in random cases, in errors, beside plain loops."""

import inspect
import pickle
import tracemalloc
from operator import attrgetter

import numpy as np
import plain_loops
import pytest
from attention_inputs import expected_of, normal, random_mask, refuses, small_attention
from numpy.testing import assert_allclose, assert_array_equal

from helpers import attention, fast
from helpers.attention import merge_heads, split_heads
from helpers.fast import MultiHeadAttention, scaled_dot_product_attention

pytestmark = pytest.mark.filterwarnings("error")

FLOATS = [np.float16, np.float32, np.float64]
TOLERANCE = {np.dtype(np.float16): 2e-3, np.dtype(np.float32): 2e-5, np.dtype(np.float64): 1e-12}


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """Two threads, which share even the smallest work."""
    monkeypatch.setattr(fast, "n_threads", 2)
    monkeypatch.setattr(fast, "WORTH_SHARING", 0)


# Against helpers/attention.py, on random cases


def same(found, expected, largest):
    """One pair of results: the same type, shape and numbers, up to rounding."""
    if expected is None:
        assert found is None
        return
    assert found.dtype == expected.dtype and found.shape == expected.shape
    tolerance = {2: 4e-3, 4: 1e-4, 8: 1e-11}[found.dtype.itemsize]
    assert_allclose(found.astype(float), expected.astype(float), rtol=tolerance, atol=tolerance * largest)


def leading_axes(rng):
    """Three or four shapes that broadcast, such as (2, 1), (3,), (1, 3) and ()."""
    whole = rng.integers(1, 4, rng.integers(0, 3)).tolist()
    shapes = []
    for _ in range(4):
        kept = whole[rng.integers(0, len(whole) + 1) :]
        shapes.append([1 if rng.random() < 0.3 else size for size in kept])
    return shapes


def random_words(rng):
    """Numbers of words on every path: a few, some, and just above a tile's width."""
    return int(
        rng.choice(
            [rng.integers(1, 9), rng.integers(9, 70), rng.integers(120, 140), rng.integers(250, 300)],
            p=[0.4, 0.4, 0.1, 0.1],
        )
    )


def random_mask_of(rng, leading, n_queries, n_keys):
    if rng.random() < 0.4:
        return None
    mask = rng.random((*leading, rng.choice([1, n_queries]), rng.choice([1, n_keys]))) < rng.choice(
        [0.1, 0.6, 0.95]
    )
    return mask[0, 0] if mask.ndim == 2 and len(mask) == 1 and rng.random() < 0.3 else mask


def random_type(rng):
    return rng.choice([np.float16, np.float32, np.float64], p=[0.1, 0.45, 0.45])


@pytest.mark.parametrize("seed", range(8))
def test_attention_equals_the_core_on_random_cases(seed):
    rng = np.random.default_rng(seed)
    for _ in range(150):
        (of_queries, of_keys, of_values, of_mask), dtype = leading_axes(rng), random_type(rng)
        n_queries, n_keys, d_k, d_v = random_words(rng), random_words(rng), *rng.integers(1, 9, 2).tolist()
        size = rng.choice([0.1, 1, 5])  # the largest scores are subtracted, or need not be
        queries = (size * rng.standard_normal((*of_queries, n_queries, d_k))).astype(dtype)
        keys = (size * rng.standard_normal((*of_keys, n_keys, d_k))).astype(random_type(rng))
        values = rng.standard_normal((*of_values, n_keys, d_v)).astype(dtype)
        mask = random_mask_of(rng, of_mask, n_queries, n_keys)
        scale, need_weights = rng.choice([None, 0.7, -1.5]), bool(rng.random() < 0.6)
        inputs = queries, keys, values, mask, scale, need_weights
        found, expected = (
            scaled_dot_product_attention(*inputs),
            attention.scaled_dot_product_attention(*inputs),
        )
        for one, other in zip(found, expected):
            same(one, other, largest=4)


@pytest.mark.parametrize("seed", range(8))
def test_a_layer_equals_the_core_on_random_cases(seed):
    rng = np.random.default_rng(100 + seed)
    for _ in range(80):
        d_model, n_heads, d_k, d_v = rng.integers(1, 7, 4).tolist()
        slow = attention.MultiHeadAttention.random(d_model, n_heads, rng, d_k=d_k, d_v=d_v)
        matrices = (w.astype(random_type(rng)) for w in (slow.w_q, slow.w_k, slow.w_v, slow.w_o))
        slow = attention.MultiHeadAttention(*matrices, n_heads)
        quick = MultiHeadAttention.of(slow)
        of_x, of_context, *_ = leading_axes(rng)
        n_queries, n_context, dtype = random_words(rng), random_words(rng), random_type(rng)
        x = rng.standard_normal((*of_x, n_queries, d_model)).astype(dtype)
        context = (
            rng.standard_normal((*of_context, n_context, d_model)).astype(dtype)
            if rng.random() < 0.5
            else None
        )
        n_keys = n_queries if context is None else n_context
        mask = random_mask_of(rng, [], n_queries, n_keys)
        if mask is not None and rng.random() < 0.5:  # one for each head
            leading = (1,) * (max(len(of_x), len(of_context) if context is not None else 0))
            mask = rng.random((*leading, n_heads, n_queries, n_keys)) < 0.6
        inputs = x, context, mask
        for one, other in zip(quick(*inputs), slow(*inputs)):
            same(one, other, largest=8)
        same(quick(*inputs, need_weights=False)[0], slow(*inputs)[0], largest=8)
        same(quick.heads(*inputs), slow.heads(*inputs), largest=8)
        for one, other in zip(quick.project(x, context), slow.project(x, context)):
            same(one, other, largest=8)


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("n_words", [1, 2, 8, 9, 16, 17, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_large_layer_equals_the_core(n_words, dtype, n_threads, monkeypatch):
    monkeypatch.setattr(fast, "n_threads", n_threads)
    slow = attention.MultiHeadAttention.random(256, 8, np.random.default_rng(0))
    slow = attention.MultiHeadAttention(
        *(w.astype(dtype) for w in (slow.w_q, slow.w_k, slow.w_v, slow.w_o)), 8
    )
    quick = MultiHeadAttention.of(slow)
    for x in (normal(n_words, 256, dtype=dtype), normal(2, n_words, 512, dtype=dtype)[..., ::2]):
        for need_weights in (True, False):
            for one, other in zip(quick(x, need_weights=need_weights), slow(x, need_weights=need_weights)):
                same(one, other, largest=1)


@pytest.mark.parametrize("size", [1e-3, 1, 30, 1e4])
def test_scores_of_every_size(size):
    queries, keys, values = size * normal(200, 8), size * normal(300, 8), normal(300, 5)
    for need_weights in (True, False):
        inputs = queries, keys, values, None, None, need_weights
        for one, other in zip(
            scaled_dot_product_attention(*inputs), attention.scaled_dot_product_attention(*inputs)
        ):
            same(one, other, largest=1e-3 if size > 1 else 1)


# As a drop-in


def test_it_has_the_names_of_the_core():
    public = {
        name
        for name, value in vars(attention).items()
        if getattr(value, "__module__", "") == attention.__name__
    }
    assert public - {"Explanation"} == set(fast.__all__)


@pytest.mark.parametrize(
    "name",
    [
        "scaled_dot_product_attention",
        "MultiHeadAttention.__call__",
        "MultiHeadAttention.heads",
        "MultiHeadAttention.project",
        "MultiHeadAttention.random",
    ],
)
def test_it_has_the_signatures_of_the_core(name):
    assert inspect.signature(attrgetter(name)(fast)) == inspect.signature(attrgetter(name)(attention))


def test_of_takes_a_layer_of_the_core():
    slow = attention.MultiHeadAttention.random(12, 3, np.random.default_rng(0), d_k=2, d_v=5)
    quick = MultiHeadAttention.of(slow)
    assert isinstance(quick, attention.MultiHeadAttention)
    assert (quick.d_model, quick.d_k, quick.d_v, quick.n_parameters) == (
        slow.d_model,
        slow.d_k,
        slow.d_v,
        slow.n_parameters,
    )
    for name in ("w_q", "w_k", "w_v", "w_o"):
        assert_array_equal(getattr(quick, name), getattr(slow, name))
        assert not getattr(quick, name).flags.writeable


def test_a_layer_survives_a_pickle():
    quick, x = small_attention(), normal(6, 5)
    assert_array_equal(pickle.loads(pickle.dumps(quick))(x)[0], quick(x)[0])


@pytest.mark.parametrize(
    "call",
    [
        lambda module: module.scaled_dot_product_attention(np.ones((2, 3)), np.ones((4, 2)), np.ones((4, 5))),
        lambda module: module.scaled_dot_product_attention(
            np.full((2, 3), np.nan), np.ones((4, 3)), np.ones((4, 5))
        ),
        lambda module: module.scaled_dot_product_attention(
            np.full((99, 3), np.inf), np.ones((99, 3)), np.ones((99, 5))
        ),
        lambda module: module.scaled_dot_product_attention(
            np.ones((2, 3)), np.ones((4, 3)), np.ones((4, 5)), np.ones((4, 2), bool)
        ),
        lambda module: module.scaled_dot_product_attention(
            np.ones((2, 3)), np.ones((4, 3)), np.ones((4, 5)), scale="8"
        ),
        lambda module: module.MultiHeadAttention.random(4, 2, np.random.default_rng(0))(np.ones((3, 5))),
        lambda module: module.MultiHeadAttention.random(4, 2, np.random.default_rng(0))(
            np.ones((3, 4)), np.ones((0, 4))
        ),
        lambda module: module.MultiHeadAttention.random(4, 2, np.random.default_rng(0))(
            np.ones((3, 4)), mask=np.ones((3, 3))
        ),
        lambda module: module.MultiHeadAttention(
            np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3)), np.ones((3, 2)), 2
        ),
    ],
    ids=range(9),
)
def test_it_says_what_the_core_says(call):
    with np.errstate(invalid="ignore"), pytest.raises((TypeError, ValueError)) as expected:
        call(attention)
    with np.errstate(invalid="ignore"), refuses(type(expected.value), str(expected.value)):
        call(fast)


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("n", [100, 200, 1000])
def test_a_batch_of_nothing(n, need_weights):
    z = np.empty((0, n, 4))
    output, weights = scaled_dot_product_attention(z, z, z, need_weights=need_weights)
    assert output.shape == (0, n, 4)
    assert weights is None or weights.shape == (0, n, n)


def test_without_weights_memory_does_not_grow_with_the_square():
    x = normal(2000, 8)
    tracemalloc.start()
    scaled_dot_product_attention(x, x, x, need_weights=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000 * 2000 * 8 / 2


# Against plain loops: long sentences go through blocks

ASKED = np.s_[..., ::29, :]  # the loops check every 29th query: the rows are independent


@pytest.mark.parametrize(
    "leading",
    [
        ((), (), (), None),
        ((), (), (), ()),
        ((2,), (), (2,), (1,)),
        ((), (), (), (2,)),
        ((), (), (2,), ()),
        ((2, 1), (3,), (), (3,)),
    ],
    ids=str,
)
def test_long_sentences_against_the_loops(leading):
    for_queries, for_keys, for_values, for_mask = leading
    queries, keys, values = (
        normal(*for_queries, 301, 3),
        normal(*for_keys, 523, 3),
        normal(*for_values, 523, 2),
    )
    mask = None if for_mask is None else random_mask(*for_mask, 301, 523)
    if mask is not None:
        mask[..., 29, :] = False  # a query that may attend to nothing
    output, weights = scaled_dot_product_attention(queries, keys, values, mask)
    expected_output, expected_weights = plain_loops.attention_of_arrays(
        queries[ASKED], keys, values, None if mask is None else mask[ASKED]
    )
    assert output.shape == (*expected_output.shape[:-2], 301, 2)
    assert weights.shape == np.broadcast_shapes(for_queries, for_keys, for_mask or ()) + (301, 523)
    assert_allclose(output[ASKED], expected_output, rtol=1e-11, atol=1e-12)
    assert_allclose(np.broadcast_to(weights[ASKED], expected_weights.shape), expected_weights, rtol=1e-11)
    assert_allclose(
        weights.sum(axis=-1),
        np.ones(weights.shape[:-1])
        if mask is None
        else np.broadcast_to(mask.any(axis=-1), weights.shape[:-1]),
        rtol=1e-12,
    )


@pytest.mark.parametrize("dtype", FLOATS)
def test_long_sentences_keep_the_number_type_and_the_inputs(dtype):
    inputs = [
        normal(300, 3, dtype=dtype),
        normal(280, 3, dtype=dtype),
        normal(280, 2, dtype=dtype),
        random_mask(300, 280),
    ]
    before = [x.copy() for x in inputs]
    for x in inputs:
        x.flags.writeable = False
    output, weights = scaled_dot_product_attention(*inputs)
    assert output.dtype == weights.dtype == dtype
    for x, copy in zip(inputs, before):
        assert_array_equal(x, copy)
        assert not np.shares_memory(output, x) and not np.shares_memory(weights, x)
    queries, keys, values, mask = inputs
    expected_output, expected_weights = plain_loops.attention_of_arrays(
        queries[ASKED], keys, values, mask[ASKED]
    )
    tolerance = TOLERANCE[output.dtype]
    assert_allclose(output[ASKED], expected_output, rtol=tolerance, atol=tolerance)
    assert_allclose(weights[ASKED], expected_weights, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("batch", [(), (2,)], ids=str)
@pytest.mark.parametrize("kind", ["none", "shared", "per head"])
def test_long_sentences_through_several_heads(batch, kind):
    attention, x, context = small_attention(), normal(*batch, 290, 5), normal(*batch, 270, 5)
    mask = {"none": None, "shared": random_mask(290, 270), "per head": random_mask(*batch, 3, 290, 270)}[kind]
    full_mask = None if mask is None else np.broadcast_to(mask, (*batch, 3, 290, 270))
    output, weights = attention(x, context, mask)
    expected_output, expected_weights, expected_writes = expected_of(
        attention, x[ASKED], context, None if mask is None else full_mask[ASKED]
    )
    assert output.shape == (*batch, 290, 5) and weights.shape == (*batch, 3, 290, 270)
    assert_allclose(output[ASKED], expected_output, rtol=1e-11, atol=1e-12)
    assert_allclose(weights[ASKED], expected_weights, rtol=1e-11)
    assert_allclose(attention.heads(x, context, mask)[ASKED], expected_writes, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "d_k, d_v, n_words, n_context", [(64, 16, 601, 523), (32, 32, 530, None), (48, 40, 17, 4099)], ids=str
)
def test_long_sentences_in_many_pieces(d_k, d_v, n_words, n_context):
    attention = small_attention(
        n_heads=3, d_model=5, d_k=d_k, d_v=d_v
    )  # wide enough heads for every product to be cut up
    x, context = normal(n_words, 5), None if n_context is None else normal(n_context, 5)
    mask = random_mask(n_words, n_context or n_words)
    mask[:2] = False
    asked = np.s_[:: max(n_words // 6, 1)]
    output, weights = attention(x, context, mask)
    expected_output, expected_weights, _ = expected_of(
        attention, x[asked], x if context is None else context, mask[asked][None]
    )
    assert_allclose(output[asked], expected_output, rtol=1e-10, atol=1e-11)
    assert_allclose(weights[:, asked], expected_weights, rtol=1e-10)
    assert_array_equal(output[:2], 0)
    assert_allclose(weights.sum(axis=-1), np.broadcast_to(mask.any(axis=-1), (3, n_words)), rtol=1e-12)
    every_value = weights @ split_heads(
        (x if context is None else context) @ attention.w_v, 3
    )  # the rows not asked about
    assert_allclose(output, merge_heads(every_value) @ attention.w_o, rtol=1e-9, atol=1e-11)


def test_long_sentences_refuse_scores_that_are_no_number():
    queries = np.ones((300, 3))
    queries[299, 0] = np.nan
    with refuses(ValueError, "scores must be finite or -inf, and some are NaN or +inf"):
        scaled_dot_product_attention(queries, np.ones((300, 3)), np.ones((300, 2)))


# What is returned


def test_results_belong_to_the_caller():
    layer, x = small_attention(), normal(300, 5)
    first, weights = layer(x)
    kept = first.copy()
    layer(normal(300, 5, seed=1))
    assert_array_equal(first, kept)
    for result in (first, weights):
        assert not np.shares_memory(result, x)
        result[:] = 0
