"""A learner's function is called safely: it ends in time, leaves nothing behind, and nothing gets out of
it."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest

from helpers.checks import run
from helpers.checks.exercises import EXERCISES, Case
from helpers.checks.judge import judge
from helpers.checks.run import Failure, Result, call

ONE = Case({"x": np.arange(3.0)})


def after(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


@pytest.mark.parametrize("limit, rounds", [(0.0015, 300), (0.010, 100)])
def test_a_function_that_ends_near_the_limit_hangs_nothing_and_leaves_no_thread(limit, rounds):
    """The full thousand rounds stand in the closing figures; these run at every test."""
    threads = threading.active_count()
    rng = np.random.default_rng(0)
    outcomes = []
    for early in rng.uniform(-0.0001, 0.0004, rounds):
        outcomes.append(call(lambda x, s=limit + early: after(s), ONE, limit))
    assert (
        all(isinstance(each, (Result, Failure)) for each in outcomes) and threading.active_count() == threads
    )


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "while True:\n        try: time.sleep(0.01)\n        except Exception: pass",
        "while True:\n        try: np.ones(3)\n        except BaseException: pass",
    ],
)
def test_an_endless_loop_ends(body):
    threads, space = threading.active_count(), {"np": np, "time": time}
    exec(f"def answer(x):\n    {body}", space)
    found = call(space["answer"], ONE, 0.2)
    assert found.kind == "TookTooLong" and threading.active_count() == threads


def test_without_threads_the_clock_is_looked_at_on_every_line(monkeypatch):
    monkeypatch.setattr(sys, "platform", "emscripten")
    before = sys.gettrace()

    def endless(x):
        while True:
            pass

    assert call(endless, ONE, 0.2).kind == "TookTooLong"
    assert call(lambda x: x, ONE, 0.2).same_as(Result(ONE.arguments["x"])) and sys.gettrace() is before


def test_an_endless_print_takes_no_memory_and_its_beginning_is_shown():
    def loud(scores, d_k):
        while True:
            print("again")

    found = judge(EXERCISES["scale"], loud, seconds=0.3)
    assert "stopped after 0.3 seconds" in found.text and "again" in found.text and len(found.text) < 1_000


class Rude:
    def __array__(self, *_, **__):
        raise RuntimeError("no")


class Speechless(Exception):
    def __str__(self):
        raise ValueError("no words")


def raises_speechless(*_):
    raise Speechless


def closes_stdout(*_):
    sys.stdout.close()
    return np.ones(3)


@pytest.mark.parametrize("name", EXERCISES)
@pytest.mark.parametrize(
    "answer",
    [lambda *_: [10**400], lambda *_: Rude(), raises_speechless, closes_stdout, lambda *_: np.ma.ones(3)],
)
def test_whatever_comes_back_the_learner_gets_a_sentence(name, answer):
    found = judge(EXERCISES[name], answer)
    assert found.kind == "wrong" and found.text and "Traceback" not in found.text


def test_a_call_that_cannot_be_stopped_is_said_with_the_time_it_took(monkeypatch):
    monkeypatch.setattr(run, "PATIENCE", 0.3)
    found = judge(EXERCISES["scale"], lambda scores, d_k: time.sleep(1.2), seconds=0.1)
    assert "stopped after 0." in found.text
    time.sleep(1.2)  # it ends by itself
