"""make update: a newer version of the course over one's own work, with real git repositories."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess

import pytest

from tools import update

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs git")
NOW = datetime.datetime(2030, 1, 2, 3, 4, 5)
COPIES = "my_notebooks/2030-01-02 03.04.05"
WHO = ["-c", "user.name=someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgsign=false"]


def git(folder, *arguments, check=True):
    done = subprocess.run(["git", *WHO, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout.strip()


def write(folder, **cells):
    """A notebook of three cells, some of them with another text."""
    texts = {"title": "# One", "mine": "def my_scale():\n    ...", "last": "print(1)", **cells}
    made = [
        {"cell_type": "code", "id": name, "source": text.splitlines(True), "metadata": {}, "outputs": []}
        for name, text in texts.items()
    ]
    path = folder / "notebooks" / "01_one.ipynb"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"cells": made, "nbformat": 4}, indent=1) + "\n", encoding="utf-8")
    return path


def cells(path):
    return {cell["id"]: "".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"]}


def publish(teacher):
    git(teacher, "add", "-A")
    git(teacher, "commit", "-q", "-m", "A better sentence")


@pytest.fixture
def teacher(tmp_path):
    folder = tmp_path / "teacher's $HOME"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    write(folder)
    (folder / "notebooks" / "02_two.ipynb").write_text("{}\n")
    (folder / ".gitignore").write_text("my_notebooks/\n")
    publish(folder)
    return folder


@pytest.fixture
def learner(tmp_path, teacher):
    git(tmp_path, "clone", "-q", str(teacher), "learner")
    folder = tmp_path / "learner"
    for name, value in (("user.name", "learner"), ("user.email", "learner@example.org")):
        git(folder, "config", name, value)
    return folder


MY_CELL = "def my_scale():\n    return 42  # my work"


@pytest.mark.parametrize("cell", ["last", "mine"], ids=["elsewhere", "the same cell"])
@pytest.mark.parametrize("committed", [False, True], ids=["changed", "committed"])
def test_my_notebook_is_copied_and_the_new_version_taken(teacher, learner, cell, committed):
    write(teacher, **{cell: "print('new')"})
    publish(teacher)
    path = write(learner, mine=MY_CELL)
    if committed:
        git(learner, "commit", "-aqm", "mine")
    said = update.update(learner, NOW)
    assert cells(path)[cell] == "print('new')"
    assert cells(learner / COPIES / "notebooks" / "01_one.ipynb")["mine"] == MY_CELL
    assert f"copied to {COPIES}:\n  notebooks/01_one.ipynb" in said and "A better sentence" in said
    assert git(learner, "status", "--porcelain") == ""
    assert ("my-work-2030-01-02-03.04.05" in git(learner, "branch")) == committed
    assert update.update(learner, NOW) == "You have the newest version already. Nothing was changed."


def test_what_the_new_version_does_not_touch_stays_as_it_is(teacher, learner):
    (teacher / "notebooks" / "02_two.ipynb").write_text('{"new": 1}\n')
    publish(teacher)
    path = write(learner, mine=MY_CELL)
    (learner / "notebooks" / "mine.ipynb").write_text("{}")
    assert "01_one.ipynb (and it stays as you have it)" in update.update(learner, NOW)
    assert cells(path)["mine"] == MY_CELL and "new" in (learner / "notebooks" / "02_two.ipynb").read_text()
    assert (learner / "notebooks" / "mine.ipynb").exists()
    assert cells(learner / COPIES / "notebooks" / "01_one.ipynb")["mine"] == MY_CELL


def test_without_anything_new_nothing_is_touched(learner):
    path = write(learner, mine=MY_CELL)
    assert update.update(learner, NOW) == "You have the newest version already. Nothing was changed."
    assert cells(path)["mine"] == MY_CELL and not (learner / "my_notebooks").exists()


def test_a_notebook_that_was_deleted_here_is_back(teacher, learner):
    write(teacher, last="print('new')")
    publish(teacher)
    (learner / "notebooks" / "01_one.ipynb").unlink()
    assert "notebooks/01_one.ipynb, which you had deleted, is back." in update.update(learner, NOW)
    assert cells(learner / "notebooks" / "01_one.ipynb")["last"] == "print('new')"


def test_a_notebook_that_was_deleted_there_is_kept_as_a_copy(teacher, learner):
    (teacher / "notebooks" / "01_one.ipynb").unlink()
    publish(teacher)
    path = write(learner, mine=MY_CELL)
    update.update(learner, NOW)
    assert not path.exists() and cells(learner / COPIES / "notebooks" / "01_one.ipynb")["mine"] == MY_CELL


def test_my_own_file_that_is_in_the_way_is_copied(teacher, learner):
    (teacher / "notebooks" / "03_three.ipynb").write_text("theirs")
    publish(teacher)
    (learner / "notebooks" / "03_three.ipynb").write_text("mine")
    update.update(learner, NOW)
    assert (learner / "notebooks" / "03_three.ipynb").read_text() == "theirs"
    assert (learner / COPIES / "notebooks" / "03_three.ipynb").read_text() == "mine"


@pytest.mark.parametrize(
    "way",
    [["merge", "-q", "FETCH_HEAD"], ["rebase", "-q", "FETCH_HEAD"], ["stash", "pop"]],
    ids=lambda it: it[0],
)
def test_after_a_conflict_both_versions_are_copied(teacher, learner, way):
    write(teacher, mine="def theirs(): ...")
    publish(teacher)
    path = write(learner, mine=MY_CELL)
    if way[0] == "stash":
        git(learner, "stash")
        git(learner, "pull", "-q", "--ff-only")
    else:
        git(learner, "commit", "-aqm", "mine")
        git(learner, "fetch", "-q", "origin", "main")
    git(learner, *way, check=False)
    assert "<<<<<<<" in path.read_text("utf-8") and git(learner, "ls-files", "--unmerged")
    update.update(learner, NOW)
    assert cells(path)["mine"] == "def theirs(): ..." and git(learner, "status", "--porcelain") == ""
    versions = [cells(each)["mine"] for each in (learner / COPIES / "notebooks").glob("01_one (*).ipynb")]
    assert sorted(versions) == sorted([MY_CELL, "def theirs(): ..."])
    assert git(learner, "branch", "--show-current") == "main"


def test_without_a_network_nothing_is_changed_and_one_sentence_says_so(teacher, learner):
    path = write(learner, mine=MY_CELL)
    teacher.rename(teacher.with_name("gone"))
    with pytest.raises(
        update.CannotUpdate, match="could not be fetched from origin, and nothing was changed"
    ):
        update.update(learner, NOW)
    assert cells(path)["mine"] == MY_CELL and not (learner / "my_notebooks").exists()


def test_without_a_remote_or_a_repository_one_sentence_says_so(teacher, tmp_path, monkeypatch, capsys):
    with pytest.raises(update.CannotUpdate, match="does not know where it came from"):
        update.update(teacher, NOW)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "unpacked").mkdir()
    with pytest.raises(update.CannotUpdate, match="not made by git clone"):
        update.update(tmp_path / "unpacked", NOW)
    monkeypatch.setattr(update.shutil, "which", lambda name: None)
    assert update.main([]) == 1 and "needs git" in capsys.readouterr().err


@pytest.mark.parametrize("cell", ["last", "mine"], ids=["elsewhere", "the same cell"])
def test_the_merge_of_nbgitpuller_works_on_a_notebook(teacher, learner, cell):
    """It commits what the learner has, and merges so that the learner's side wins a conflict."""
    write(teacher, **{cell: "print('new')"})
    publish(teacher)
    path = write(learner, mine=MY_CELL)
    git(learner, "commit", "-aqm", "Automatic commit by nbgitpuller")
    git(learner, "fetch", "-q")
    git(learner, "merge", "-q", "-Xours", "origin/main")
    assert cells(path)["mine"] == MY_CELL
    assert cells(path)["last"] == ("print('new')" if cell == "last" else "print(1)")
    assert update.update(learner, NOW) == "You have the newest version already. Nothing was changed."
