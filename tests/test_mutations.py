"""The test of the tests: break the core on purpose, and see that the notebooks notice.

For each mutation a copy of the course is made in which helpers/attention.py ends
with a plain rewrite of its public functions, and one line of that rewrite is
wrong. The notebooks are then run as `make test` runs them, and a cell must
fail, because its output differs or because its assertion does not hold. The
rewrite without a mutation must pass. So the mutations do not depend on how
attention.py itself is written.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import pytest

from tools.notebooks import FOLDER, ROOT, notebook_files, with_own_environment

# Appended to the copy of attention.py. The untouched module still checks the arguments, and says which type a
# result has.
REWRITE = """

from pathlib import Path as _Path

from helpers import _original_attention as original

_Path(__file__).with_name("was_loaded").touch()


def _working(x, expected):
    return np.asarray(x).astype(np.result_type(expected.dtype, np.float32))


def softmax(scores, axis=-1):
    expected = original.softmax(scores, axis)
    scores = _working(scores, expected)
    largest = np.maximum(scores.max(axis=axis, keepdims=True), np.finfo(scores.dtype).min)
    exponentials = np.exp(scores - largest)
    total = exponentials.sum(axis=axis, keepdims=True)
    total = np.where(total == 0, 1, total)
    return (exponentials / total).astype(expected.dtype)


def scaled_dot_product_attention(queries, keys, values, mask=None, scale=None, need_weights=True):
    expected, _ = original.scaled_dot_product_attention(queries, keys, values, mask, scale, need_weights)
    queries, keys, values = (_working(x, expected) for x in (queries, keys, values))
    d_k = queries.shape[-1]
    scale = 1 / math.sqrt(d_k) if scale is None else scale
    scores = (queries @ keys.swapaxes(-1, -2) * scale).astype(queries.dtype)
    mask = True if mask is None else np.asarray(mask)
    scores = np.where(mask, scores, -np.inf)
    weights = softmax(scores, axis=-1)
    output = weights @ values
    return output.astype(expected.dtype), weights.astype(expected.dtype) if need_weights else None


def causal_mask(n_queries, n_keys=None):
    shape = original.causal_mask(n_queries, n_keys).shape
    return np.tri(*shape, k=(n_keys or n_queries) - n_queries, dtype=bool)


def padding_mask(lengths, n_keys):
    original.padding_mask(lengths, n_keys)
    return np.arange(n_keys) < np.asarray(lengths)[..., None, None]


def split_heads(x, n_heads):
    expected = original.split_heads(x, n_heads)
    x, (*leading, _, n, d_k) = np.asarray(x), expected.shape
    return x.reshape(*leading, n, n_heads, d_k).swapaxes(-2, -3)


def merge_heads(heads):
    expected = original.merge_heads(heads)
    heads = np.asarray(heads)
    return heads.swapaxes(-2, -3).reshape(expected.shape)


def _run(self, x, context, mask):
    same = original.MultiHeadAttention(self.w_q, self.w_k, self.w_v, self.w_o, self.n_heads)
    expected, weights = same(x, context, mask)
    x, context = _working(x, expected), _working(x if context is None else context, expected)
    if mask is not None and 2 <= np.ndim(mask) <= max(x.ndim, context.ndim):
        mask = np.asarray(mask)[..., None, :, :]
    if mask is not None:
        mask = np.broadcast_to(mask, weights.shape)
    w_q, w_k, w_v, w_o = self.w_q, self.w_k, self.w_v, self.w_o
    columns = x @ w_q, context @ w_k, context @ w_v
    queries, keys, values = (split_heads(each, self.n_heads) for each in columns)
    scale = None
    found, weights = scaled_dot_product_attention(queries, keys, values, mask, scale)
    return found, weights, w_o, expected.dtype


def _call(self, x, context=None, mask=None, need_weights=True):
    found, weights, w_o, dtype = _run(self, x, context, mask)
    output = merge_heads(found) @ w_o
    return output.astype(dtype), weights.astype(dtype) if need_weights else None


def _heads(self, x, context=None, mask=None):
    found, _, w_o, dtype = _run(self, x, context, mask)
    parts = w_o.reshape(self.n_heads, self.d_v, self.d_model)
    return (found @ parts).astype(dtype)


MultiHeadAttention.__call__, MultiHeadAttention.heads = _call, _heads
"""


class Mutation(NamedTuple):
    """A mistake: a line of the rewrite, and what stands there instead. The notebook `start` is run first."""

    name: str
    right: str
    wrong: str
    start: str = "03"


MUTATIONS = [
    Mutation(
        "softmax to the base 2",
        "exponentials = np.exp(scores - largest)",
        "exponentials = np.exp2(scores - largest)",
        "02",
    ),
    Mutation(
        "weights not divided by their sum", "return (exponentials / total)", "return exponentials", "02"
    ),
    Mutation(
        "a fully masked row gives NaN",
        "total = np.where(total == 0, 1, total)",
        "total = np.where(total == 0, np.nan, total)",
    ),
    Mutation(
        "no scaling",
        "scale = 1 / math.sqrt(d_k) if scale is None else scale",
        "scale = 1 if scale is None else scale",
    ),
    Mutation(
        "divided by d_k",
        "scale = 1 / math.sqrt(d_k) if scale is None else scale",
        "scale = 1 / d_k if scale is None else scale",
    ),
    Mutation("divided by √d_model", "    scale = None\n", "    scale = 1 / math.sqrt(self.d_model)\n", "04"),
    Mutation(
        "a given scale is not used",
        "scale = 1 / math.sqrt(d_k) if scale is None else scale",
        "scale = 1 / math.sqrt(d_k)",
    ),
    Mutation(
        "softmax over the queries", "weights = softmax(scores, axis=-1)", "weights = softmax(scores, axis=-2)"
    ),
    Mutation("mask ignored", "scores = np.where(mask, scores, -np.inf)", "pass"),
    Mutation(
        "mask inverted",
        "scores = np.where(mask, scores, -np.inf)",
        "scores = np.where(mask, -np.inf, scores) if mask is not True else scores",
    ),
    Mutation(
        "mask after softmax",
        "scores = np.where(mask, scores, -np.inf)\n    weights = softmax(scores, axis=-1)",
        "weights = softmax(scores, axis=-1) * mask",
    ),
    Mutation(
        "masked with -1e-9",
        "scores = np.where(mask, scores, -np.inf)",
        "scores = np.where(mask, scores, -1e-9)",
    ),
    Mutation(
        "causal mask shows the next word",
        "k=(n_keys or n_queries) - n_queries",
        "k=(n_keys or n_queries) - n_queries + 1",
    ),
    Mutation(
        "causal mask hides the word itself",
        "k=(n_keys or n_queries) - n_queries",
        "k=(n_keys or n_queries) - n_queries - 1",
    ),
    Mutation("causal mask without room for earlier keys", "k=(n_keys or n_queries) - n_queries", "k=0"),
    Mutation("padding mask hides one word too many", "np.arange(n_keys) <", "1 + np.arange(n_keys) <"),
    Mutation(
        "heads split without a transpose",
        "return x.reshape(*leading, n, n_heads, d_k).swapaxes(-2, -3)",
        "return x.reshape(expected.shape)",
        "04",
    ),
    Mutation(
        "heads take every eighth column",
        "return x.reshape(*leading, n, n_heads, d_k).swapaxes(-2, -3)",
        "return np.moveaxis(x.reshape(*leading, n, d_k, n_heads), -1, -3)",
        "04",
    ),
    Mutation(
        "heads merged without the transpose back",
        "return heads.swapaxes(-2, -3).reshape(expected.shape)",
        "return heads.reshape(expected.shape)",
        "04",
    ),
    Mutation(
        "heads averaged",
        "return heads.swapaxes(-2, -3).reshape(expected.shape)",
        "return np.repeat(heads.mean(axis=-3), heads.shape[-3], axis=-1).reshape(expected.shape)",
        "04",
    ),
    Mutation(
        "queries and keys swapped",
        "w_q, w_k, w_v, w_o = self.w_q, self.w_k, self.w_v, self.w_o",
        "w_q, w_k, w_v, w_o = self.w_k, self.w_q, self.w_v, self.w_o",
        "04",
    ),
    Mutation(
        "values from w_k",
        "w_q, w_k, w_v, w_o = self.w_q, self.w_k, self.w_v, self.w_o",
        "w_q, w_k, w_v, w_o = self.w_q, self.w_k, np.resize(self.w_k.T, self.w_v.T.shape).T, self.w_o",
        "04",
    ),
    Mutation(
        "every head uses head 0's matrices",
        "w_q, w_k, w_v, w_o = self.w_q, self.w_k, self.w_v, self.w_o",
        "w_q, w_k, w_v = (np.tile(w[:, :w.shape[1] // self.n_heads], self.n_heads) "
        "for w in (self.w_q, self.w_k, self.w_v)); w_o = self.w_o",
        "04",
    ),
    Mutation(
        "w_o left out",
        "w_q, w_k, w_v, w_o = self.w_q, self.w_k, self.w_v, self.w_o",
        "w_q, w_k, w_v, w_o = self.w_q, self.w_k, self.w_v, np.eye(*self.w_o.shape)",
        "04",
    ),
    Mutation(
        "every head writes through head 0's part of w_o",
        "parts = w_o.reshape(self.n_heads, self.d_v, self.d_model)",
        "parts = w_o.reshape(self.n_heads, self.d_v, self.d_model)[:1]",
        "04",
    ),
]
CONTROL = Mutation("(control: nothing is broken)", "", "", "")

# Where the mutations are noticed. The control passes there, so it is the mutation that is noticed.
NOTICED_IN = tuple(sorted({mutation.start for mutation in MUTATIONS}))

# What a cell says when it notices a mistake; any other error would be an accident.
NOTICED = {
    "Cell outputs differ": "the output differs",
    "^AssertionError": "an assertion fails",
    "^ValueError: these are not weights": "the drawing refuses the weights",
}


class Outcome(NamedTuple):
    seen: bool
    where: str
    report: str


def run(mutation: Mutation, folder) -> Outcome:
    """Run the notebooks against a copy of the course with one mistake in it, up to the first failure."""
    ignored = shutil.ignore_patterns(".ipynb_checkpoints")  # what is compiled already is not compiled again
    for source in (ROOT / "helpers", ROOT / "data", FOLDER):
        shutil.copytree(source, folder / source.name, ignore=ignored)
    core = folder / "helpers" / "attention.py"
    text = core.read_text(encoding="utf-8")
    (core.parent / "_original_attention.py").write_text(text, encoding="utf-8")
    core.write_text(text + REWRITE.replace(mutation.right, mutation.wrong, 1), encoding="utf-8")

    names = [path.relative_to(FOLDER) for path in notebook_files() if path.name.startswith(NOTICED_IN)]
    names.sort(key=lambda name: (not name.name.startswith(mutation.start), name))
    environment = {
        key: value for key, value in with_own_environment(folder).items() if not key.startswith("PYTEST")
    }
    environment.update(PYTHONPATH=f"{folder}{os.pathsep}{ROOT}", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tools.quick_start",
            "-p",
            "nbval.plugin",
            "--nbval",
            "--nbval-sanitize-with",
            str(ROOT / "tests" / "sanitize.cfg"),
            "-c",
            os.devnull,
            "--rootdir",
            ".",
            "-p",
            "no:cacheprovider",
            "-x",
            "-q",
            "--color=no",
            "--junitxml",
            "report.xml",
            *(str(Path("notebooks") / name) for name in names),
        ],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=900,
    )
    assert (core.parent / "was_loaded").exists(), "the notebooks did not run with the mutated copy"
    return _outcome(folder / "report.xml")


def _outcome(report) -> Outcome:
    """What the first failing cell said: an output that differs or a false assertion, or an accident."""
    for case in ET.parse(report).getroot().iter("testcase"):
        for kind in ("failure", "error"):
            if (found := case.find(kind)) is not None:
                said = re.sub(r"\x1b\[[0-9;]*m|#x1B\[[0-9;]*m", "", found.text or "")
                reason = next(
                    (reason for pattern, reason in NOTICED.items() if re.search(pattern, said, re.MULTILINE)),
                    "",
                )
                notebook = case.get("classname", "").removesuffix(".ipynb").split(".")[-1]
                where = f"{notebook} {case.get('name')}: {reason or said.strip().splitlines()[-1:]}"
                return Outcome(kind == "failure" and bool(reason), where, said)
    return Outcome(False, "no cell fails", "")


@pytest.mark.mutation
@pytest.mark.parametrize("mutation", [CONTROL, *MUTATIONS], ids=lambda mutation: mutation.name)
def test_the_notebooks_notice(mutation, tmp_path, record_property):
    outcome = run(mutation, tmp_path)
    record_property("mutation", mutation.name)
    record_property("seen", outcome.where)
    if mutation is CONTROL:
        assert outcome.where == "no cell fails", (
            f"the plain rewrite is right, and yet {outcome.where}\n{outcome.report[-3000:]}"
        )
    else:
        assert outcome.seen, f"{mutation.name}: {outcome.where}\n{outcome.report[-3000:]}"


@pytest.mark.parametrize("mutation_", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_mutation_changes_one_line(mutation_):
    assert REWRITE.count(mutation_.right) == 1 and mutation_.right != mutation_.wrong
    compile(REWRITE.replace(mutation_.right, mutation_.wrong), mutation_.name, "exec")
