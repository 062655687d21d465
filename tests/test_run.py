"""A learner's function is called safely: it ends, harms nothing, and whatever it does gets a sentence."""

from __future__ import annotations

import random
import re
import signal
import sys
import threading
import time

import numpy as np
import pytest

from helpers.attention import softmax
from helpers.checks.exercises import EXERCISES
from helpers.checks.judge import judge
from helpers.checks.messages import shapes
from helpers.checks.run import Failure, Result, call


def written(code, name="answer", file="<cell>"):
    space = {"np": np, "softmax": softmax, "time": time}
    exec(compile(code, file, "exec"), space)
    return space[name]


# ---- the time limit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds, rounds", [(0.0015, 1_000), (0.010, 200)])
def test_a_limit_never_goes_off_after_the_call_has_ended(seconds, rounds):
    """Calls that end just before or after their limit: no hang, no stray exception, no thread."""
    before, outcomes = threading.active_count(), set()
    for _ in range(rounds):
        until = seconds + random.uniform(-0.0001, 0.0004)

        def ends_near(x, until=until):
            end = time.perf_counter() + until
            while time.perf_counter() < end:
                pass
            return x

        outcomes.add(type(call(ends_near, {"x": 1}, seconds)))
        for _ in range(20):  # what comes right after runs undisturbed
            pass
    assert outcomes <= {Result, Failure} and threading.active_count() == before
    assert sys.gettrace() is None or "coverage" in repr(sys.gettrace())


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "return sum(1 for _ in iter(int, 1))",
        "while True:\n        try: x += 1\n        except Exception: pass",
        "while True:\n        try: time.sleep(0.01)\n        except BaseException: pass",
        "while True:\n        try: x += 1\n        except: pass\n        finally: x += 1",
        "def inner():\n        while True: pass\n    return inner()",
        "while True: yield x",
    ],
)
def test_code_that_never_ends_is_stopped_whatever_it_catches(body):
    found = call(written(f"def answer(x):\n    {body}"), {"x": 1}, 0.2)
    assert isinstance(found, (Failure, Result))
    assert not isinstance(found, Failure) or found.kind == "TookTooLong"
    assert ("yield" in body) == isinstance(found, Result), "a generator is cut off, and its first rows"
    " are looked at"
    assert threading.active_count() == 1 + sum(
        t is not threading.current_thread() for t in threading.enumerate()
    )


@pytest.mark.parametrize(
    "body", ["while True: pass", "while True:\n        try: x += 1\n        except Exception: pass"]
)
def test_the_limit_works_where_python_has_neither_threads_nor_timers(monkeypatch, body):
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr(
        threading.Thread, "start", lambda self: (_ for _ in ()).throw(RuntimeError("no threads"))
    )
    assert call(written(f"def answer(x):\n    {body}"), {"x": 1}, 0.1).kind == "TookTooLong"
    assert sys.gettrace() is None or "coverage" in repr(sys.gettrace())


def test_the_limit_works_in_another_thread():
    found = []
    answer = written("def answer(x):\n    while True: pass")
    thread = threading.Thread(target=lambda: found.append(call(answer, {"x": 1}, 0.1)))
    thread.start()
    thread.join(30)
    assert found and found[0].kind == "TookTooLong"


def test_a_signal_handler_and_a_trace_are_put_back(monkeypatch):
    def own(*_):
        pass

    before = signal.signal(signal.SIGALRM, own)
    try:
        call(
            written("def answer(x):\n    while True:\n        try: pass\n        except BaseException: pass"),
            {"x": 1},
            0.1,
        )
        assert signal.getsignal(signal.SIGALRM) is own and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_long_call_in_c_says_how_long_it_really_took():
    code = "def answer(scores, d_k):\n    sum(range(10**8))\n    return scores"
    said = judge(EXERCISES["scale"], written(code), 0.1).text
    assert re.search(r"took \d+\.\d seconds, and 0.1 are allowed", said), said
    assert "a single call in it took so long" in said


def test_a_stopped_function_shows_what_it_printed_and_keeps_little_of_it():
    said = judge(
        EXERCISES["scale"], written("def answer(scores, d_k):\n    while True: print('spam')"), 0.2
    ).text
    assert "was stopped after 0.2 seconds" in said and "Your function printed: spam\nspam" in said
    assert len(said) < 1_000
    assert len(call(written("def answer(x):\n    print('y' * 10**6)"), {"x": 1}, 1).printed) <= 4_001


# ---- what comes back ---------------------------------------------------------------------------------------

STRANGE = {
    "a number too large": "return [10**400]",
    "__array__ raises": """class Strange:
        def __array__(self, *given, **more): raise ValueError('no')
    return Strange()""",
    "an error without text": """class Mute(Exception):
        def __str__(self): raise ValueError('no')
    raise Mute()""",
    "a closed stdout": "import sys\n    sys.stdout.close()\n    print('hello')\n    return None",
    "no stdout": "import sys\n    sys.stdout = None\n    return [[1], [2, 3]]",
    "a list that holds itself": "a = []\n    a += [a, a]\n    return a",
    "a list of None": "return [None, None]",
    "an exit": "raise SystemExit('bye')",
    "a generator that raises": "yield 1\n    raise KeyError('x')",
    "text": "return 'done'",
    "dates": "return np.array(['2020-01-01'], dtype='datetime64[D]')",
    "complex": "return np.ones((3, 5)) * 1j",
    "a masked array": "return np.ma.masked_array(np.ones((3, 5)), mask=True)",
    "an empty array": "return np.array([])",
    "a dict": "return {}",
    "a class": "return np.ndarray",
}


@pytest.mark.parametrize("name", EXERCISES)
def test_whatever_comes_back_gets_a_sentence(name):
    arguments = ", ".join(EXERCISES[name].cases()[0].arguments)
    for what, body in STRANGE.items():
        found = judge(EXERCISES[name], written(f"def answer({arguments}):\n    {body}"))
        assert found.kind == "wrong" and found.text, what


def test_a_line_is_a_line_of_the_cell_and_never_negative():
    cell = "def helper(x):\n    return x.nothing\n\n\ndef answer(scores, d_k):\n    return helper(scores)\n"
    assert "in line 2 of your cell" in judge(EXERCISES["scale"], written(cell)).text
    below = "def answer(scores, d_k):\n    return helper(scores)\n\n\ndef helper(x):\n    return x.nothing\n"
    assert "in line 6 of your cell" in judge(EXERCISES["scale"], written(below)).text
    assert "in line 2 of mine.py" in judge(EXERCISES["scale"], written(cell, file="mine.py")).text


@pytest.mark.parametrize(
    "body",
    [
        "scores *= 0\n    return scores",
        "scores[:] = d_k\n    return scores",
        "scores.resize(2, 2)\n    return 1",
    ],
)
def test_an_answer_cannot_change_what_it_is_called_with(body):
    cases = EXERCISES["scale"].cases()
    judge(EXERCISES["scale"], written(f"def answer(scores, d_k):\n    {body}"))
    assert all(
        np.array_equal(a.arguments["scores"], b.arguments["scores"])
        for a, b in zip(cases, EXERCISES["scale"].cases())
    )


def test_a_dict_of_arrays_is_copied_compared_and_described():
    state = {"weight": np.ones((2, 3)), "bias": np.zeros(2)}
    assert call(lambda state: state["bias"], {"state": state}).changed == ""
    for change in ("state['bias'] += 1", "state.clear()", "state['weight'] = 0"):
        answer = written(f"def answer(state):\n    {change}\n    return 1")
        assert call(answer, {"state": state}).changed == "state"
    assert state["bias"].tolist() == [0, 0] and len(state) == 2
    assert shapes({"state": state, "n": 2}) == "state {weight (2, 3), bias (2,)}, n = 2"
