"""What PyTorch, Keras and older NumPy call things, and what NumPy calls them."""

from __future__ import annotations

import ast
import difflib

import numpy as np

__all__ = ["habit"]

_METHODS = {
    "masked_fill": "np.where(hidden, value, scores)",
    "masked_fill_": "np.where(hidden, value, scores)",
    "view": ".reshape(…)",
    "permute": ".transpose(…)",
    "size": ".shape, without brackets",
    "dim": ".ndim",
    "t": ".T",
    "softmax": "softmax(scores)",
    "unsqueeze": "x[None] or x[:, None], or np.expand_dims",
    "contiguous": "nothing: NumPy's reshape copies where it must",
    "matmul": "@",
    "mm": "@",
    "bmm": "@",
    "float": ".astype(float)",
    "double": ".astype(float)",
    "half": ".astype(np.float16)",
    "int": ".astype(int)",
    "long": ".astype(int)",
    "bool": ".astype(bool)",
    "to": ".astype(…)",
    "type": ".astype(…)",
    "cat": "np.concatenate",
    "chunk": "np.split(x, n, axis=…)",
    "split": "np.split(x, n, axis=…)",
    "unbind": "list(x)",
    "expand": "np.broadcast_to",
    "numpy": "nothing: it's a NumPy array already",
    "detach": "nothing: there are no gradients here",
    "cpu": "nothing: NumPy always runs on the CPU",
    "cuda": "nothing: NumPy always runs on the CPU",
    "numel": ".size",
    "pow": "**",
    "norm": "np.linalg.norm(x)",
    "gather": "np.take_along_axis",
    "logical_not": "~x",
    "mul": "*",
    "add": "+",
    "sub": "-",
    "div": "/",
    "sigmoid": "1 / (1 + np.exp(-x))",
}
_FUNCTIONS = {
    "softmax": "softmax(scores), without np. before it",
    "cat": "np.concatenate",
    "bmm": "np.matmul, or @",
    "mm": "np.matmul, or @",
    "tensor": "np.array",
    "Tensor": "np.array",
    "unsqueeze": "np.expand_dims",
    "permute": "np.transpose",
    "masked_fill": "np.where(hidden, value, scores)",
    "Inf": "np.inf",
    "infty": "np.inf",
    "NINF": "-np.inf",
    "NaN": "np.nan",
    "float": "float",
    "int": "int",
    "bool": "bool",
    "transpose_": "np.transpose",
    "batch_dot": "np.matmul, or @",
    "reduce_sum": "np.sum",
    "reduce_max": "np.max",
    "sigmoid": "1 / (1 + np.exp(-x))",
}
_MODULES = {
    "torch": "PyTorch",
    "F": "PyTorch's functional module",
    "nn": "PyTorch's nn module",
    "tf": "TensorFlow",
    "K": "Keras's backend",
    "keras": "Keras",
    "jnp": "JAX's NumPy",
    "scipy": "SciPy",
    "special": "scipy.special",
    "einops": "einops",
    "rearrange": "einops",
    "math": "the math module",
}
_KEYWORDS = {"dim": "axis", "dims": "axis", "keepdim": "keepdims", "keep_dims": "keepdims"}


def habit(error: BaseException | None, node: ast.expr | None, met: list) -> str:
    """The NumPy name for what another library calls otherwise, if that's what stopped a call, or "".

    node, met: the expression that raised the error, and the values of what is directly inside
    """
    if isinstance(error, NameError) and getattr(error, "name", "") in _MODULES:
        return _module(error.name)
    if isinstance(error, AttributeError):
        return _attribute(error)
    if not isinstance(node, ast.Call):
        return ""
    for keyword in node.keywords:
        if isinstance(error, TypeError) and keyword.arg in _KEYWORDS:
            new = _KEYWORDS[keyword.arg]
            return f"`{keyword.arg}=` is PyTorch's word. NumPy calls it `{new}=`."
    array = bool(met) and isinstance(met[0], np.ndarray)
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if array and name in ("size", "shape", "T", "ndim"):
        what = (
            ".shape, without brackets, and .shape[0] for one axis"
            if name in ("size", "shape")
            else f".{name}, without brackets"
        )
        return f"`.{name}(…)` isn't called in NumPy. It's {what}."
    if array and name == "view":
        return "PyTorch's `.view(…)` for a new shape is NumPy's `.reshape(…)`; NumPy's own view is about the type."
    if array and name == "transpose" and len(node.args) == 2 and met[0].ndim != 2:
        a, b = (ast.unparse(each) for each in node.args)
        return f"PyTorch's `.transpose({a}, {b})` swaps two axes. In NumPy that's `.swapaxes({a}, {b})`."
    if array and name in ("repeat", "expand") and len(node.args) > 2:
        return f"PyTorch's `.{name}(…)` is `np.tile` or `np.broadcast_to` in NumPy."
    return ""


def _module(name):
    if name == "math":
        return "`math` isn't imported here. `np.sqrt`, `np.exp` and the others are there."
    if name in ("F", "torch", "nn"):
        return f"`{name}` is {_MODULES[name]}, and isn't there. softmax is there as `softmax(scores)`, the rest as `np`."
    return f"`{name}` is {_MODULES[name]}, and isn't there. NumPy is, as `np`, and so is `softmax`."


def _attribute(error):
    name, owner = getattr(error, "name", "") or "", getattr(error, "obj", None)
    if isinstance(owner, np.ndarray):
        if name in _METHODS:
            return f"`.{name}` isn't NumPy's word. There it's {_METHODS[name]}."
        if callable(getattr(np, name, None)):
            return f"An array has no `.{name}`. NumPy has it as a function: np.{name}(…)."
        return _near(name, dir(owner), "An array has no")
    if owner is np:
        if name in _FUNCTIONS:
            return f"`np.{name}` doesn't exist. Here it's {_FUNCTIONS[name]}."
        return _near(name, dir(np), "NumPy has no")
    if isinstance(owner, (list, tuple)) and hasattr(np.ndarray, name):
        kind = type(owner).__name__
        return f"A {kind} has no `.{name}`; an array has. np.array(…) makes one of it."
    if isinstance(owner, (int, float)) and hasattr(np.ndarray, name):
        return f"A single number has no `.{name}`; an array has."
    return ""


def _near(name, known, start):
    near = difflib.get_close_matches(name, [n for n in known if not n.startswith("_")], 1, 0.7)
    return f"{start} `{name}`. Is it `{near[0]}`?" if near else f"{start} `{name}`."
