"""python -m helpers.checks checks a function in a file, and says clearly what is missing."""

from __future__ import annotations

import pytest

from helpers.checks.__main__ import main
from helpers.checks.exercises import EXERCISES
from helpers.checks.judge import judge

WRONG = "import numpy as np\n\n\ndef my_scale(scores, d_k):\n    return scores / np.sqrt(len(scores))\n"


def test_it_prints_what_the_check_says(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(WRONG)
    assert main(["scale", str(file)]) == 1
    space: dict = {}
    exec(compile(WRONG, str(file), "exec"), space)
    assert capsys.readouterr().out.strip() == f"scale: {judge(EXERCISES['scale'], space['my_scale']).text}"
    file.write_text(WRONG.replace("len(scores)", "d_k"))
    assert main(["check_scale", str(file)]) == 0
    assert capsys.readouterr().out.startswith("scale: Right, on every input that was tried.")


@pytest.mark.parametrize(
    "arguments, content, said",
    [
        ([], "", "Name an exercise and a file"),
        (["root", "mine.py"], "", "no exercise named 'root'"),
        (["scale", "other.py"], "", "no file"),
        (["scale", "mine.py"], "x = 1", "no function"),
        (["scale", "mine.py"], "1 / 0", "ZeroDivisionError"),
        (["scale", "mine.py"], "def f(): 1\ndef g(): 2", "the check looks for my_scale or scale"),
    ],
)
def test_what_is_missing_gets_a_sentence(tmp_path, monkeypatch, capsys, arguments, content, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(content)
    assert main(arguments) == 2
    assert said in capsys.readouterr().out
