"""Run the notebooks on fresh kernels and store their outputs.

    python -m tools.refresh                     every notebook
    python -m tools.refresh notebooks/01*.ipynb some of them
    python -m tools.refresh --check             write nothing; exit 1 if a text would change

What differs from run to run without meaning is not stored: the state and the
live views of widgets, timings, the version of Python. So a second run changes
nothing. A notebook of the course gets the check of its kernel as its first code
cell. A notebook in which a cell fails is reported and left as it was.
"""

from __future__ import annotations

import argparse
import copy
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from tools.notebooks import FOLDER, KERNEL_CHECK, KERNEL_CHECK_ID, ROOT, notebook_files, with_own_environment

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
SECONDS_A_CELL = 300


class NotebookFailed(Exception):
    """A notebook could not be run to its end; the message says where and why."""


def execute(path: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of a run on a fresh kernel, in the notebook's own folder."""
    notebook = nbformat.read(path, as_version=4)
    if FOLDER in path.parents:
        notebook = with_kernel_check(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with tempfile.TemporaryDirectory(prefix="thinking-machines-", ignore_cleanup_errors=True) as folder:
        client = NotebookClient(
            notebook,
            kernel_name="python3",
            timeout=SECONDS_A_CELL,
            record_timing=False,
            resources={"metadata": {"path": str(path.parent)}},
        )
        try:
            client.execute(env=with_own_environment(Path(folder)), stderr=subprocess.DEVNULL)
        except CellExecutionError as error:
            raise NotebookFailed(_where(notebook) + f" raised {error.ename}: {error.evalue}") from None
        except CellTimeoutError:
            raise NotebookFailed(_where(notebook) + f" took more than {SECONDS_A_CELL} seconds") from None
        except DeadKernelError:
            raise NotebookFailed(_where(notebook) + " ended the kernel") from None
    return notebook


def with_kernel_check(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The same notebook with the course's check of the kernel as its first code cell."""
    notebook = copy.deepcopy(notebook)
    cells = [cell for cell in notebook.cells if cell.get("id") != KERNEL_CHECK_ID]
    first = next((place for place, cell in enumerate(cells) if cell.cell_type == "code"), len(cells))
    first = min(first, 1)  # right after the title
    hidden = {"jupyter": {"source_hidden": True}}
    check = nbformat.v4.new_code_cell(KERNEL_CHECK, id=KERNEL_CHECK_ID, metadata=hidden)
    notebook.cells = [*cells[:first], check, *cells[first:]]
    return notebook


def _where(notebook) -> str:
    """The cell at which the run stopped, as a reader would look for it."""
    code = [(number, cell) for number, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"]
    failed = [(number, cell) for number, cell in code if any(o.output_type == "error" for o in cell.outputs)]
    begun = [(number, cell) for number, cell in code if cell.execution_count]
    number, cell = (failed or begun or code)[-1]
    line = next((line for line in cell.source.splitlines() if line.strip()), "")
    return f"cell {number} of {len(notebook.cells)}, which begins with `{line.strip()}`,"


def strip(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop what differs from run to run; cell ids and everything a reader sees stay."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": KERNEL,
            "language_info": {
                key: value
                for key, value in notebook.metadata.get("language_info", {}).items()
                if key != "version"
            },
        }
    )
    for cell in notebook.cells:
        tags, folded = cell.metadata.get("tags"), cell.metadata.get("jupyter", {}).get("source_hidden")
        kept = {"tags": tags} if tags else {}
        cell.metadata = nbformat.from_dict(kept | ({"jupyter": {"source_hidden": True}} if folded else {}))
        if cell.cell_type == "code":
            cell.outputs = _together(cell.outputs)
            for output in cell.outputs:
                output.get("data", {}).pop(WIDGET_VIEW, None)
            cell.outputs = [output for output in cell.outputs if output.get("data", True)]
    if notebook.nbformat_minor < 5:
        notebook.nbformat_minor = 5
    for cell in notebook.cells:
        cell.setdefault("id", nbformat.v4.new_markdown_cell().id)
    return notebook


def _together(outputs):
    """One stdout and one stderr a cell, each where its first part came: how a text is cut varies."""
    kept, streams = [], {}
    for output in outputs:
        if output.output_type == "stream" and output.name in streams:
            streams[output.name].text += output.text
            continue
        if output.output_type == "stream":
            streams[output.name] = output
        kept.append(output)
    return kept


def without_pictures(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The same notebook without its pictures: the bytes of a PNG depend on the machine that drew it."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for kind in output.get("data", {}):
                if kind.startswith("image/"):
                    output.data[kind] = ""
    return notebook


def write(path: Path, text: str) -> None:
    """All or nothing: a reader never finds half a notebook, however the run ends."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", dir=path.parent, suffix=".tmp", delete=False
    ) as file:
        file.write(text)
    os.chmod(file.name, path.stat().st_mode)
    os.replace(file.name, path)


def refresh(path: Path, check: bool = False) -> tuple[bool, str]:
    """Refresh one notebook. Returns whether all is well, and a line that says what was done."""
    name, start = os.path.relpath(path, ROOT), time.perf_counter()
    try:
        new = strip(execute(path))
    except NotebookFailed as failure:
        return False, f"{name}: FAILED, and left as it was: {failure}"
    seconds = f"({time.perf_counter() - start:.0f} s)"
    text = nbformat.writes(new) + "\n"
    old_text = path.read_text(encoding="utf-8")
    if text == old_text:
        return True, f"{name}: unchanged {seconds}"
    if check:
        old = nbformat.reads(old_text, as_version=4)
        others = [
            number
            for number, (a, b) in enumerate(zip(without_pictures(old).cells, without_pictures(new).cells), 1)
            if a != b
        ]
        same = nbformat.writes(without_pictures(old)) == nbformat.writes(without_pictures(new))
        cells = f"cells {', '.join(map(str, others))}" if others else "its text"
        said = "only pictures would change" if same else f"a refresh would change {cells}; run make refresh"
        return same, f"{name}: {said} {seconds}"
    write(path, text)
    return True, f"{name}: written {seconds}"


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "notebooks", nargs="*", type=Path, help="the notebooks to refresh; all of them unless given"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing, and exit 1 if more than pictures would change"
    )
    options = parser.parse_args(arguments)
    paths = [path.resolve() for path in options.notebooks] or notebook_files()
    for path in paths:
        if path.suffix != ".ipynb" or not path.is_file():
            parser.error(f"{path} is not a notebook")
    good = True
    with ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        for well, line in pool.map(lambda path: refresh(path, options.check), paths):
            print(line, flush=True)
            good &= well
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
