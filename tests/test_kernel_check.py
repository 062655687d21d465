"""The first code cell of every notebook, on a kernel that lacks the course or has packages that don't fit."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from helpers import setup
from tools.notebooks import KERNEL_CHECK

BASE = getattr(sys, "_base_executable", sys.executable)  # the Python that .venv was made from


def run(*options, **environment):
    """The last line that the cell writes to stderr, and the status it ends with."""
    done = subprocess.run(
        [*options, "-c", KERNEL_CHECK],
        cwd=Path(__file__).parent,  # the folder above has helpers in it
        env={"SYSTEMROOT": "", **environment},
        capture_output=True,
        text=True,
    )
    assert done.stdout == ""
    return done.stderr.strip().splitlines()[-1:], done.returncode


def test_it_says_nothing_where_all_is_well():
    assert run(sys.executable) == ([], 0)


def test_a_kernel_without_the_course_is_named_in_one_sentence():
    (said,), status = run(BASE, "-I", "-S")
    assert status == 1
    assert (
        said.startswith("ImportError: The course isn't installed in this notebook's kernel, /")
        or ":\\" in said
    )
    assert said.endswith("or choose the course's kernel under Kernel, Change Kernel.")


def test_another_package_of_that_name_is_not_the_course(tmp_path):
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "__init__.py").touch()
    (said,), status = run(BASE, "-S", PYTHONPATH=str(tmp_path))
    assert status == 1 and "The course isn't installed" in said


def test_a_package_that_is_too_old_is_named_with_what_is_needed(tmp_path):
    (tmp_path / "numpy-1.20.3.dist-info").mkdir()
    (tmp_path / "numpy-1.20.3.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: numpy\nVersion: 1.20.3\n"
    )
    (said,), status = run(sys.executable, PYTHONPATH=str(tmp_path))
    assert status == 1
    assert f"kernel, {sys.executable}, has numpy 1.20.3, and the course needs numpy>=1.24" in said


@pytest.mark.parametrize(
    "installed, said",
    [
        ({"matplotlib": None}, "has no matplotlib, and the course needs matplotlib>=3.7"),
        ({"ipywidgets": "9.0.0a1"}, "has ipywidgets 9.0.0a1, and the course needs ipywidgets<9,>=7.7"),
        ({"ipywidgets": "7.6.10", "anywidget": None}, "has no anywidget, ipywidgets 7.6.10, and"),
        ({"numpy": "1.24", "matplotlib": "3.10.0rc1", "ipywidgets": "8"}, None),
    ],
)
def test_every_bound_is_looked_at(monkeypatch, installed, said):
    true_version = metadata.version

    def version(name):
        if installed.get(name, "") is None:
            raise metadata.PackageNotFoundError(name)
        return installed.get(name) or true_version(name)

    monkeypatch.setattr(metadata, "version", version)
    if said is None:
        assert setup.check() is None
    else:
        with pytest.raises(ImportError, match=said):
            setup.check()
