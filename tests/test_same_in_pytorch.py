"""The table "the same in PyTorch" of notebook 08, a test a line. Skipped where torch isn't installed."""

import re

import numpy as np
import pytest

from helpers.attention import (
    MultiHeadAttention,
    causal_mask,
    merge_heads,
    padding_mask,
    scaled_dot_product_attention,
    split_heads,
)
from helpers.checks.exercises.notebook_08 import my_pytorch_output
from helpers.from_pytorch import multi_head_attention
from tools.notebooks import FOLDER, cells, read, source

D_MODEL, N_HEADS, BATCH, N = 12, 3, 2, 5
LINES = set()


def line(name):
    """Says which line of the table a test proves."""
    LINES.add(name)
    return lambda test: test


def test_every_line_of_the_table_is_proved():
    (text,) = (
        source(cell)
        for _, cell in cells(read(FOLDER / "08_a_real_model.ipynb"), "markdown")
        if "## The same in PyTorch" in source(cell)
    )
    table = re.findall(r"^\| (\w[^|]*?) \|", text, flags=re.M)
    assert len(table) == len(set(table)) > 10
    assert set(table) == LINES


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    return torch


@pytest.fixture
def theirs(torch):
    """A layer of PyTorch in float64, with biases that aren't 0."""
    layer = torch.nn.MultiheadAttention(D_MODEL, N_HEADS, batch_first=True, dtype=torch.float64).eval()
    for bias in (layer.in_proj_bias, layer.out_proj.bias):
        torch.nn.init.normal_(bias)
    return layer


@pytest.fixture
def plain(torch):
    """The same without biases."""
    return torch.nn.MultiheadAttention(
        D_MODEL, N_HEADS, bias=False, batch_first=True, dtype=torch.float64
    ).eval()


@pytest.fixture
def x():
    return np.random.default_rng(0).standard_normal((BATCH, N, D_MODEL))


def run(torch, layer, x, **options):
    x = torch.tensor(x)
    with torch.no_grad():
        output, weights = layer(x, x, x, **options)
    return output.numpy(), None if weights is None else weights.numpy()


def tensors(torch, x, layer):
    return [torch.tensor(part) for part in layer.project(x)]


class TestSameResults:
    def test_one_layer(self, torch, plain, x):
        ours, biases = multi_head_attention(plain.state_dict(), N_HEADS)
        assert biases is None
        for found, expected in zip(ours(x), run(torch, plain, x, average_attn_weights=False)):
            np.testing.assert_allclose(found, expected, atol=1e-12)

    def test_the_function(self, torch, x):
        ours = MultiHeadAttention.random(D_MODEL, N_HEADS, np.random.default_rng(1))
        expected = torch.nn.functional.scaled_dot_product_attention(*tensors(torch, x, ours))
        output, _ = scaled_dot_product_attention(*ours.project(x))
        np.testing.assert_allclose(output, expected.numpy(), atol=1e-12)


class TestLinesOfTheTable:
    @line("one matrix")
    def test_a_linear_layer_keeps_its_matrix_with_the_outputs_first(self, torch, x):
        linear = torch.nn.Linear(D_MODEL, 7, dtype=torch.float64)
        w, bias = linear.weight.detach().numpy(), linear.bias.detach().numpy()
        assert w.shape == (7, D_MODEL)  # ours: (d_in, d_out), x @ w
        np.testing.assert_allclose(x @ w.T + bias, linear(torch.tensor(x)).detach().numpy(), atol=1e-12)

    @line("W_Q, W_K, W_V")
    def test_the_three_projections_are_packed_one_below_the_other(self, plain):
        packed = plain.in_proj_weight.detach().numpy()
        ours, _ = multi_head_attention(plain.state_dict(), N_HEADS)
        assert packed.shape == (3 * D_MODEL, D_MODEL)
        np.testing.assert_array_equal(packed, np.concatenate([ours.w_q, ours.w_k, ours.w_v], axis=1).T)

    @line("axes of x")
    def test_the_words_come_first_unless_batch_first_is_set(self, torch, plain, x):
        by_default = torch.nn.MultiheadAttention(D_MODEL, N_HEADS, bias=False, dtype=torch.float64).eval()
        by_default.load_state_dict(plain.state_dict())
        output, _ = run(torch, by_default, x.swapaxes(0, 1))  # (n, batch, d_model)
        np.testing.assert_allclose(output.swapaxes(0, 1), run(torch, plain, x)[0], atol=1e-12)

    @line("masks of the layer")
    def test_in_the_layer_true_means_may_not_attend(self, torch, plain, x):
        ours, _ = multi_head_attention(plain.state_dict(), N_HEADS)
        expected = run(torch, plain, x, attn_mask=torch.tensor(~causal_mask(N)), average_attn_weights=False)
        for found, wanted in zip(ours(x, mask=causal_mask(N)), expected):
            np.testing.assert_allclose(found, wanted, atol=1e-12)

    @line("masks of the layer")
    def test_in_its_padding_mask_too(self, torch, plain, x):
        ours, _ = multi_head_attention(plain.state_dict(), N_HEADS)
        mask = padding_mask([5, 3], N)  # (batch, 1, n)
        hidden = torch.tensor(~mask[:, 0])  # (batch, n)
        expected = run(torch, plain, x, key_padding_mask=hidden, average_attn_weights=False)
        for found, wanted in zip(ours(x, mask=mask), expected):
            np.testing.assert_allclose(found, wanted, atol=1e-12)

    @line("mask of the function")
    def test_in_the_function_true_means_may_attend_as_in_ours(self, torch, x):
        ours = MultiHeadAttention.random(D_MODEL, N_HEADS, np.random.default_rng(1))
        sdpa = torch.nn.functional.scaled_dot_product_attention
        output, _ = scaled_dot_product_attention(*ours.project(x), causal_mask(N))
        for options in ({"attn_mask": torch.tensor(causal_mask(N))}, {"is_causal": True}):
            expected = sdpa(*tensors(torch, x, ours), **options)
            np.testing.assert_allclose(output, expected.numpy(), atol=1e-12)

    @line("causal, more keys than queries")
    def test_is_causal_with_more_keys_than_queries_lets_the_first_query_attend_to_one_key_only(
        self, torch, x
    ):
        ours = MultiHeadAttention.random(D_MODEL, N_HEADS, np.random.default_rng(1))
        queries, keys, values = ours.project(x)
        queries = queries[..., :2, :]
        parts = map(torch.tensor, (queries, keys, values))
        found = torch.nn.functional.scaled_dot_product_attention(*parts, is_causal=True).numpy()
        from_the_start = np.tri(2, N, dtype=bool)  # ours counts from the end: causal_mask(2, 5)
        assert (causal_mask(2, N) != from_the_start).any()
        expected, _ = scaled_dot_product_attention(queries, keys, values, from_the_start)
        np.testing.assert_allclose(found, expected, atol=1e-12)

    @line("a query that may attend to nothing")
    def test_a_query_that_may_attend_to_nothing(self, torch, plain, x):
        mask = np.ones((N, N), bool)
        mask[2] = False
        ours, _ = multi_head_attention(plain.state_dict(), N_HEADS)
        assert not ours(x, mask=mask)[0][:, 2].any()
        assert np.isnan(run(torch, plain, x, attn_mask=torch.tensor(~mask))[0][:, 2]).all()  # theirs: NaN

    @line("weights of the layer")
    def test_the_layer_averages_the_weights_over_its_heads_by_default(self, torch, plain, x):
        ours, _ = multi_head_attention(plain.state_dict(), N_HEADS)
        _, averaged = run(torch, plain, x)
        assert averaged.shape == (BATCH, N, N)
        np.testing.assert_allclose(ours(x)[1].mean(axis=1), averaged, atol=1e-12)

    @line("weights of the function")
    def test_the_function_returns_no_weights(self, torch, x):
        ours = MultiHeadAttention.random(D_MODEL, N_HEADS, np.random.default_rng(1))
        found = torch.nn.functional.scaled_dot_product_attention(*tensors(torch, x, ours))
        assert isinstance(found, torch.Tensor)  # ours returns output and weights

    @line("dropout")
    def test_dropout_acts_on_the_weights_and_only_in_training(self, torch, plain, x):
        plain.dropout = 0.5
        before = run(torch, plain, x, average_attn_weights=False)[1]
        np.testing.assert_allclose(before.sum(axis=-1), 1)
        plain.train()
        _, weights = run(torch, plain, x, average_attn_weights=False)
        assert (weights == 0).any()
        np.testing.assert_allclose(weights[weights != 0], 2 * before[weights != 0])  # rows no longer sum to 1

    @line("dropout")
    def test_the_function_drops_out_whatever_the_mode(self, torch, x):
        ours = MultiHeadAttention.random(D_MODEL, N_HEADS, np.random.default_rng(1))
        sdpa, parts = torch.nn.functional.scaled_dot_product_attention, tensors(torch, x, ours)
        assert not torch.equal(sdpa(*parts, dropout_p=0.5), sdpa(*parts))

    @line("merging the heads")
    def test_view_needs_contiguous_memory_and_numpy_copies_by_itself(self, torch, x):
        results = torch.tensor(np.ascontiguousarray(split_heads(x, N_HEADS)))  # as the function returns them
        with pytest.raises(RuntimeError, match="view"):
            results.transpose(1, 2).view(BATCH, N, D_MODEL)
        for merged in (
            results.transpose(1, 2).contiguous().view(BATCH, N, D_MODEL),
            results.transpose(1, 2).reshape(BATCH, N, D_MODEL),
        ):
            np.testing.assert_array_equal(merged.numpy(), merge_heads(results.numpy()))

    @line("scale")
    def test_the_scale(self, torch, x):
        ours = MultiHeadAttention.random(D_MODEL, N_HEADS, np.random.default_rng(1))
        found = torch.nn.functional.scaled_dot_product_attention(*tensors(torch, x, ours), scale=0.1)
        output, _ = scaled_dot_product_attention(*ours.project(x), scale=0.1)
        np.testing.assert_allclose(output, found.numpy(), atol=1e-12)


class TestYourOwnWeights:
    def test_the_answer_to_the_exercise_is_what_pytorch_computes(self, torch, theirs, x):
        state = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
        for found, sentence in zip(run(torch, theirs, x)[0], x):
            np.testing.assert_allclose(my_pytorch_output(sentence, state, N_HEADS), found, atol=1e-12)

    @line("biases")
    def test_biases_are_returned_and_complete_the_result(self, torch, theirs, x):
        ours, b = multi_head_attention(theirs.state_dict(), N_HEADS)
        q, k, v = (
            split_heads(x @ w + bias, N_HEADS)
            for w, bias in ((ours.w_q, b["b_q"]), (ours.w_k, b["b_k"]), (ours.w_v, b["b_v"]))
        )
        results, weights = scaled_dot_product_attention(q, k, v)
        output, expected = run(torch, theirs, x, average_attn_weights=False)
        np.testing.assert_allclose(weights, expected, atol=1e-12)
        np.testing.assert_allclose(merge_heads(results) @ ours.w_o + b["b_o"], output, atol=1e-12)

    def test_the_biases_of_the_keys_change_nothing_and_those_of_the_values_add_a_constant(
        self, torch, theirs, x
    ):
        ours, b = multi_head_attention(theirs.state_dict(), N_HEADS)
        _, _, values = ours.project(x)
        queries = split_heads(x @ ours.w_q + b["b_q"], N_HEADS)
        results, _ = scaled_dot_product_attention(queries, split_heads(x @ ours.w_k, N_HEADS), values)
        found = merge_heads(results) @ ours.w_o + (b["b_v"] @ ours.w_o + b["b_o"])
        np.testing.assert_allclose(found, run(torch, theirs, x)[0], atol=1e-12)

    def test_a_layer_that_has_no_counterpart_is_refused(self, torch):
        layer = torch.nn.MultiheadAttention
        with pytest.raises(ValueError, match="made with kdim or vdim"):
            multi_head_attention(layer(D_MODEL, N_HEADS, kdim=7).state_dict(), N_HEADS)
        with pytest.raises(ValueError, match="made with add_bias_kv=True"):
            multi_head_attention(layer(D_MODEL, N_HEADS, add_bias_kv=True).state_dict(), N_HEADS)


class TestWithoutTorch:
    @pytest.mark.parametrize(
        ("state", "n_heads", "sentence"),
        [
            ({}, 2, r"lacks in_proj_weight: .* got the names \(none\)"),
            ({"attn.in_proj_weight": np.ones((12, 4))}, 2, "lacks in_proj_weight: .*attn.in_proj_weight"),
            ({"in_proj_weight": np.ones((12, 4))}, 2, "lacks out_proj.weight"),
            ({"in_proj_weight": np.ones((4, 12)), "out_proj.weight": np.eye(4)}, 2, r"they have \(4, 12\)"),
            ({"in_proj_weight": np.ones((12, 4)), "out_proj.weight": np.eye(4)}, 3, "3 heads do not divide"),
        ],
    )
    def test_what_is_wrong_is_said(self, state, n_heads, sentence):
        with pytest.raises(ValueError, match=sentence):
            multi_head_attention(state, n_heads)
