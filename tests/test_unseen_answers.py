"""Answers that the checks have never seen: wrong ones are refused, right ones are accepted in any style.

cases/unseen_wrong_answers.json and cases/right_styles.json were written from the exercises as learners see
them, without a look at the known mistakes. cases/tried_answers.json holds answers from public threads, and
others that an earlier version of the checks treated badly. In the wrong ones `truth` says what is wrong, a
true diagnosis has one of the phrases of `accept` in it, and one of `forbid` would blame something right.
"""

from __future__ import annotations

import inspect
import json
import linecache
import re
import textwrap
from collections import Counter
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from helpers.attention import merge_heads, scaled_dot_product_attention, softmax, split_heads
from helpers.checks.exercises import EXERCISES
from helpers.checks.judge import judge
from helpers.from_pytorch import multi_head_attention

CASES = Path(__file__).with_name("cases")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the answers themselves, such as np.matrix
WRONG = json.loads((CASES / "unseen_wrong_answers.json").read_text(encoding="utf-8"))
RIGHT = json.loads((CASES / "right_styles.json").read_text(encoding="utf-8"))
TRIED = json.loads((CASES / "tried_answers.json").read_text(encoding="utf-8"))
NUMBERS = count()
COURSE = (softmax, split_heads, merge_heads, scaled_dot_product_attention, multi_head_attention)


def function(entry):
    """The learner's function, with its source where inspect and tracebacks find it."""
    arguments = ", ".join(inspect.signature(EXERCISES[entry["exercise"]].right).parameters)
    text = f"def my_{entry['exercise']}({arguments}):\n{textwrap.indent(entry['code'], '    ')}\n"
    name = f"<unseen answer {next(NUMBERS)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    names = {"np": np} | {each.__name__: each for each in COURSE}
    exec(compile(text, name, "exec"), names)
    return names[f"my_{entry['exercise']}"]


def called(entry):
    return f"{entry['exercise']}: {entry.get('label') or entry['style']}"


# ---- the material itself, on inputs of its own -------------------------------------------------------------


def inputs(exercise, seed):
    """Uneven arguments for one call, with scores of both signs that are far apart every other time."""
    rng = np.random.default_rng(seed)
    n, m, h, d_v, d_model = 3, 5 + seed % 2, 2 + seed % 3, 2, 7
    d_k, wide = [3, 10, 6][seed % 3], [1, 8][seed % 2]

    def table(*shape):
        return rng.normal(size=shape)

    def heads_matrices(count):
        return [table(d_model, h * d_k) / 2 for _ in range(count)]

    if exercise in ("row_sums", "favourites"):
        return [3 * rng.random((n, m))]
    if exercise == "score":
        return [table(d_k), table(d_k)]
    if exercise == "projections":
        return [table(n, d_model), table(d_model, d_k), table(d_model, d_k), table(d_model, d_v)]
    if exercise == "scale":
        return [3 * table(n, m), [2, 10, 33, 64, 16][seed % 5]]
    if exercise == "softmax":
        whole = np.array([[0, 1100, 1099], [3, -2, 0], [-800, -801, -799], [3, 4, 5]])
        return [[5 * table(n, m), 900 * table(n, m), whole][seed % 3]]
    if exercise == "outputs":
        return [softmax(table(n, m)), table(m, d_v)]
    if exercise in ("attention", "null_attention"):
        far = wide if exercise == "attention" else [1, 8, 2000][seed % 3]
        return [far * table(n, d_k), table(m, d_k), table(m, d_v)]
    if exercise == "masked_attention":
        mask = rng.random((n, m)) < 0.5
        mask[:, 1] = False  # hidden from every query
        mask[np.arange(n), [m - 1, 0, 2]] = True  # and every query sees something
        return [wide * table(n, d_k), table(m, d_k), table(m, d_v), mask]
    if exercise == "cross_attention":
        other = d_model + seed % 2
        return [table(n, d_model), table(m, other), table(d_model, d_k), table(other, d_k), table(other, d_v)]
    if exercise == "head":
        return [table(n, d_model), *heads_matrices(3), seed % h, d_k]
    if exercise == "split":
        return [table(n, h * d_k), h]
    if exercise == "merge":
        return [table(h, n, d_k)]
    if exercise == "multi_head":
        return [table(n, d_model), *heads_matrices(3), table(h * d_k, d_model), h]
    if exercise == "writes":
        return [table(h, n, d_k), table(h * d_k, d_model)]
    if exercise == "shares":
        return [softmax(table(h, n, m))]
    if exercise == "other_row":
        return [softmax(table(m)), table(m, d_v)]
    if exercise == "loss_gradient":
        return [wide * table(m), seed % m]
    if exercise == "softmax_gradient":
        return [softmax(table(n, m)), table(n, m)]
    if exercise == "offset_score":
        return [softmax(table(2, h, m, m)), [-1, 1, 2, -2][seed % 4]]
    if exercise == "contributions":
        return [softmax(table(h, n, m)), table(h, m, d_v), table(h * d_v, d_model)]
    if exercise == "pytorch_output":
        d = 6 * h
        state = {"in_proj_weight": table(3 * d, d) / 2, "in_proj_bias": table(3 * d)}
        return [table(n, d), state | {"out_proj.weight": table(d, d), "out_proj.bias": table(d)}, h]
    return [table(n, m), table(n, d_k), table(m, d_k)]  # query_gradient


def is_right(entry, arguments):
    """Whether an answer is right for these arguments, without asking the judge. An error is wrong."""
    given = [np.copy(x) if isinstance(x, np.ndarray) else x for x in arguments]
    try:
        with np.errstate(all="ignore"):
            own = function(entry)(*given)
            own = list(own) if inspect.isgenerator(own) else own
            if entry["exercise"] == "other_row":
                own, (row, values) = np.asarray(own, float), arguments
                return bool(
                    own.shape == row.shape
                    and own.min() > -1e-9
                    and abs(own.sum() - 1) < 1e-9
                    and np.allclose(own @ values, row @ values)
                    and np.abs(own - row).max() > 1e-6
                )
            right = EXERCISES[entry["exercise"]].right(*arguments)
        parts = zip(own, right, strict=True) if isinstance(right, tuple) else [(own, right)]
        return all(
            np.shape(a) == np.shape(b) and np.allclose(np.asarray(a, float), b, 1e-5, 1e-5) for a, b in parts
        )
    except Exception:
        return False


def test_the_wrong_answers_are_wrong_and_the_right_ones_right():
    """Over twelve inputs: a wrong answer fails on some, a right one on none."""

    def always_right(entry):
        return all(is_right(entry, inputs(entry["exercise"], seed)) for seed in range(12))

    assert [called(entry) for entry in WRONG if always_right(entry)] == []
    assert [called(entry) for entry in RIGHT if not always_right(entry)] == []


def test_the_material_is_whole():
    names = set(EXERCISES)
    assert {entry["exercise"] for entry in WRONG} == names == {entry["exercise"] for entry in RIGHT}
    assert len(WRONG) >= 120 and len(RIGHT) >= 90
    assert all(entry["truth"] and entry["accept"] and entry["origin"] for entry in WRONG)
    for entries in (WRONG, RIGHT):
        assert len({(entry["exercise"], entry["code"]) for entry in entries}) == len(entries)


# ---- what the judge makes of it ----------------------------------------------------------------------------


@cache
def verdicts(exercise):
    """The verdict on every answer to one exercise: unseen wrong ones, right ones, wrong ones tried."""

    def judged(entries):
        own = [entry for entry in entries if entry["exercise"] == exercise]
        return [(entry, judge(EXERCISES[exercise], function(entry))) for entry in own]

    return judged(WRONG), judged(RIGHT + TRIED["right"]), judged(TRIED["wrong"])


def said(entry, verdict):
    """What a verdict says in its own words, without the learner's lines, error texts, shapes and places."""
    text = re.sub(r"(?m)^\w*(Error|Exception)\b.*", "", verdict.text)
    for line in sorted((line.strip() for line in entry["code"].splitlines()), key=len, reverse=True):
        text = text.replace(line, "") if len(line) > 5 else text
    quoted = r"\w+ \(\d[\d, ]*\)|\w+ = -?\d+|(In head \d+, row|In row|At place) \d+|[Ee]xpected.*"
    return re.sub(quoted, "", text).lower()


def layer(verdict):
    """Which layer spoke: named, narrowed, located, error, or "accepted"."""
    if verdict.kind == "right":
        return "accepted"
    return getattr(verdict, "cause", "") or ("named" if verdict.mistake else "")


def summary():
    """Counts by layer, the share told a cause, and which of these causes have no phrase of `accept`."""
    found = [pair for exercise in EXERCISES for pair in verdicts(exercise)[0]]
    styles = [verdict for exercise in EXERCISES for _, verdict in verdicts(exercise)[1]]
    told = [pair for pair in found if layer(pair[1]) in ("named", "narrowed")]
    unsure = [pair for pair in told if not any(phrase in said(*pair) for phrase in pair[0]["accept"])]
    return {
        "layers": Counter(layer(verdict) for _, verdict in found),
        "told a cause": len(told) / len(found),
        "true among these": 1 - len(unsure) / max(1, len(told)),
        "to be read": [called(entry) for entry, _ in unsure],
        "accused falsely": [called(pair[0]) for pair in found if accused(*pair)],
        "right styles accepted": f"{sum(verdict.kind == 'right' for verdict in styles)} of {len(styles)}",
    }


def accused(entry, verdict):
    return [phrase for phrase in entry["forbid"] if phrase in said(entry, verdict)]


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_unseen_wrong_answer_is_refused(exercise, record_property):
    unseen, right, tried = verdicts(exercise)
    for name, found in (("unseen", unseen), ("tried before", tried)):
        false = [called(entry) for entry, verdict in found if accused(entry, verdict)]
        record_property(f"layers of {name}", ([layer(verdict) for _, verdict in found], false))
    record_property("right styles", [verdict.kind for _, verdict in right])
    assert [called(entry) for entry, verdict in unseen + tried if verdict.kind != "wrong"] == []


@pytest.mark.parametrize("exercise", EXERCISES)
def test_nothing_right_in_a_wrong_answer_is_blamed(exercise):
    assert {
        called(entry): verdict.text
        for entry, verdict in verdicts(exercise)[0] + verdicts(exercise)[2]
        if accused(entry, verdict)
    } == {}


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_right_answer_is_accepted_in_any_style(exercise):
    assert {
        called(entry): verdict.text for entry, verdict in verdicts(exercise)[1] if verdict.kind != "right"
    } == {}


def test_most_unseen_mistakes_are_told_a_cause():
    assert summary()["told a cause"] >= 0.7


if __name__ == "__main__":
    for what, figure in summary().items():
        print(f"{what}: {figure}")
