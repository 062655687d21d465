"""Recall questions, the bug zoo, the puzzle and the map: one question, whose first answer counts."""

from __future__ import annotations

import html
import json
import re

import numpy as np
import pytest

from helpers import examples
from helpers.attention import scaled_dot_product_attention
from helpers.checks import Progress, catalogue, multi_head_puzzle
from helpers.explorers import BugZoo, bug_zoo
from helpers.explorers.bug_zoo import Exhibit, Setting, result
from helpers.questions import Prediction, Recall, answers_file
from helpers.questions.question import verdict

BUGS = range(1, len(examples.bugs()) + 1)
MARKUP = "<img src=x onerror=alert(1)>"
NOT_TEXT = "half a character \ud83d"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("THINKING_MACHINES_DATA", str(tmp_path))
    monkeypatch.setattr(answers_file, "_not_written", {name: [] for name in answers_file.FILES})
    return tmp_path


def said(question):
    return html.unescape(question.status.value)


def choose(question, option):
    question.choice.value = option
    question.button.click()
    return said(question)


def wrong_and_right(question):
    return next(option for option in question.options if option != question.right), question.right


# -- one question ----------------------------------------------------------------------------------------


def ask(kind):
    return Recall("02").questions[0] if kind == "recall" else BugZoo().question


@pytest.mark.parametrize("kind", ["recall", "zoo"])
def test_a_wrong_choice_is_told_why_and_may_choose_again(kind):
    question = ask(kind)
    wrong, right = wrong_and_right(question)
    assert said(question) == "" and question.choice.value is None and question.first is None
    question.button.click()
    assert "Choose one of the answers first." in said(question) and question.first is None
    assert f"Not this one: {wrong}. {question.options[wrong]} Choose again." in choose(question, wrong)
    assert question.options[right] not in said(question)
    assert f"Right. {question.options[right]}" in choose(question, right)
    assert question.first == wrong, "the first answer counts"


@pytest.mark.parametrize("kind", ["recall", "zoo"])
def test_what_was_answered_before_is_said_again(kind):
    wrong, right = wrong_and_right(ask(kind))
    choose(ask(kind), wrong)
    assert f"Not this one: {wrong}." in said(ask(kind)) and "You answered this before." in said(ask(kind))
    choose(ask(kind), right)
    assert "Right." in said(ask(kind)) and f"Your first answer: {wrong}." in said(ask(kind))


def test_predictions_recall_and_zoo_name_their_buttons_after_what_happens():
    assert Prediction("a", "Which?", ["this", "that"]).button.description == "Submit"
    assert {ask(kind).button.description for kind in ("recall", "zoo")} == {"Check my answer"}
    assert set(multi_head_puzzle().buttons) == {
        "Add",
        "Remove",
        "Move up",
        "Move down",
        "Check my answer",
        "Show a solution",
    }


@pytest.mark.parametrize("text", [MARKUP, NOT_TEXT])
def test_a_question_is_shown_as_text_whatever_is_in_it(text):
    number, choice = Prediction("a", text), Prediction("b", text, {text: text, "other": ""})
    for typed in (text, "3"):
        number.choice.value = typed
        number.button.click()
    choose(choice, text)
    choice.reveal("other")
    shown = [part.value for question in (number, choice) for part in (question.prompt, question.status)] + [
        repr(number),
        repr(choice),
        repr(choice.reveal("other")),
    ]
    for part in shown:
        part.encode("utf-8")  # as it is sent to the page
    assert all("<img" not in part for part in shown[:4])


def test_an_option_of_another_version_is_no_error():
    answers_file.keep("answers", {"question": examples.recall("02")[0]["name"], "answer": "an old text"})
    assert "Not this one: an old text. Choose again. You answered this before." in said(ask("recall"))
    assert verdict("old", "new", {"new": "Because."}) == ("Not this one: old. Choose again.", "wrong")


def test_a_right_answer_in_the_words_of_an_older_version_is_still_right():
    (bug,) = [bug for bug in examples.bugs() if bug["name"] == "a row may look at nothing"]
    answers_file.keep("answers", {"zoo": bug["name"], "answer": bug["name"], "right": True})
    zoo = BugZoo(examples.bugs().index(bug) + 1)
    assert zoo.result.solved and f"Right. {bug['options'][bug['answer']]}" in said(zoo.question)
    assert "1 of 1 right at the first try" in zoo.score.value


# -- the data ---------------------------------------------------------------------------------------------


def test_each_option_of_a_recall_question_has_its_own_reason_and_one_is_right():
    for notebook in ("02", "03", "04", "05", "06", "07", "08"):
        for question in examples.recall(notebook):
            assert sum(option.get("right", False) for option in question["options"]) == 1
            reasons = [option["reason"] for option in question["options"]]
            assert all(len(reason) > 20 for reason in reasons) and len(set(reasons)) == len(reasons) >= 3


# -- the zoo, without a widget -----------------------------------------------------------------------------


@pytest.mark.parametrize("number", BUGS)
def test_a_wrong_map_is_what_the_catalogues_wrong_version_gives(number):
    exhibit = Exhibit(examples.bugs()[number - 1], number)
    n, mistake = len(exhibit.words), exhibit.bug["mistake"]
    values = np.random.default_rng(0).standard_normal((n, n))
    with np.errstate(invalid="ignore"):
        queries, keys = exhibit.queries_and_keys(exhibit.steps)
        output = catalogue.attention(exhibit.steps, queries, keys, values, exhibit.mask)
    weights = np.stack([panel.cells for panel in result(Setting(number)).wrong])
    np.testing.assert_allclose(weights @ values, output, atol=1e-12)
    assert mistake is None or mistake in {mistake.name for mistake in catalogue.MISTAKES}


@pytest.mark.parametrize("number", BUGS)
def test_a_bug_shows_somewhere_and_the_right_map_is_the_cores(number):
    exhibit = Exhibit(examples.bugs()[number - 1], number)
    queries, keys = exhibit.queries_and_keys(catalogue.RIGHT)
    values = np.ones((len(exhibit.words), 3))
    _, weights = scaled_dot_product_attention(queries, keys, values, mask=exhibit.mask)
    shown = result(Setting(number, (exhibit.right_answer,)))
    np.testing.assert_allclose([panel.cells for panel in shown.right], weights, atol=1e-12)
    same_map = np.allclose([panel.cells for panel in shown.wrong], weights)
    assert same_map == (exhibit.bug.get("clue") == "merged")  # the one that no map can show
    assert shown.merged[0] != shown.merged[1] or not same_map


def test_the_test_of_the_split_finds_the_heads_that_hold_one_word():
    (bug,) = [bug for bug in examples.bugs() if bug.get("clue") == "change"]
    assert Exhibit(bug, 1).unchanged() == [0, 1, 2, 3]
    assert Exhibit({**bug, "mistake": None}, 1).unchanged() == []


@pytest.mark.parametrize("number", BUGS)
def test_nothing_of_the_answer_is_in_the_result_before_the_bug_is_solved(number):
    bug, right = examples.bugs()[number - 1], Exhibit(examples.bugs()[number - 1], number).right_answer
    others = tuple(option for option in bug["options"] if option != right)
    for chosen in ((), others):
        shown = result(Setting(number, chosen))
        assert not shown.solved and len(shown.merged) == 1 and "It is this" not in shown.text()
        assert (shown.right, shown.answer, shown.shown_by, shown.threads) == ((), "", "", ())
    solved = result(Setting(number, (*others, right)))
    assert solved.solved and solved.right and solved.answer == right and solved.threads
    assert f"It is this: {right}." in solved.text()


# -- the zoo ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", BUGS)
def test_the_zoo_opens_the_answer_only_after_the_right_choice(number):
    zoo = BugZoo(number)
    bug, question, right = zoo.exhibit.bug, zoo.question, zoo.exhibit.right_answer
    assert list(question.choice.options) == list(bug["options"]) and 3 <= len(bug["options"]) <= 4
    assert len(set(bug["options"].values())) == len(bug["options"])
    for option, reason in bug["options"].items():
        if option != right:
            assert f"Not this one: {option}. {reason} Choose again." in choose(question, option)
            assert zoo.more.value == "" and zoo.boxes[1].layout.display == "none"
            assert bug["options"][right] not in said(question)
    assert f"Right. {bug['options'][right]}" in choose(question, right)
    assert bug["shown_by"] in html.unescape(zoo.more.value) and zoo.boxes[1].layout.display == ""
    for url, _ in bug["threads"]:
        assert re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+/(issues|pull)/\d+", url)
        assert url in zoo.more.value
    sent = np.frombuffer(zoo.wrong_map.data, "<f4").reshape(zoo.wrong_map.shape)
    np.testing.assert_allclose(sent, zoo.exhibit.wrong_weights(), atol=1e-6)


def test_the_first_answer_counts_in_a_new_zoo():
    zoo = BugZoo()
    wrong, right = wrong_and_right(zoo.question)
    choose(zoo.question, wrong)
    assert "0 of 1 right at the first try; 9 to go." in zoo.score.value
    choose(zoo.question, right)
    entries = [(entry["zoo"], entry["answer"], entry["right"]) for entry in answers_file.kept("answers")]
    assert entries == [(right, wrong, False), (right, right, True)]
    again = BugZoo()
    assert "0 of 1 right at the first try" in again.score.value and again.result.solved
    again.bug.value = 2
    assert said(again.question) == "" and again.more.value == ""
    assert again.boxes[1].layout.display == "none" != again.boxes[0].layout.display
    second = examples.bugs()[1]["shown_by"]
    assert all(second not in part for part in (again.picture().text, again.gallery().text))


@pytest.mark.parametrize("text", [MARKUP, NOT_TEXT])
def test_an_exhibit_is_shown_as_text_whatever_is_in_it(text):
    name = text.replace("\ud83d", "")
    bug = {
        **examples.bugs()[0],
        "name": name,
        "question": text,
        "shown_by": text,
        "options": {name: text, f"{text}2": text},
        "threads": [["https://github.com/a/b/issues/1", text]],
    }
    zoo = BugZoo(exhibits=[Exhibit(bug, 1)])
    for option in reversed(bug["options"]):
        zoo.question.answer(option)
        question = zoo.question
        for part in (question.prompt, question.status, zoo.more, zoo.numbers, zoo.tables, zoo.score):
            part.value.encode("utf-8")
            assert "<img" not in part.value
    assert zoo.result.solved
    for data, _ in zoo._fallback():
        json.dumps(data).encode("utf-8")
        assert "<img" not in data.get("text/html", "")


# -- the puzzle and the map --------------------------------------------------------------------------------


def test_the_puzzle_says_that_its_answer_could_not_be_written(own_folder, monkeypatch):
    (own_folder / "file").write_text("")
    monkeypatch.setenv("THINKING_MACHINES_DATA", str(own_folder / "file"))
    puzzle = multi_head_puzzle().arrange("GC")
    assert "can't be written to" in html.unescape(puzzle.status.value) and "can't be written to" in repr(
        puzzle
    )
    assert "".join(multi_head_puzzle().order) == "GC", "kept until the kernel ends"


def test_a_solution_that_is_shown_is_not_said_to_be_checked():
    puzzle = multi_head_puzzle().arrange("GC")
    puzzle.buttons["Show a solution"].click()
    assert puzzle.verdict.text == "This is one right order. There may be others."


def test_the_map_counts_what_is_recorded():
    choose(Recall("03").questions[0], Recall("03").questions[0].right)
    choose(Recall("03").questions[1], wrong_and_right(Recall("03").questions[1])[0])
    Prediction("03 something", "How much?").record("1")
    answers_file.keep("answers", {"exercise": "scale", "kind": "right", "code": "def my_scale(): ..."})
    progress = Progress()
    assert "scale solved" in repr(progress) and "softmax open" in repr(progress)
    assert "2 of 3 answered, 1 right at once  1 recorded" in repr(progress)
    assert "●" in progress.table.value and bug_zoo.count({}, ["a", "b"]) == "2 to go."
