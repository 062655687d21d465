"""Guesses are recorded, kept and compared, and nothing that was typed is lost."""

from __future__ import annotations

import json
import multiprocessing
import os

import pytest

from helpers.questions import answers_file
from helpers.questions.predictions import Prediction, Summary


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("THINKING_MACHINES_DATA", str(tmp_path))
    monkeypatch.setattr(answers_file, "_not_written", {name: [] for name in answers_file.FILES})
    return tmp_path


@pytest.mark.parametrize(
    "typed, kept",
    [
        ("0.5", 0.5),
        ("0,5", 0.5),
        ("1/8", 0.125),
        ("20 %", 0.2),
        ("4.38e48", 4.38e48),
        ("−3", -3.0),
        (7, 7.0),
        ("1,000", 1000.0),
        ("1,048,576", 1048576.0),
        ("0,125", 0.125),
    ],
)
def test_a_number_is_read_as_people_write_it(typed, kept):
    guess = Prediction("a", "How much?")
    guess.record(typed)
    assert guess.guess == pytest.approx(kept)


@pytest.mark.parametrize(
    "typed, said",
    [
        ("", "Type a number first"),
        ("many", "“many” is not a number"),
        ("1/0", "is not a number"),
        ("nan", "is not a number"),
        ("1e999", "is not a number"),
        ("<b>x</b>", "&lt;b&gt;"),
    ],
)
def test_what_is_no_number_is_answered_in_the_widget(typed, said):
    guess = Prediction("a", "How much?")
    guess.choice.value = typed
    guess.button.click()
    assert said in guess.status.value and guess.guess is None


def test_the_first_guess_counts_and_the_later_ones_are_kept(own_folder):
    guess = Prediction("a", "How much?")
    for typed in ("1", "2"):
        guess.choice.value = typed
        guess.button.click()
    assert guess.guess == 1
    assert "Recorded: 2. Your first guess, 1, is the one that counts." in guess.status.value
    assert [
        json.loads(line)["guess"] for line in (own_folder / "guesses.jsonl").read_text().splitlines() if line
    ] == [1, 2]


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
    choice.choice.value = "that"
    choice.button.click()
    assert repr(choice.reveal("this")) == "computed: this   your guess: that"


def test_a_wrong_option_has_its_reason_and_a_list_of_options_has_none():
    options = {"they grow": "They would if the gap grew.", "nothing": ""}
    guess = Prediction("a", "Both scores rise by 5. What do the weights do?", options)
    assert guess.reveal("nothing").__repr__() == "computed: nothing   your guess: none recorded"
    guess.record("they grow")
    assert repr(guess.reveal("nothing")).splitlines() == [
        "computed: nothing   your guess: they grow",
        "They would if the gap grew.",
    ]
    assert guess.status.value.count("They would if the gap grew.") == 1
    assert "They would" not in repr(Prediction("a", "The same?", list(options)).reveal("nothing"))
    assert "They would" not in Prediction("a", "Not revealed yet?", options).status.value


def test_a_guess_of_the_other_kind_is_passed_over():
    for guess in ("0.5", 0.5):
        answers_file.keep("guesses", {"name": "a", "guess": guess})
    assert Prediction("a", "How much?").guess == 0.5
    assert Prediction("a", "Which?", ["0.5", "1"]).guess == "0.5"


def test_a_right_answer_that_is_no_option_is_refused():
    with pytest.raises(ValueError, match="must be one of the options"):
        Prediction("a", "Which?", ["this", "that"]).reveal("other")


def test_after_recording_the_widget_says_what_comes_next():
    guess = Prediction("a", "How much?")
    guess.record("3")
    assert "Run the next cells to compare." in guess.status.value


# The browser sends the key first, and then what stands in the box; leaving the box sends the text alone.


def press_enter(guess, typed):
    guess.choice._handle_custom_msg({"event": "submit"}, [])
    guess.choice.value = typed


def test_enter_records_what_was_typed_and_leaving_the_box_does_not():
    guess = Prediction("a", "How much?")
    guess.choice.value = "1"
    assert guess.guess is None and "Not recorded yet" in guess.status.value
    press_enter(guess, "2")
    assert guess.guess == 2 and "Recorded: 2" in guess.status.value
    guess.choice.value = "3"
    assert answers_file.guesses("a") == [2]


def record_many(folder, name):
    os.environ["THINKING_MACHINES_DATA"] = folder
    for number in range(100):
        Prediction(name, "How much?").record(number)


def test_two_notebooks_at_once_lose_nothing(own_folder):
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=record_many, args=(str(own_folder), name)) for name in ("a", "b")]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
    assert answers_file.guesses("a") == answers_file.guesses("b") == list(range(100))


def not_a_folder(folder, monkeypatch):
    (folder / "file").write_text("")
    monkeypatch.setenv("THINKING_MACHINES_DATA", str(folder / "file"))


def no_space_left(folder, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.open", full)


def read_only(folder, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", refused)
    monkeypatch.setattr("pathlib.Path.open", refused)


@pytest.mark.parametrize(
    "break_it, why",
    [
        (not_a_folder, "can&#x27;t be written to"),
        (no_space_left, "No space left"),
        (read_only, "Permission denied"),
    ],
)
def test_a_folder_that_takes_nothing_is_answered_in_a_sentence_and_the_guess_counts(
    own_folder, monkeypatch, break_it, why
):
    break_it(own_folder, monkeypatch)
    guess = Prediction("a", "How much?")
    guess.choice.value = "3"
    guess.button.click()
    assert "Recorded: 3." in guess.status.value and why in guess.status.value
    assert Prediction("a", "How much?").guess == 3  # the cell may be run again
    assert repr(guess.reveal(4)) == "computed: 4   your guess: 3"


@pytest.mark.parametrize("damage", [b'{"name": "a", "gue', b"\xff\xfe\n", b"[1, 2]\n", b'{"name": "a"}\n'])
def test_a_damaged_line_costs_no_other_guess(own_folder, damage):
    Prediction("a", "How much?").record("1")
    with (own_folder / "guesses.jsonl").open("ab") as file:
        file.write(damage)
    Prediction("a", "How much?").record("2")
    assert answers_file.guesses("a") == [1, 2]


def test_forgetting_clears_everything():
    guess = Prediction("a", "How much?")
    guess.record("1")
    answers_file.forget()
    answers_file.forget()
    assert Prediction("a", "How much?").guess is None


def test_the_question_reads_as_text_on_a_page():
    data = Prediction("a", "Which?", ["this", "that"])._repr_mimebundle_()
    assert data["text/plain"] == "Predict. Which?\n  ( ) this\n  ( ) that"
