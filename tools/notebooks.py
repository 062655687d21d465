"""Reading and running the course's notebooks: shared by the refresher and the tests."""

from __future__ import annotations

import json
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"

# The first code cell of every notebook: it has to speak where helpers is missing.
KERNEL_CHECK_ID = "kernel-check"
KERNEL_CHECK = """\
try:
    from helpers import setup
except ImportError:
    import sys

    raise ImportError(
        f"The course isn't installed in this notebook's kernel, {sys.executable}: start JupyterLab as the "
        "README says, or choose the course's kernel under Kernel, Change Kernel."
    ) from None
setup.check()"""


def notebook_files(folder: Path = FOLDER) -> list[Path]:
    """Every notebook below a folder, in reading order, without the editor's checkpoints."""
    return sorted(path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def joined(text) -> str:
    """A notebook file keeps a text as one string or as a list of lines."""
    return text if isinstance(text, str) else "".join(text)


def source(cell: dict) -> str:
    return joined(cell["source"])


def cells(notebook: dict, kind: str) -> list[tuple[int, dict]]:
    """The cells of one kind ("code" or "markdown"), each with its place in the notebook, counted from 1."""
    return [(number, cell) for number, cell in enumerate(notebook["cells"], 1) if cell["cell_type"] == kind]


def texts(cell: dict) -> list[str]:
    """The texts a code cell has put out: what it printed, and the text form of what it displayed."""
    found = []
    for output in cell.get("outputs", []):
        if output["output_type"] == "stream":
            found.append(joined(output["text"]))
        elif "text/plain" in output.get("data", {}):
            found.append(joined(output["data"]["text/plain"]))
    return found


def own_environment(folder: Path) -> dict[str, str]:
    """Settings for a kernel that knows nothing of the person who runs it.

    Recorded predictions and the IPython profile come from an empty folder, and
    the kernel from the environment that runs the tests.
    """
    answers = folder / "answers"
    answers.mkdir(exist_ok=True)
    return {
        "THINKING_MACHINES_DATA": str(answers),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "OPENBLAS_NUM_THREADS": "1",  # on a busy machine its threads wait for each other for most of the time
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # the debugger's warning about frozen modules
    }


def with_own_environment(folder: Path) -> dict[str, str]:
    return {**os.environ, **own_environment(folder)}
