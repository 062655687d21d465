"""Guesses are recorded, kept and compared, and nothing that was typed is lost."""

from __future__ import annotations

import json

import pytest

from helpers import predictions
from helpers.predictions import Prediction, Summary


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("THINKING_MACHINES_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("typed, kept", [("0.5", 0.5), ("0,5", 0.5), ("1/8", 0.125), ("20 %", 0.2), ("4.38e48", 4.38e48), ("−3", -3.0), (7, 7.0)])
def test_a_number_is_read_as_people_write_it(typed, kept):
    guess = Prediction("a", "How much?")
    guess.record(typed)
    assert guess.guess == pytest.approx(kept)


@pytest.mark.parametrize("typed, said", [("", "Type a number first"), ("many", "“many” is not a number"), ("1/0", "is not a number"), ("<b>x</b>", "&lt;b&gt;")])
def test_what_is_no_number_is_answered_in_the_widget(typed, said):
    guess = Prediction("a", "How much?")
    guess.answer.value = typed
    guess.button.click()
    assert said in guess.status.value and guess.guess is None


def test_the_first_guess_counts_and_the_later_ones_are_kept(own_folder):
    guess = Prediction("a", "How much?")
    for typed in ("1", "2"):
        guess.answer.value = typed
        guess.button.click()
    assert guess.guess == 1
    assert [entry["guess"] for entry in json.loads((own_folder / "guesses.json").read_text())["a"]] == [1, 2]


def test_a_guess_survives_a_restart():
    Prediction("a", "How much?").record("3")
    again = Prediction("a", "How much?")
    assert again.guess == 3 and "Recorded: 3" in again.status.value


def test_guess_and_truth_stand_side_by_side():
    number, choice = Prediction("01 number", "How much?"), Prediction("01 choice", "Which?", ["this", "that"])
    assert "Nothing is recorded" in number.status.value
    number.record("0.5")
    assert repr(number.reveal(0.8807970780)) == "computed: 0.8808   your guess: 0.5"
    assert "Your first guess: 0.5. Computed: 0.8808." in number.status.value
    assert repr(Summary(number, choice)).splitlines() == [
        "prediction  computed          your guess",
        "number      0.8808            0.5",
        "choice      not computed yet  none recorded",
    ]
    choice.button.click()
    assert "Choose one" in choice.status.value
    choice.answer.value = "that"
    choice.button.click()
    assert repr(choice.reveal("this")) == "computed: this   your guess: that"


def test_a_right_answer_that_is_no_option_is_refused():
    with pytest.raises(ValueError, match="must be one of the options"):
        Prediction("a", "Which?", ["this", "that"]).reveal("other")


def test_a_damaged_file_is_set_aside(own_folder):
    (own_folder / "guesses.json").write_text("{ not json")
    guess = Prediction("a", "How much?")
    guess.record("1")
    assert guess.guess == 1
    assert (own_folder / "guesses.damaged.json").read_text() == "{ not json"


def test_forgetting_clears_everything():
    guess = Prediction("a", "How much?")
    guess.record("1")
    predictions.forget()
    predictions.forget()
    assert Prediction("a", "How much?").guess is None


def test_the_question_reads_as_text_on_a_page():
    data = Prediction("a", "Which?", ["this", "that"])._repr_mimebundle_()
    assert data["text/plain"] == "Predict. Which?\n  ( ) this\n  ( ) that"
