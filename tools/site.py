"""Build the site: one folder of static files that works from any folder of any web server.

    python -m tools.site                             into build/site, with the official Pyodide
    python -m tools.site --pyodide build/pyodide     with Pyodide from a folder
    python -m tools.site --pyodide https://host/dir/ with Pyodide from another address

Every notebook becomes a page to read, from its stored outputs (Sphinx, myst-nb, furo), and can be opened to
run in the browser (JupyterLite). The course's wheel and what it needs stand in the lock of Pyodide, so that
no notebook has to install anything. Nothing is run but the build; only package registries are asked.
"""

from __future__ import annotations

import argparse
import email
import html
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from packaging.requirements import Requirement

from tools import pyodide
from tools.notebooks import FOLDER, KERNEL_CHECK_ID, ROOT, joined, notebook_files, read, source
from tools.static_explorer import add_to

SOURCES = ROOT / "site"
OFFICIAL = "https://cdn.jsdelivr.net/pyodide/v314.0.3/full/"
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"
# A workspace of its own, or JupyterLite would open all earlier notebooks again, with a Python each.
RUN = "lite/lab/index.html?workspace={name}&path={path}"
# What the kernel would otherwise ask for one by one, after Python has started.
KERNEL_PACKAGES = ("micropip", "piplite", "ipykernel", "comm", "pyodide-kernel", "jedi", "ipython")
ONLY_FOR_SERVERS = {"jupyterlab-widgets", "widgetsnbextension"}  # parts of ipywidgets that no kernel needs
# Measured by tests/test_site_lite.py on the first visit; the test holds this number.
MEGABYTES = 40


def run(*command: str | Path, **options) -> None:
    """Run a command quietly; if it fails, show what it said."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise SystemExit(f"{said}\n\nThe site was not built: {' '.join(map(str, command[:4]))} … failed.")


# The pages


def course() -> list[Path]:
    """The notebooks of the course in reading order, without the solutions."""
    return [path for path in notebook_files() if path.parent == FOLDER]


def solutions() -> list[Path]:
    return [path for path in notebook_files() if path.parent != FOLDER]


def title(path: Path) -> str:
    first = next(source(cell) for cell in read(path)["cells"] if cell["cell_type"] == "markdown")
    return first.splitlines()[0].lstrip("# ")


def what_it_teaches() -> dict[str, str]:
    """For each notebook's path from the root, what the README says of it."""
    rows = re.findall(
        r"^\| \[[^]]*\]\((notebooks/[^)]+)\) \| (.*) \|$", (ROOT / "README.md").read_text(), re.M
    )
    return dict(rows)


def run_box(path: Path) -> str:
    """What stands below a notebook's title: the button that opens it to run, and what that costs."""
    up = "../" * len(path.relative_to(ROOT).parent.parts)
    target = up + RUN.format(name=path.stem, path=path.relative_to(ROOT).as_posix())
    return (
        f'<div class="run-box"><a class="run-button" href="{html.escape(target)}">Run this notebook</a>'
        f"<p>It runs in your browser, with nothing to install. Python arrives first: {MEGABYTES} MB, about "
        "20 seconds on a fast line, and less on later visits. What you change is saved in this browser."
        "</p></div>"
    )


def prepared(path: Path) -> dict:
    """The notebook as its page shows it: with the button, and an explorer that answers without Python."""
    notebook = add_to(read(path), path.stem, "../" + RUN.format(name="{name}", path="notebooks/{name}.ipynb"))
    shown = [cell for cell in notebook["cells"] if cell.get("id") != KERNEL_CHECK_ID]
    for cell in shown:
        if cell["metadata"].get("jupyter", {}).get("source_hidden"):
            cell["metadata"]["tags"] = [*cell["metadata"].get("tags", []), "hide-input"]
    box = {"cell_type": "markdown", "id": "run-box", "metadata": {}, "source": run_box(path)}
    after_title = next(n for n, cell in enumerate(shown, 1) if cell["cell_type"] == "markdown")
    return {**notebook, "cells": [*shown[:after_title], box, *shown[after_title:]]}


def alts(path: Path) -> list[str]:
    """The descriptions of a notebook's stored pictures, in the order in which they stand there."""
    return [
        joined(output["metadata"]["image/png"]["alt"])
        for cell in read(path)["cells"]
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]


def index() -> str:
    """The first page: the text of site/index.md, with the list of the notebooks put in twice."""
    teaches = what_it_teaches()
    names = {path.relative_to(ROOT).as_posix(): f"{path.stem[:2]} {title(path)}" for path in course()}
    listed = "\n".join(f"[{titled}]({name})\n: {teaches[name]}\n" for name, titled in names.items())
    contents = "\n".join(f"{titled} <{name.removesuffix('.ipynb')}>" for name, titled in names.items())
    text = (SOURCES / "index.md").read_text(encoding="utf-8")
    text = text.replace("<!-- notebooks -->", listed).replace("<!-- contents -->", contents)
    return text.replace("<!-- elsewhere -->", elsewhere(os.environ.get("GITHUB_REPOSITORY", "")))


def elsewhere(repository: str) -> str:
    """Where else the notebooks run, for the owner/name that the site is published from; "" where it isn't."""
    if not repository:
        return ""
    github, start = f"https://github.com/{repository}", "notebooks/00_start_here.ipynb"
    binder = f"https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/{start}"
    colab = f"https://colab.research.google.com/github/{repository}/blob/main/{start}"
    return (
        f"They also run [on Binder]({binder}) and [in Colab]({colab}); in Colab, run "
        f"`%pip install -q git+{github}` in a cell of its own first. [The source]({github}) has all of it."
    )


def write_pages(room: Path, out: Path) -> None:
    """Make the pages to read with Sphinx."""
    pages = room / "pages"
    shutil.copytree(SOURCES / "pages", pages)
    shutil.copy(SOURCES / "alive" / "icon.svg", pages)
    for path in notebook_files():
        copy = pages / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(json.dumps(prepared(path)), encoding="utf-8")
    (pages / "index.md").write_text(index(), encoding="utf-8")
    run(
        sys.executable,
        "-m",
        "sphinx",
        "-b",
        "html",
        "-q",
        "-W",
        "--keep-going",
        "-d",
        room / "doctrees",
        pages,
        out,
    )
    for name in ("service-worker.js", "icon.svg"):
        shutil.copy(SOURCES / "alive" / name, out)
    shutil.rmtree(out / "_sources", ignore_errors=True)
    for name in (".buildinfo", "objects.inv"):
        (out / name).unlink(missing_ok=True)


# The notebooks that run


def browser_packages() -> list[str]:
    """The names of what the course needs in the browser besides itself and the packages of Pyodide's lock."""
    place = {"sys_platform": "emscripten", "platform_system": "Emscripten", "extra": ""}
    has = set(json.loads(pyodide.LOCK.read_text(encoding="utf-8"))["packages"])
    found, todo = [], ["thinking-machines"]
    while todo:
        name = todo.pop()
        if name != "thinking-machines":
            found.append(name)
        wanted = map(Requirement, importlib.metadata.requires(name) or [])
        names = {pyodide.normal(r.name) for r in wanted if r.marker is None or r.marker.evaluate(place)}
        todo += sorted(names - has - ONLY_FOR_SERVERS - set(found) - set(todo))
    return found


def wheels(folder: Path) -> list[Path]:
    """The wheels that the lock gets besides Pyodide's own: the course, what it needs, and the kernel's."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    pins = (SOURCES / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    names = browser_packages()
    chosen = [line for line in pins.splitlines() if line.split("==")[0] in names]
    wanted = folder / "wanted.txt"
    wanted.write_text("\n".join(chosen), encoding="utf-8")
    pure = ["--python-version", "3.14", "--implementation", "py", "--abi", "none", "--platform", "any"]
    pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
    run(*pip, *pure, "--only-binary=:all:", "--require-hashes", "-d", folder, "-r", wanted)
    for file in importlib.metadata.files("jupyterlite-pyodide-kernel") or []:
        if file.parent.name == "pypi" and file.name.startswith(("ipykernel", "piplite", "pyodide_kernel")):
            shutil.copy(file.locate(), folder)
    return sorted(folder.glob("*.whl"))


def entry(wheel: Path) -> dict:
    """What a Pyodide lock says of a wheel that lies beside it."""
    with zipfile.ZipFile(wheel) as z:
        names = z.namelist()
        said = email.message_from_bytes(z.read(next(n for n in names if n.endswith(".dist-info/METADATA"))))
    needs = [Requirement(line) for line in said.get_all("Requires-Dist") or []]
    return {
        "name": pyodide.normal(said["Name"]),
        "version": said["Version"],
        "file_name": wheel.name,
        "sha256": pyodide.sha256(wheel.read_bytes()),
        "install_dir": "site",
        "package_type": "package",
        "imports": sorted(
            {n.split("/")[0] for n in names if n.endswith("/__init__.py") and n.count("/") == 1}
        ),
        "depends": [pyodide.normal(r.name) for r in needs if r.marker is None],
    }


def write_lock(where: str, own: list[Path], static: Path) -> list[str]:
    """Write the lock of Pyodide and the wheels that it names; return the names of its packages.

    where: a folder with Pyodide, which is copied to the site, or an address, which the lock then names
    """
    static.mkdir(parents=True)
    if "://" in where:
        base, lock = where.rstrip("/") + "/", json.loads(pyodide.LOCK.read_text(encoding="utf-8"))
    else:
        folder, base = Path(where), "pyodide/"
        if not (folder / pyodide.LOCK.name).is_file():
            raise SystemExit(
                f"{where} has no {pyodide.LOCK.name}: python -m tools.pyodide {where} makes such a folder."
            )
        lock = json.loads((folder / pyodide.LOCK.name).read_text(encoding="utf-8"))
        (static / "pyodide").mkdir()
    sizes = lock["sizes"]
    lock = pyodide.needed(lock)
    parts = [*pyodide.CORE, *(package["file_name"] for package in lock["packages"].values())]
    if "://" not in where:
        for name in parts:
            shutil.copy(folder / name, static / "pyodide")
    files = [(base + name, sizes[name]) for name in parts] + [(w.name, w.stat().st_size) for w in own]
    (static / "files.json").write_text(json.dumps(files), encoding="utf-8")
    for package in lock["packages"].values():
        package["file_name"] = base + package["file_name"]
    for wheel in own:
        shutil.copy(wheel, static)
        new = entry(wheel)
        lock["packages"][new["name"]] = new
    for package in lock["packages"].values():
        package["depends"] = [name for name in package["depends"] if name in lock["packages"]]
    (static / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    return list(lock["packages"])


def write_lite(room: Path, out: Path, where: str) -> None:
    """Make the notebooks that run in the browser with JupyterLite."""
    lite, alive = room / "lite", SOURCES / "alive"
    shutil.copytree(SOURCES / "jupyterlite", lite)
    for path in notebook_files():
        copy = lite / "contents" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    (room / "wheels").mkdir()
    packages = write_lock(where, wheels(room / "wheels"), room / "python")
    settings = json.loads((lite / "jupyter-lite.json").read_text(encoding="utf-8"))
    kernel = settings["jupyter-config-data"]["litePluginSettings"][KERNEL]
    kernel["pyodideUrl"] = (
        where.rstrip("/") + "/pyodide.mjs" if "://" in where else "./python/pyodide/pyodide.mjs"
    )
    kernel["loadPyodideOptions"] = {"lockFileURL": "./python/pyodide-lock.json", "packages": packages}
    (lite / "jupyter-lite.json").write_text(json.dumps(settings), encoding="utf-8")
    run(
        sys.executable,
        "-m",
        "jupyterlite_core.app",
        "build",
        "--lite-dir",
        lite,
        "--output-dir",
        out,
        cwd=lite,
    )
    shutil.move(room / "python", out / "python")
    (out / "course").mkdir()
    for name in ("bar.js", "bar.css", "icon.svg"):
        shutil.copy(alive / name, out / "course")
    page = out / "lab" / "index.html"
    bar = (
        '<link rel="icon" href="../course/icon.svg"><link rel="stylesheet" href="../course/bar.css">'
        '<script defer src="../course/bar.js"></script>'
    )
    page.write_text(page.read_text(encoding="utf-8").replace("</head>", f"{bar}</head>"), encoding="utf-8")
    (out / "service-worker.js").rename(out / "jupyterlite-service-worker.js")
    shutil.copy(alive / "lite-service-worker.js", out / "service-worker.js")


def build(out: Path, where: str) -> str:
    """Build the site and put it in the place of a folder. Returns a line that says what was made."""
    with tempfile.TemporaryDirectory(prefix="thinking-machines-site-") as folder:
        room = Path(folder)
        write_pages(room, room / "site")
        write_lite(room, room / "site" / "lite", where)
        shutil.rmtree(out, ignore_errors=True)
        shutil.move(room / "site", out)
    files = [file for file in out.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 1e6
    shown = os.path.relpath(out)
    return f"{shown}: {len(files)} files, {size:.0f} MB. To look at it: python -m http.server -d {shown}"


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pyodide", default=OFFICIAL, help="a folder with Pyodide, or its address")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site")
    options = parser.parse_args(arguments)
    print(build(options.out.resolve(), options.pyodide or OFFICIAL))
    return 0


if __name__ == "__main__":
    sys.exit(main())
