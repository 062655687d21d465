"""Inputs of attention with uneven sizes, and what they should give, for the core and for its fast twin."""

import re

import numpy as np
import plain_loops
import pytest

from helpers.attention import MultiHeadAttention


def refuses(error, sentence):
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


def normal(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def random_mask(*shape):
    return np.random.default_rng(list(shape)).random(shape) < 0.6


def small_attention(n_heads=3, d_model=5, d_k=2, d_v=4, seed=0):
    """Sizes that differ from one another, so that no mix-up of axes goes unseen."""
    return MultiHeadAttention.random(d_model, n_heads, np.random.default_rng(seed), d_k=d_k, d_v=d_v)


def expected_of(attention, x, context=None, mask=None):
    return plain_loops.multi_head_of_arrays(
        attention.w_q, attention.w_k, attention.w_v, attention.w_o, attention.n_heads, x, context, mask
    )
