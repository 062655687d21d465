"""The checks catch every known wrong version, name it rightly, and accuse no right one."""

from __future__ import annotations

import linecache
import os
import re
import textwrap
import time
from itertools import count

import numpy as np
import pytest

from helpers import checks
from helpers.attention import (
    MultiHeadAttention,
    merge_heads,
    scaled_dot_product_attention,
    softmax,
    split_heads,
)
from helpers.checks import Progress, multi_head_puzzle
from helpers.checks.catalogue import MISTAKES
from helpers.checks.check import Check
from helpers.checks.exercises import EXERCISES
from helpers.checks.judge import judge, occurring
from helpers.questions import Recall, answers_file


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("THINKING_MACHINES_DATA", str(tmp_path))
    monkeypatch.setattr(answers_file, "_not_written", {name: [] for name in answers_file.FILES})
    return tmp_path


CELLS = count()


def defined(code, name="answer"):
    """A function as a learner writes it in a cell."""
    space = {"np": np, "softmax": softmax, "time": time}
    text, file = textwrap.dedent(code), f"<cell {next(CELLS)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)  # as a kernel does
    exec(compile(text, file, "exec"), space)
    return space[name]


# ---- the catalogue -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXERCISES)
def test_every_wrong_version_is_caught_and_named(name, record_property):
    exercise = EXERCISES[name]
    wrongs = occurring(exercise, exercise.known())
    verdicts = {
        wrong.name: judge(exercise, lambda *given, wrong=wrong: wrong.answer(*given)) for wrong in wrongs
    }
    caught = [wrong for wrong, verdict in verdicts.items() if verdict.kind == "wrong"]
    named = [wrong for wrong, verdict in verdicts.items() if wrong in verdict.mistake.split(" or ")]
    record_property(
        "catalogue",
        (name, len(wrongs), len(caught), len(named), {wrong: wrong in named for wrong in verdicts}),
    )
    record_property("layers of the catalogue", ([verdict.cause for verdict in verdicts.values()], []))
    assert caught == list(verdicts)
    assert [
        v.text
        for w, v in verdicts.items()
        if w not in named and "expected is" in v.text and "nan" not in v.text
    ] == []
    assert not [
        verdict.text for verdict in verdicts.values() if re.search(r"\{[a-z_]+(:.*)?\}", verdict.text)
    ]  # every size is filled in


@pytest.mark.parametrize("name", ["attention", "masked_attention", "cross_attention", "multi_head"])
def test_two_mistakes_at_once_are_named(name):
    exercise = EXERCISES[name]
    single = [wrong.name for wrong in occurring(exercise, exercise.known())]
    wrongs = occurring(exercise, exercise.pairs(single)[::7])  # every seventh: there are hundreds
    verdicts = [judge(exercise, lambda *given, wrong=wrong: wrong.answer(*given)) for wrong in wrongs]
    assert len(wrongs) > 10 and {verdict.kind for verdict in verdicts} == {"wrong"}
    assert all(
        v.mistake and v.cause == "named" for v in verdicts if not re.search("stops with an error|nan", v.text)
    )


# The same mistakes once more, as people write them, without the catalogue's steps.
WRITTEN = [
    ("attention", "queries, keys, values", "return softmax(queries @ keys.T) @ values", "no scaling"),
    (
        "attention",
        "queries, keys, values",
        "return softmax(queries @ keys.T / keys.shape[1]) @ values",
        "divided by d_k",
    ),
    (
        "attention",
        "queries, keys, values",
        "return softmax(queries @ keys.T / np.sqrt(len(keys))) @ values",
        "divided by √n_keys",
    ),
    (
        "attention",
        "queries, keys, values",
        "return softmax(queries @ keys.T) / np.sqrt(keys.shape[1]) @ values",
        "scaled after softmax",
    ),
    (
        "attention",
        "queries, keys, values",
        "return softmax(queries @ keys.T / np.sqrt(keys.shape[1]), axis=0) @ values",
        "softmax over the wrong axis",
    ),
    (
        "attention",
        "queries, keys, values",
        "e = np.exp(queries @ keys.T / np.sqrt(keys.shape[1]))\n    return e / e.sum() @ values",
        "softmax over everything",
    ),
    (
        "attention",
        "queries, keys, values",
        "return queries @ keys.T / np.sqrt(keys.shape[1]) @ values",
        "softmax left out",
    ),
    (
        "attention",
        "queries, keys, values",
        "return softmax(queries @ keys.T / np.sqrt(keys.shape[1]))",
        "weights instead of the output",
    ),
    (
        "attention",
        "queries, keys, values",
        "return np.ones((len(queries), 1)) * values.mean(axis=0)",
        "plain mean of the values",
    ),
    (
        "attention",
        "queries, keys, values",
        "return softmax(np.dot(queries, keys.T), axis=0) @ values",
        "no scaling and softmax over the wrong axis",
    ),
    (
        "masked_attention",
        "q, k, v, mask",
        "return softmax(np.where(mask == 0, -1e-9, q @ k.T / np.sqrt(k.shape[1]))) @ v",
        "hidden scores set to 0",
    ),
    (
        "masked_attention",
        "q, k, v, mask",
        "return softmax(q @ k.T / np.sqrt(k.shape[1]) * mask) @ v",
        "hidden scores set to 0",
    ),
    (
        "masked_attention",
        "q, k, v, mask",
        "return softmax(q @ k.T / np.sqrt(k.shape[1]) + (1 - mask) * -1e-9) @ v",
        "mask not used",
    ),
    (
        "masked_attention",
        "q, k, v, mask",
        "return softmax(np.where(mask, -1e9, q @ k.T / np.sqrt(k.shape[1]))) @ v",
        "mask inverted",
    ),
    (
        "masked_attention",
        "q, k, v, mask",
        "return softmax(q @ k.T / np.sqrt(k.shape[1])) * mask @ v",
        "mask after softmax",
    ),
    (
        "cross_attention",
        "x, context, w_q, w_k, w_v",
        "return softmax((context @ w_q) @ (x @ w_k).T / np.sqrt(w_k.shape[1])) @ (x @ w_v)",
        "x and context swapped",
    ),
    (
        "cross_attention",
        "x, context, w_q, w_k, w_v",
        "return softmax((x @ w_q) @ (x @ w_k).T / np.sqrt(w_k.shape[1])) @ (x @ w_v)",
        "context not used",
    ),
    (
        "cross_attention",
        "x, context, w_q, w_k, w_v",
        "return softmax((x @ w_q) @ (context @ w_k).T / np.sqrt(x.shape[1])) @ (context @ w_v)",
        "divided by √d_model",
    ),
    (
        "head",
        "x, w_q, w_k, w_v, head, d_k",
        "q, k, v = (x @ w[:, :d_k] for w in (w_q, w_k, w_v))\n    return softmax(q @ k.T / np.sqrt(d_k)) @ v",
        "always the first head",
    ),
    ("split", "x, n_heads", "return x.reshape(n_heads, x.shape[0], -1)", "split without transpose"),
    (
        "split",
        "x, n_heads",
        "return np.stack([x[:, i::n_heads] for i in range(n_heads)])",
        "split into every n_heads-th column",
    ),
    (
        "merge",
        "heads",
        "return heads.reshape(heads.shape[1], heads.shape[0] * heads.shape[2])",
        "merge without transpose",
    ),
    ("merge", "heads", "return np.mean(list(heads), axis=0)", "heads averaged"),
    (
        "multi_head",
        "x, w_q, w_k, w_v, w_o, h",
        """parts = [np.split(x @ w, h, axis=1) for w in (w_q, w_k, w_v)]
    heads = [softmax(q @ k.T / np.sqrt(x.shape[1])) @ v for q, k, v in zip(*parts)]
    return np.concatenate(heads, axis=1) @ w_o""",
        "divided by √d_model",
    ),
    (
        "multi_head",
        "x, w_q, w_k, w_v, w_o, h",
        """parts = [np.split(x @ w, h, axis=1) for w in (w_q, w_k, w_v)]
    return np.concatenate([softmax(q @ k.T / np.sqrt(q.shape[1])) @ v for q, k, v in zip(*parts)], axis=1)""",
        "W_O left out",
    ),
    (
        "multi_head",
        "x, w_q, w_k, w_v, w_o, h",
        """q, k, v = (np.split(x @ w, h, axis=1)[0] for w in (w_q, w_k, w_v))
    return np.concatenate([softmax(q @ k.T / np.sqrt(q.shape[1])) @ v] * h, axis=1) @ w_o""",
        "all heads the same",
    ),
    (
        "multi_head",
        "x, w_q, w_k, w_v, w_o, h",
        """q, k, v = ((x @ w).reshape(h, len(x), -1) for w in (w_q, w_k, w_v))
    heads = softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])) @ v
    return heads.swapaxes(0, 1).reshape(len(x), -1) @ w_o""",
        "split without transpose",
    ),
    (
        "multi_head",
        "x, w_q, w_k, w_v, w_o, h",
        """q, k, v = ((x @ w).reshape(h, len(x), -1) for w in (w_q, w_k, w_v))
    return (softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])) @ v).reshape(len(x), -1) @ w_o""",
        "split without transpose and merge without transpose",
    ),
    (
        "writes",
        "found, w_o",
        "return (found.swapaxes(0, 1).reshape(found.shape[1], -1) @ w_o)",
        "writes already added",
    ),
    (
        "softmax",
        "scores",
        "return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)",
        "maximum not subtracted",
    ),
    (
        "score",
        "q, k",
        "total = 0\n    for i in range(len(q) - 1): total += q[i] * k[i]\n    return total",
        "last number left out",
    ),
    ("shares", "w", "return w / w.sum(axis=-1)[..., None]", "over the keys"),
    ("row_sums", "w", "return w.mean(axis=1)", "mean instead of sum"),
    ("favourites", "w", "return [list(row).index(max(row)) + 1 for row in w]", "counted from 1"),
    (
        "score",
        "q, k",
        "for i in range(len(q)):\n        total = 0\n        total += q[i] * k[i]\n    return total",
        "last product alone",
    ),
    ("scale", "scores, d_k", "return scores / 8", "always divided by 8"),
    ("scale", "scores, d_k", "return scores / d_k**1/2", "divided by 2 d_k"),
    ("projections", "x, w_q, w_k, w_v", "return x @ w_q, x @ w_v, x @ w_k", "keys and values exchanged"),
    (
        "head",
        "x, w_q, w_k, w_v, head, d_k",
        """q, k, v = (x @ w[head * d_k:(head + 1) * d_k] for w in (w_q, w_k, w_v))
    return softmax(q @ k.T / np.sqrt(d_k)) @ v""",
        "rows instead of columns",
    ),
    (
        "head",
        "x, w_q, w_k, w_v, head, d_k",
        """q, k, v = (x @ w[:, head * d_k:(head + 1) * d_k] for w in (w_q, w_k, w_v))
    return softmax(q @ k.T / np.sqrt(w_q.shape[1])) @ v""",
        "divided by the square root of all columns",
    ),
    ("merge", "heads", "return np.concatenate(heads)", "heads one below the other"),
    (
        "multi_head",
        "x, w_q, w_k, w_v, w_o, h",
        """q, k, v = ((x @ w).reshape(len(x), h, -1).swapaxes(0, 1) for w in (w_q, w_k, w_v))
    return (softmax(q @ k.T / np.sqrt(q.shape[-1])) @ v).swapaxes(0, 1).reshape(len(x), -1) @ w_o""",
        "keys not transposed",
    ),
    (
        "multi_head",
        "x, w_q, w_k, w_v, w_o, h",
        """parts = [np.split(x @ w, h, axis=1) for w in (w_q, w_k, w_v)]
    return np.concatenate([softmax(q @ k.T / np.sqrt(q.shape[1])) @ v for q, k, v in zip(*parts)]) @ w_o""",
        "heads one below the other",
    ),
    (
        "multi_head",
        "x, w_q, w_k, w_v, w_o, h",
        "return softmax((x @ w_q) @ (x @ w_k).T / np.sqrt(w_q.shape[1])) @ (x @ w_v) @ w_o",
        "not split",
    ),
    ("writes", "found, w_o", "return found @ w_o", "W_O not cut"),
    (
        "null_attention",
        "q, k, v",
        """e = np.exp((s := q @ k.T / np.sqrt(k.shape[1])) - s.max(axis=1, keepdims=True))
    return e / (1 + e.sum(axis=1, keepdims=True)) @ v""",
        "1 added after the maximum",
    ),
    ("null_attention", "q, k, v", "return softmax(q @ k.T / np.sqrt(k.shape[1])) @ v", "no null token"),
]


@pytest.mark.parametrize("name, arguments, body, mistake", WRITTEN)
def test_a_mistake_is_named_however_it_is_written(name, arguments, body, mistake):
    found = judge(EXERCISES[name], defined(f"def answer({arguments}):\n    {body}"))
    stopped = "stops with an error" in found.text  # then the values that met tell the cause, not the name
    assert found.cause == "narrowed" if stopped else mistake in found.mistake.split(" or "), found


def test_the_catalogue_is_large_and_every_mistake_occurs_somewhere():
    names = [mistake.name for mistake in MISTAKES]
    assert len(names) == len(set(names)) >= 20
    found = {wrong.name for exercise in EXERCISES.values() for wrong in occurring(exercise, exercise.known())}
    assert set(names) - found == set()


def test_where_two_mistakes_give_the_same_numbers_both_are_named():
    verdict = judge(
        EXERCISES["head"],
        defined("""
        def answer(x, w_q, w_k, w_v, head, d_k):
            own = slice(head * d_k, (head + 1) * d_k)
            return softmax((x @ w_k[:, own]) @ (x @ w_q[:, own]).T / np.sqrt(d_k)) @ (x @ w_v[:, own])"""),
    )
    assert (
        verdict.mistake == "queries and keys swapped or W_Q and W_K swapped"
        and "The same comes of: W_Q and W_K swapped" in verdict.text
    )


# ---- right answers, in several styles ----------------------------------------------------------------------


def by_loops(queries, keys, values):
    rows = []
    for q in queries.tolist():
        raised = [np.exp(sum(a * b for a, b in zip(q, k)) / len(k) ** 0.5) for k in keys.tolist()]
        rows.append(
            [
                sum(e * v[c] for e, v in zip(raised, values.tolist())) / sum(raised)
                for c in range(values.shape[1])
            ]
        )
    return rows


def by_einsum(queries, keys, values):
    return np.einsum(
        "qk,kd->qd", softmax(np.einsum("qd,kd->qk", queries, keys) / np.sqrt(keys.shape[1])), values
    )


def batched(queries, keys, values):
    return scaled_dot_product_attention(queries[None], keys[None], values[None])[0][0]


def in_float32(queries, keys, values):
    return scaled_dot_product_attention(*(x.astype(np.float32) for x in (queries, keys, values)))[0]


STYLES = [
    ("attention", by_loops),
    ("attention", by_einsum),
    ("attention", batched),
    ("attention", in_float32),
    (
        "masked_attention",
        lambda q, k, v, mask: softmax(np.where(mask, q @ k.T / np.sqrt(k.shape[1]), -1e9)) @ v,
    ),
    (
        "masked_attention",
        lambda q, k, v, mask: softmax(q @ k.T / np.sqrt(k.shape[1]) + (1 - mask) * -1e9) @ v,
    ),
    ("masked_attention", lambda *given: scaled_dot_product_attention(*given)[0]),
    (
        "softmax",
        lambda s: [
            [np.exp(a - max(row)) / sum(np.exp(b - max(row)) for b in row) for a in row] for row in s.tolist()
        ],
    ),
    ("score", lambda q, k: q @ k),
    ("score", np.dot),
    ("score", lambda q, k: np.einsum("i,i->", q, k)),
    ("projections", lambda x, *matrices: [x @ w for w in matrices]),
    ("row_sums", lambda w: [sum(row) for row in w]),
    ("favourites", lambda w: [int(np.argmax(row)) for row in w]),
    ("scale", lambda s, d_k: s * d_k**-0.5),
    ("scale", lambda s, d_k: [[number / d_k**0.5 for number in row] for row in s]),
    ("outputs", lambda w, v: np.array([sum(a * b for a, b in zip(row, v)) for row in w])),
    (
        "head",
        lambda x, q, k, v, head, d_k: (
            MultiHeadAttention(q, k, v, np.eye(q.shape[1], x.shape[1]), q.shape[1] // d_k).project(x)
            and split_heads(
                merge_heads(
                    scaled_dot_product_attention(*(split_heads(x @ w, w.shape[1] // d_k) for w in (q, k, v)))[
                        0
                    ]
                ),
                q.shape[1] // d_k,
            )[head]
        ),
    ),
    ("split", split_heads),
    ("split", lambda x, h: np.stack(np.split(x, h, axis=1))),
    ("split", lambda x, h: np.split(x, h, axis=1)),
    ("split", lambda x, h: np.einsum("nhd->hnd", x.reshape(len(x), h, -1))),
    ("merge", merge_heads),
    ("merge", lambda heads: np.concatenate(list(heads), axis=1)),
    ("merge", lambda heads: np.hstack(heads)),
    ("multi_head", lambda x, *given: MultiHeadAttention(*given)(x)[0]),
    (
        "multi_head",
        lambda x, q, k, v, o, h: (
            np.concatenate(
                [by_einsum(*parts) for parts in zip(*(np.split(x @ w, h, axis=1) for w in (q, k, v)))], axis=1
            )
            @ o
        ),
    ),
    (
        "multi_head",
        lambda x, q, k, v, o, h: (
            merge_heads(scaled_dot_product_attention(*(split_heads((x @ w)[None], h) for w in (q, k, v)))[0])[
                0
            ]
            @ o
        ),
    ),
    ("writes", lambda found, o: [head @ rows for head, rows in zip(found, np.split(o, len(found)))]),
    ("writes", lambda found, o: np.einsum("hnd,hdm->hnm", found, o.reshape(len(found), -1, o.shape[1]))),
    ("shares", lambda w: np.einsum("hqk,qk->hqk", w, 1 / w.sum(0))),
    (
        "null_attention",
        lambda q, k, v: scaled_dot_product_attention(q, np.vstack([k, 0 * k[:1]]), np.vstack([v, 0 * v[:1]]))[
            0
        ],
    ),
]


@pytest.mark.parametrize(
    "name, answer", STYLES, ids=[f"{name}-{number}" for number, (name, _) in enumerate(STYLES)]
)
def test_a_right_answer_of_any_style_is_accepted(name, answer):
    verdict = judge(EXERCISES[name], answer)
    assert verdict.kind == "right", verdict.text


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_is_right(name):
    assert judge(EXERCISES[name], EXERCISES[name].right).kind == "right"


# ---- what a learner sees -----------------------------------------------------------------------------------


def verdict(name, code):
    return judge(EXERCISES[name], defined(code), seconds=0.5)


@pytest.mark.parametrize("body", ["...", "pass", "return None", "return ...", '"""Scale them."""\n    ...'])
def test_an_open_exercise_says_so(body):
    found = verdict("scale", f"def answer(scores, d_k):\n    {body}")
    assert found.kind == "open" and "Still open" in found.text


def test_a_forgotten_return_is_not_an_open_exercise():
    found = verdict("scale", "def answer(scores, d_k):\n    scaled = scores / np.sqrt(d_k)")
    assert found.kind == "wrong" and "Is there a line that begins with return?" in found.text


@pytest.mark.parametrize(
    "loop", ["while True: pass", "while True:\n        try: time.sleep(0.01)\n        except Exception: pass"]
)
def test_an_endless_loop_is_stopped(loop):
    start = time.monotonic()
    found = verdict("scale", f"def answer(scores, d_k):\n    {loop}")
    stopped = r"Your function was stopped after \d+(\.\d)? seconds\. Does a loop in it never end\?"
    assert re.fullmatch(stopped, found.text)
    assert time.monotonic() - start < 60
    assert (
        verdict("scale", "def answer(scores, d_k):\n    return scores / np.sqrt(d_k)").kind == "right"
    )  # nothing is left behind


def test_a_change_in_place_is_named_and_harms_nothing():
    code = "def answer(scores, d_k):\n    scores /= np.sqrt(d_k)\n    return scores"
    assert (
        verdict("scale", code).mistake == "changed in place"
        and "argument scores in place" in verdict("scale", code).text
    )
    assert verdict("scale", code) == verdict("scale", code)


def test_an_error_is_short_and_shows_the_learners_line():
    found = judge(EXERCISES["attention"], by_a_name_that_does_not_exist)
    assert found.text.splitlines() == [
        "Not right yet. There's no `querys` here. Is it `queries`?",
        (
            "Your function stops with an error in line"
            f" {by_a_name_that_does_not_exist.__code__.co_firstlineno + 1} of test_checks.py:"
            " scores = querys @ keys.T  # noqa: F821"
        ),
        "NameError: name 'querys' is not defined",
        "It was called with queries (3, 4), keys (5, 4), values (5, 2).",
    ]


def by_a_name_that_does_not_exist(queries, keys, values):
    scores = querys @ keys.T  # noqa: F821
    return softmax(scores) @ values


def test_the_place_of_an_unknown_mistake_is_shown():
    found = verdict(
        "attention", "def answer(queries, keys, values):\n    return softmax(queries @ keys.T / 3) @ values"
    )
    assert (
        found.mistake == ""
        and "your logits are 0.7454 × the right ones: you divide by 3, and √d_k is 2.236." in found.text
        and "In row 0 you have" in found.text
    )


@pytest.mark.parametrize(
    "code, said",
    [
        (
            "def answer(queries, keys): return 1",
            "should take 3 arguments (queries, keys, values), and takes (queries, keys)",
        ),
        ("def answer(queries, keys, values): return 'done'", "returns a str"),
        ("def answer(queries, keys, values): return [[1, 2], [3]]", "its rows have different lengths"),
        ("def answer(queries, keys, values): yield 1", "the shape"),
        ("def answer(queries, keys, values): return values * 1j", "returns complex numbers"),
        (
            "def answer(queries, keys, values): return values if len(keys) == 5 else None",
            "Your result has the shape (5, 2)",
        ),
        (
            "def answer(queries, keys, values): return values, keys",
            "You return 2 arrays, and one is expected.",
        ),
        (
            "def answer(queries, keys, values): return 7",
            "Your result has the shape (); expected is (3, 2): the output, (n_queries, d_v).",
        ),
        ("def answer(queries, keys, values): return values * np.nan", "Your result has the shape (5, 2)"),
        ("def answer(queries, keys, values): raise SystemExit('bye')", "SystemExit: bye"),
        ("def answer(queries, keys, values): return answer(queries, keys, values)", "RecursionError"),
    ],
)
def test_other_trouble_gets_a_sentence(code, said):
    found = verdict("attention", code)
    assert found.kind == "wrong" and said in found.text


@pytest.mark.parametrize("given", [3, None, "scale", np.ndarray, np.ones(3)])
def test_what_is_no_function_gets_a_sentence(given):
    assert "The check needs your function" in judge(EXERCISES["scale"], given).text


def test_prints_are_shown_once():
    found = verdict(
        "scale", "def answer(scores, d_k):\n    print('d_k', d_k)\n    return scores / np.sqrt(d_k)"
    )
    assert found.text.count("Your function printed: d_k 16") == 1 and "d_k 64" not in found.text


@pytest.mark.parametrize(
    "code, said",
    [
        ("return row", "That is the same row"),
        (
            "return row + np.linalg.svd(np.vstack([values.T, np.ones(len(row))]))[2][-1] * 9",
            "Weights may not be negative",
        ),
        ("return row / 2", "sum to 1 only up to -5.0e-01"),
        ("return row * np.nan", "holds nan"),
        (
            "return row + 1e-9 * np.linalg.svd(np.vstack([values.T, np.ones(len(row))]))[2][-1]",
            "only: take a larger step",
        ),
        ("return np.roll(row, 1)", "they should be equal"),
        ("return row[:-1]", "has the shape (4,)"),
        ("return my_other_row(row, values) if len(row) == 5 else None", "returns None"),
        ("row += 0\n    row[:] = row[::-1]\n    return row", "should be equal"),
    ],
)
def test_an_open_question_names_what_is_missing(code, said):
    found = verdict(
        "other_row",
        "from helpers.checks.exercises.notebook_06 import my_other_row\n\ndef answer(row, values):\n   "
        f" {code}",
    )
    assert found.kind == "wrong" and said in found.text


# ---- hints, memory, recall, the puzzle, the map ------------------------------------------------------------


def test_every_exercise_has_a_check_two_hints_and_a_solution():
    for name, exercise in EXERCISES.items():
        check = getattr(checks, f"check_{name}")
        assert check.exercise is exercise and len(exercise.hints) == 2
        assert check.hint() != check.hint(2) and f"def my_{name}(" in check.solution()
    with pytest.raises(ValueError, match="there are two hints"):
        checks.check_scale.hint(3)


def test_an_answer_survives_a_restart_and_can_be_forgotten():
    check = Check("scale")
    assert check.last() == "No answer has been checked yet."
    check(unscaled)
    check(EXERCISES["scale"].right)
    assert "solved this one before" in Check("scale")(lambda scores, d_k: None).said
    assert "def my_scale" in Check("scale").last()
    answers_file.forget()
    assert Check("scale").last() == "No answer has been checked yet."


def unscaled(scores, d_k):
    return scores


def test_buttons_show_hints_solution_and_last_answer():
    shown = Check("scale")(unscaled)
    for button, said in (
        ("Show a hint", "Hint 1."),
        ("Show the second hint", "Hint 2."),
        ("Show the solution", "def my_scale"),
        ("Show my last answer", "def unscaled"),
    ):
        shown.buttons[button].click()
        assert said in shown.more.value


def test_nothing_is_recorded_in_a_paused_kernel(own_folder, monkeypatch):
    monkeypatch.setattr(answers_file, "_paused", False)
    answers_file.pause()
    Check("scale")(unscaled)
    assert os.listdir(own_folder) == []


def test_the_puzzle_runs_what_is_put_together():
    puzzle = multi_head_puzzle()
    assert puzzle.arrange(puzzle.answer).verdict.kind == "right"
    distractors = {"I": ("CM", "I"), "F": ("O", "F"), "D": ("J", "D"), "B": ("K", "B"), "P": ("E", "P")}
    named = {
        letter: puzzle.arrange(puzzle.answer.replace(*swap)).verdict.mistake
        for letter, swap in distractors.items()
    }
    assert named == {
        "I": "split without transpose",
        "F": "divided by √d_model",
        "D": "softmax over the wrong axis",
        "B": "keys not transposed",
        "P": "W_O left out",
    }
    assert puzzle.arrange(puzzle.answer.replace("A", "")).verdict.mistake == "merge without transpose"
    averaged = puzzle.arrange(puzzle.answer.replace("AN", "L")).verdict
    assert (
        averaged.cause == "narrowed" and "`found.mean(axis=0)` should hold the merged heads" in averaged.text
    )
    assert "Is there a line that begins with return?" in puzzle.arrange("G").verdict.text
    with pytest.raises(ValueError, match="each at most once"):
        puzzle.arrange("AA")


def test_the_puzzle_can_be_solved_with_its_buttons_and_remembers():
    puzzle = multi_head_puzzle()
    for letter in puzzle.answer[::-1]:  # the last line first, each then moved up
        puzzle.offered.value = letter
        puzzle.buttons["Add"].click()
        for _ in puzzle.order:
            puzzle.buttons["Move up"].click()
    puzzle.buttons["Check my answer"].click()
    assert puzzle.verdict.kind == "right" and "".join(multi_head_puzzle().order) == puzzle.answer
    puzzle.chosen.value = "J"
    puzzle.buttons["Move down"].click()
    assert "".join(puzzle.order) == puzzle.answer.replace("JH", "HJ")
    puzzle.buttons["Remove"].click()
    assert "J" not in puzzle.order and "J" in [letter for _, letter in puzzle.offered.options]
    puzzle.buttons["Show a solution"].click()
    assert "".join(puzzle.order) == puzzle.answer


def test_the_map_shows_what_is_done():
    progress = Progress()
    assert "solved" not in repr(progress) and "tried" not in repr(progress)
    checks.check_split(lambda x, n_heads: x)
    checks.check_scale(EXERCISES["scale"].right)
    question = Recall("03").questions[0]
    question.answer(question.right)
    progress.button.click()
    assert (
        "split tried" in repr(progress)
        and "scale solved" in repr(progress)
        and "1 of 3 answered, 1 right at once" in repr(progress)
    )
    assert "●" in progress.table.value


def test_typed_text_is_never_markup():
    shown = Check("scale")(
        defined("def answer(scores, d_k):\n    raise ValueError('<img src=x onerror=alert(1)>')")
    )
    assert "<img" not in shown.children[0].value and "&lt;img" in shown.children[0].value
