"""The learner's file: whatever was typed comes back, and whatever stands in it is read without an error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import checks, examples
from helpers.checks import Progress, multi_head_puzzle
from helpers.checks.check import Check
from helpers.explorers import BugZoo
from helpers.questions import Prediction, Recall, Summary, answers_file

EXERCISE, QUESTION, BUG = "scale", examples.recall("02")[0], examples.bugs()[0]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("THINKING_MACHINES_DATA", str(tmp_path / "kept"))
    monkeypatch.setattr(answers_file, "_not_written", {name: [] for name in answers_file.FILES})
    return tmp_path / "kept"


def write(folder, name, *lines):
    folder.mkdir(exist_ok=True)
    with (folder / f"{name}.jsonl").open("ab") as file:
        file.writelines(line if isinstance(line, bytes) else line.encode() for line in lines)


# -- what was typed comes back -----------------------------------------------------------------------------

SEPARATORS = ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\r", "\r\n", "\n"]


@pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
def test_no_line_separator_in_an_answer_loses_it(separator):
    code = f"def my_scale(scores, d_k):\n    'a{separator}b'\n    return scores"
    answers_file.keep("answers", {"exercise": EXERCISE, "kind": "right", "code": code})
    answers_file.keep("guesses", {"name": "a", "guess": f"one{separator}two"})
    assert Check(EXERCISE).last() == code and answers_file.guesses("a") == [f"one{separator}two"]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"], ids=ascii)
def test_an_answer_that_an_older_version_wrote_with_a_separator_is_read(own_folder, separator):
    entry = {"exercise": EXERCISE, "kind": "right", "mistake": None, "code": f"# a{separator}b", "at": "now"}
    write(own_folder, "answers", f"\n{json.dumps(entry, ensure_ascii=False)}\n")
    assert Check(EXERCISE).last() == f"# a{separator}b" and f"{EXERCISE} solved" in repr(Progress())


def test_files_of_older_versions_are_read(own_folder):
    wrong = next(option["text"] for option in QUESTION["options"] if not option.get("right"))
    write(
        own_folder,
        "answers",
        '\n{"exercise": "scale", "kind": "wrong", "mistake": "no scaling", "code": "def f(): ..."}\n',
        f'\n{{"question": "{QUESTION["name"]}", "answer": "{wrong}", "right": false, "at": "x"}}\n',
        f'\n{{"zoo": "{BUG["name"]}", "answer": "{BUG["name"]}", "right": true, "at": "x"}}\n',
    )
    write(
        own_folder,
        "guesses",
        '\n{"name": "00 pairs", "guess": 4.0, "at": "x"}\n{"name": "02 shift", "guess": "nothing"}\n',
    )
    assert Check(EXERCISE).last() == "def f(): ..." and f"{EXERCISE} tried" in repr(Progress())
    assert Recall("02").questions[0].first == wrong and BugZoo().result.solved
    assert Prediction("00 pairs", "How many?").guess == 4
    assert Prediction("02 shift", "What?", ["nothing", "much"]).guess == "nothing"


IN_A_CELL = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
from helpers.checks import check_scale
shell = InteractiveShell.instance()
for separator in json.loads(sys.argv[1]):
    lines = [f"# from a page{separator}", "def before(): return 1", "from helpers.checks import check_scale"]
    code = f"def my_scale(scores, d_k):\\n    # pasted{separator}\\n    return scores\\n"
    cell = "\\n".join([*lines, code, "checked = check_scale(my_scale)"])
    shell.run_cell(cell, store_history=True).raise_error()
    print(json.dumps([code, check_scale.last()]))
"""


def test_the_code_that_is_kept_is_the_function_that_was_checked():
    command = [sys.executable, "-W", "ignore", "-c", IN_A_CELL, json.dumps([*SEPARATORS, ""])]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in said.strip().split("\n"):
        code, kept = json.loads(line)
        assert kept.replace("\r", "") == code.replace("\r", "")  # "\r" ends a line of Python


@pytest.mark.parametrize("text", ["\ud83d", "a \udcff b", "😀", "\x00", "ש"], ids=ascii)
def test_what_comes_back_can_be_shown(text):
    answers_file.keep("answers", {"exercise": EXERCISE, "kind": "right", "code": text})
    answers_file.keep("guesses", {"name": "a", "guess": text})
    for shown in (Check(EXERCISE).last(), answers_file.guesses("a")[0]):
        shown.encode("utf-8")
        assert shown == text or "\ufffd" in shown


# -- whatever stands in the file ---------------------------------------------------------------------------

DEEP = "[" * 100_000
ANYTHING = {
    "null": "null",
    "true": "true",
    "a number": "3",
    "a very long number": "1" * 400,
    "a longer number": "1" * 10_000,
    "nan": "NaN",
    "infinity": "-Infinity",
    "a text": '"text"',
    "half a character": '"\\ud83d"',
    "a list": '["a", 1]',
    "an object": '{"a": 1}',
    "deep nesting": DEEP,
    "closed deep nesting": "[" * 900 + "]" * 900,
    "deep objects": '{"a":' * 100_000,
}
ENTRIES = {
    "guesses": {"name": "a", "guess": 0.5, "at": "2026-01-01T00:00:00+00:00"},
    "answers": {"exercise": EXERCISE, "kind": "right", "mistake": None, "code": "...", "at": "now"},
    "puzzle": {"exercise": "multi_head_puzzle", "kind": "wrong", "mistake": None, "code": "GCM"},
    "recall": {"question": QUESTION["name"], "answer": QUESTION["options"][0]["text"], "right": True},
    "zoo": {"zoo": BUG["name"], "answer": BUG["name"], "right": True},
}


def everything_is_shown():
    """Make and show everything that reads the learner's files."""
    number, choice = Prediction("a", "How much?"), Prediction("a", "Which?", ["this", "that"])
    shown = [repr(number.reveal(1)), repr(choice.reveal("this")), repr(Summary(number, choice))]
    shown += [number.status.value, choice.status.value, repr(Progress()), Progress().table.value]
    check = Check(EXERCISE)
    shown += [check.last(), check(lambda scores, d_k: None).said]
    puzzle, zoo = multi_head_puzzle(), BugZoo()
    shown += [
        repr(puzzle),
        puzzle.status.value,
        zoo.question.status.value,
        zoo.score.value,
        zoo.picture().text,
    ]
    shown += [question.status.value for question in Recall("02").questions]
    for text in shown:
        text.encode("utf-8")
    return shown


@pytest.mark.parametrize("value", ANYTHING)
def test_a_field_of_a_wrong_type_costs_no_other_entry(own_folder, value):
    for kind, entry in ENTRIES.items():
        for field in entry:
            fields = {key: json.dumps(of) for key, of in entry.items()} | {field: ANYTHING[value]}
            line = ", ".join(f'"{key}": {text}' for key, text in fields.items())
            write(own_folder, kind if kind == "guesses" else "answers", f"\n{{{line}}}\n")
    _assert_kept(own_folder)


def test_a_missing_field_costs_no_other_entry(own_folder):
    for kind, entry in ENTRIES.items():
        for field in entry:
            left = {key: of for key, of in entry.items() if key != field}
            write(own_folder, kind if kind == "guesses" else "answers", f"\n{json.dumps(left)}\n")
    _assert_kept(own_folder)


def _assert_kept(folder):
    write(folder, "guesses", '\n{"name": "01 kept", "guess": 2}\n')
    write(folder, "answers", '\n{"exercise": "softmax", "kind": "right", "code": "kept"}\n')
    everything_is_shown()
    assert answers_file.guesses("01 kept") == [2] and checks.check_softmax.last() == "kept"
    assert "softmax solved" in repr(Progress())


@pytest.mark.parametrize(
    "damage",
    [
        b'{"name": "a", "gue',
        b"\xff\xfe\x00{\n",
        b"\xef\xbb\xbf",
        b"\x00" * 50,
        DEEP.encode(),
        b"[1]",
        b"null",
        b"\r\r",
    ],
)
def test_a_damaged_line_costs_no_other_entry(own_folder, damage):
    for name in answers_file.FILES:
        write(own_folder, name, damage)
    answers_file.keep("guesses", {"name": "a", "guess": 1})
    answers_file.keep("answers", {"exercise": EXERCISE, "kind": "right", "code": "kept"})
    everything_is_shown()
    assert answers_file.guesses("a") == [1] and Check(EXERCISE).last() == "kept"


def test_an_entry_without_its_code_still_counts_as_solved(own_folder):
    write(own_folder, "answers", f'\n{{"exercise": "{EXERCISE}", "kind": "right"}}\n')
    assert f"{EXERCISE} solved" in repr(Progress())
    assert Check(EXERCISE).last() == "No answer has been checked yet."


def test_a_puzzle_with_a_letter_twice_shows_it_once(own_folder):
    write(own_folder, "answers", '\n{"exercise": "multi_head_puzzle", "kind": "wrong", "code": "GG?C1G"}\n')
    assert multi_head_puzzle().order == ["G", "C"]


# -- where it is kept --------------------------------------------------------------------------------------


def test_the_folder_may_begin_with_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("THINKING_MACHINES_DATA", str(Path("~") / "of mine"))
    monkeypatch.chdir(tmp_path)
    answers_file._resolved.cache_clear()
    assert answers_file.keep("guesses", {"name": "a", "guess": 1}) == ""
    assert (tmp_path / "of mine" / "guesses.jsonl").is_file() and not (tmp_path / "~").exists()
    answers_file._resolved.cache_clear()


def test_a_relative_folder_stays_where_it_is_when_the_working_directory_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("THINKING_MACHINES_DATA", "a folder of mine")
    monkeypatch.chdir(tmp_path)
    answers_file._resolved.cache_clear()
    answers_file.keep("guesses", {"name": "a", "guess": 1})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert answers_file.folder().is_absolute() and answers_file.guesses("a") == [1]
    answers_file._resolved.cache_clear()


def test_forgetting_deletes_everything_and_says_so():
    answers_file.keep("guesses", {"name": "a", "guess": 1})
    answers_file.keep("answers", {"exercise": EXERCISE, "kind": "right", "code": "..."})
    for _ in range(2):
        assert answers_file.forget() == "All recorded guesses and answers are deleted."
    assert answers_file.kept("guesses") == answers_file.kept("answers") == []


def test_forgetting_says_what_it_cannot_delete(own_folder, monkeypatch):
    answers_file.keep("guesses", {"name": "a", "guess": 1})

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.unlink", refused)
    said = answers_file.forget()
    assert "Not everything is deleted" in said and str(own_folder) in said and "Permission denied" in said


@pytest.fixture
def in_jupyterlite(tmp_path, monkeypatch):
    monkeypatch.delenv("THINKING_MACHINES_DATA")
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(tmp_path / "memory"))
    monkeypatch.setattr(answers_file, "BROWSER_FOLDER", tmp_path / "drive")
    return tmp_path


def test_in_jupyterlite_answers_stand_where_a_reload_leaves_them(in_jupyterlite):
    (in_jupyterlite / "drive").mkdir()
    assert answers_file.keep("guesses", {"name": "a", "guess": 1}) == ""
    assert (in_jupyterlite / "drive" / "thinking-machines" / "guesses.jsonl").is_file()


def test_in_jupyterlite_without_a_drive_it_is_said_that_answers_go(in_jupyterlite):
    guess = Prediction("a", "How much?")
    guess.record("1")
    assert "kept only until this page is reloaded" in guess.status.value and guess.guess == 1
