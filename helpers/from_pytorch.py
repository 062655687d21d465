"""Your own trained attention: the weights of a torch.nn.MultiheadAttention in the layer of notebook 04."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from helpers.attention import MultiHeadAttention

__all__ = ["multi_head_attention"]


def multi_head_attention(
    state: Mapping[str, Any], n_heads: int
) -> tuple[MultiHeadAttention, dict[str, np.ndarray] | None]:
    """Turn the state dict of a torch.nn.MultiheadAttention into our layer, and its biases.

    PyTorch keeps a matrix with its outputs first, so each one is transposed, and it keeps w_q, w_k and w_v
    in one matrix, in_proj_weight. Our layer has no biases, so they are returned beside it:

        output of PyTorch = output of ours    if the biases are None or all 0

    state:   name → array or tensor: in_proj_weight (3 · d_model, d_model), out_proj.weight
             (d_model, d_model) and, unless made with bias=False, in_proj_bias (3 · d_model,) and
             out_proj.bias (d_model,)
    n_heads: num_heads of the PyTorch layer; the state dict doesn't hold it
    returns: a MultiHeadAttention, and None or a dict of b_q, b_k, b_v, b_o, each (d_model,)
    Raises a ValueError for a layer with kdim, vdim or add_bias_kv, which ours has no place for.

    >>> state = {"in_proj_weight": np.ones((12, 4)), "out_proj.weight": np.eye(4)}
    >>> layer, biases = multi_head_attention(state, n_heads=2)
    >>> layer.w_q.shape, layer.d_k, biases
    ((4, 4), 2, None)
    """
    arrays = {name: np.array(np.asarray(array)) for name, array in state.items()}
    if "q_proj_weight" in arrays:
        raise ValueError(
            "the layer was made with kdim or vdim, and ours takes keys and values of size d_model only"
        )
    if "bias_k" in arrays:
        raise ValueError(
            "the layer was made with add_bias_kv=True, which adds a key to every sentence; ours can't"
        )
    for name in ("in_proj_weight", "out_proj.weight"):
        if name not in arrays:
            raise ValueError(
                f"the state dict lacks {name}: pass that of one torch.nn.MultiheadAttention, "
                f"and got the names {', '.join(arrays)[:80] or '(none)'}"
            )
    packed, output = arrays["in_proj_weight"], arrays["out_proj.weight"]
    d_model = output.shape[0]
    if output.shape != (d_model, d_model) or packed.shape != (3 * d_model, d_model):
        raise ValueError(
            "in_proj_weight must have the shape (3 · d_model, d_model) and out_proj.weight (d_model, "
            f"d_model), and they have {packed.shape} and {output.shape}"
        )
    w_q, w_k, w_v = np.split(packed, 3)
    layer = MultiHeadAttention(w_q.T, w_k.T, w_v.T, output.T, n_heads)
    if "in_proj_bias" not in arrays:
        return layer, None
    b_q, b_k, b_v = np.split(arrays["in_proj_bias"], 3)
    return layer, {"b_q": b_q, "b_k": b_k, "b_v": b_v, "b_o": arrays["out_proj.bias"]}
