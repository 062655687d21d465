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
    "topk": ".argsort, or .argmax for the largest",
    "Linear": "x @ w",
    "pad": "np.pad",
    "one_hot": "np.eye(n)[target]",
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
    "softmax": "softmax(scores)",
    "rearrange": ".reshape(…) and .swapaxes(0, 1)",
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
    "math": "the math module",
}
_KEYWORDS = {"dim": "axis", "dims": "axis", "keepdim": "keepdims", "keep_dims": "keepdims"}


def habit(error: BaseException | None, node: ast.expr | None, met: list, tree: ast.AST | None, known) -> str:
    """The NumPy name for what another library calls otherwise, if that's what stopped a call, or "".

    node, met: the expression that raised the error, and the values of what is directly inside
    tree, known: the whole function, and the names that it can use
    """
    name = getattr(error, "name", "") or ""
    if isinstance(error, NameError) and name in _MODULES:
        return _module(name, tree, known)
    if isinstance(error, NameError) and name in {**_METHODS, **_FUNCTIONS} and name not in known:
        return f"There's no `{name}` here. NumPy's way is {_instead(name, known)}."
    if isinstance(error, AttributeError):
        return _attribute(error, known)
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
        return (
            "PyTorch's `.view(…)` for a new shape is NumPy's `.reshape(…)`; NumPy's own view is about the"
            " type."
        )
    if array and name == "transpose" and len(node.args) == 2 and met[0].ndim != 2:
        a, b = (ast.unparse(each) for each in node.args)
        return f"PyTorch's `.transpose({a}, {b})` swaps two axes. In NumPy that's `.swapaxes({a}, {b})`."
    if array and name in ("repeat", "expand") and len(node.args) > 2:
        return f"PyTorch's `.{name}(…)` is `np.tile` or `np.broadcast_to` in NumPy."
    return ""


def _module(name, tree, known):
    if name == "math":
        return "`math` isn't imported here. `np.sqrt`, `np.exp` and the others are there."
    used = (
        {
            node.attr
            for node in ast.walk(tree)
            if tree is not None
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == name
        }
        if tree is not None
        else set()
    )
    there = [
        f"for `{name}.{each}` there's {_instead(each, known)}"
        for each in sorted(used)
        if _instead(each, known)
    ]
    rest = "; ".join(there) or "NumPy is, as `np`"
    return f"`{name}` is {_MODULES[name]}, and isn't imported here: {rest}."


def _instead(name, known) -> str:
    if name == "softmax" and "softmax" not in known:
        return "no softmax in NumPy: it's np.exp, divided by the sum of each row"
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    if callable(getattr(np, name, None)):
        return f"np.{name}"
    return _METHODS.get(name, "") or (_instead(name.rstrip("_"), known) if name.endswith("_") else "")


def _attribute(error, known):
    name, owner = getattr(error, "name", "") or "", getattr(error, "obj", None)
    if isinstance(owner, np.ndarray):
        if name in _METHODS or name.endswith("_") and _instead(name, known):
            return f"`.{name}` isn't NumPy's word. There it's {_METHODS.get(name) or _instead(name, known)}."
        if callable(getattr(np, name, None)):
            return f"An array has no `.{name}`. NumPy has it as a function: np.{name}(…)."
        return _near(name, dir(owner), "An array has no")
    if owner is np:
        if name in _FUNCTIONS or name == "softmax":
            return f"`np.{name}` doesn't exist. NumPy's way is {_instead(name, known)}."
        return _near(name, dir(np), "NumPy has no")
    if isinstance(owner, (list, tuple)) and hasattr(np.ndarray, name):
        kind = type(owner).__name__
        return f"A {kind} has no `.{name}`; an array has. np.array(…) makes one of it."
    if isinstance(owner, (int, float, np.number)) and callable(getattr(np, name, None)):
        return f"A single number has no `.{name}`. NumPy has it as a function: np.{name}(…)."
    return ""


def _near(name, known, start):
    near = difflib.get_close_matches(name, [n for n in known if not n.startswith("_")], 1, 0.7)
    return (
        f"{start} `{name}`. Is it `{near[0]}`?"
        if near
        else f"{start} `{name}`: that's another library's word."
    )
