"""What the set-up promises: one list of packages everywhere, a complete wheel, a true README."""

from __future__ import annotations

import ast
import graphlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import rattler
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.notebooks import ROOT, notebook_files

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUNTIME = {r.name: r for r in map(Requirement, PROJECT["project"]["dependencies"])}
DEV = {r.name: r for r in map(Requirement, PROJECT["dependency-groups"]["dev"])}
SITE = {r.name: r for r in map(Requirement, PROJECT["dependency-groups"]["site"])}
README = (ROOT / "README.md").read_text(encoding="utf-8")


# The package lists: pyproject.toml, environment.yml, requirements.lock


def test_conda_asks_for_the_same_packages_as_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *specs, by_pip = environment["dependencies"]
    found = {
        spec.name.normalized: set((spec.version or "").split(",")) for spec in map(rattler.MatchSpec, specs)
    }
    wanted = {**RUNTIME, "jupyterlab": DEV["jupyterlab"], "nbval": DEV["nbval"]}
    expected = {name: set(str(requirement.specifier).split(",")) for name, requirement in wanted.items()}
    assert found == {**expected, "python": {"3.12.*"}, "pip": {""}}
    assert by_pip == {"pip": ["-e ."]}
    assert environment["channels"] == ["conda-forge"]
    assert environment["name"] == PROJECT["project"]["name"]


LOCKS = {"requirements.lock": {**RUNTIME, **DEV}, "site/requirements.lock": {**RUNTIME, **SITE}}
each_lock = pytest.mark.parametrize("lock", LOCKS)


def locked(lock: str) -> list[tuple[Requirement, list[str]]]:
    """Every pin of a lock, with the options that follow it."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    return [
        (Requirement(line.split(" --hash=")[0]), re.findall(r"--\S+", line)) for line in text.splitlines()
    ]


@each_lock
def test_lock_holds_pins_and_hashes_and_no_address(lock):
    assert "://" not in (ROOT / lock).read_text(encoding="utf-8")
    for pin, options in locked(lock):
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)) and pin.url is None, pin
        assert options and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", option) for option in options), pin


PYTHONS = {"requirements.lock": range(10, 15), "site/requirements.lock": range(11, 15)}


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("lock, python", [(lock, f"3.{n}") for lock in PYTHONS for n in PYTHONS[lock]])
def test_lock_fits_pyproject(lock, python, system):
    place = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": system}
    fits = [pin for pin, _ in locked(lock) if pin.marker is None or Marker(str(pin.marker)).evaluate(place)]
    names = [canonicalize_name(pin.name) for pin in fits]
    assert len(names) == len(set(names)), "one package is pinned twice"
    versions = {name: str(pin.specifier)[2:] for name, pin in zip(names, fits)}
    for name, wanted in LOCKS[lock].items():
        assert name in versions, f"{name} is not in {lock}: make lock"
        assert wanted.specifier.contains(versions[name]), (
            f"{name} {versions[name]} is outside {wanted}: make lock"
        )


def needed_by(names: set[str]) -> set[str]:
    """The packages, and all that they need in turn where Python runs in a browser."""
    browser = {"sys_platform": "emscripten", "platform_system": "Emscripten", "os_name": "posix", "extra": ""}
    found, todo = set(), [canonicalize_name(name) for name in names]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            wanted = map(Requirement, importlib.metadata.requires(name) or [])
            todo += [
                canonicalize_name(r.name) for r in wanted if r.marker is None or r.marker.evaluate(browser)
            ]
    return found


def test_helpers_install_in_a_browser():
    # A browser has no processes and no sockets: a package that needs them stops the installation there.
    cannot = {"jupyterlab", "notebook", "jupyter-server", "nbval", "pytest", "pyzmq", "tornado", "psutil"}
    assert needed_by(set(RUNTIME)) & cannot == set()


# The rooms of helpers/


def imports(path: Path) -> set[str]:
    """The full names of all modules that a file imports, relative ones resolved."""
    package = path.relative_to(ROOT).parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            name = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{name}.{alias.name}" for alias in node.names} if name == "helpers" else {name}
    return found


HELPERS = sorted((ROOT / "helpers").rglob("*.py"))


def room(module: str) -> str:
    return module.split(".")[1]


def test_helpers_import_only_what_is_installed_with_them():
    optional = {Requirement(r).name for r in PROJECT["project"]["optional-dependencies"]["model"]}
    installed = needed_by(set(RUNTIME)) | optional
    providers = importlib.metadata.packages_distributions()
    for path in HELPERS:
        for top in {module.split(".")[0] for module in imports(path)} - sys.stdlib_module_names - {"helpers"}:
            assert {canonicalize_name(name) for name in providers.get(top, [top])} & installed, (
                f"{path.name} imports {top}, which pyproject.toml does not ask for"
            )


def test_every_runtime_dependency_is_used():
    assert set(RUNTIME) <= {module.split(".")[0] for path in HELPERS for module in imports(path)}


def test_helpers_depend_on_each_other_one_way():
    graph: dict[str, set[str]] = {}
    for path in HELPERS:
        if path.relative_to(ROOT).parts != ("helpers", "__init__.py"):
            own = path.relative_to(ROOT / "helpers").with_suffix("").parts[0]
            others = {room(module) for module in imports(path) if module.startswith("helpers.")}
            graph.setdefault(own, set()).update(others - {own})
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, and names the circle
    assert {own for own, others in graph.items() if "explorers" in others} == set(), (
        "only notebooks import explorers"
    )
    assert not graph["attention"] & {"examples", "figures", "questions", "checks", "learning"}
    assert not graph["figures"] & {"questions", "checks", "widgets"}
    assert imports(ROOT / "helpers/__init__.py") == set()


def test_wheel_is_complete(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    found = set(zipfile.ZipFile(wheel).namelist())
    helpers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "helpers").rglob("*")
        if path.suffix in {".py", ".js", ".css"} and "__pycache__" not in path.parts
    }
    data = {f"helpers/_data/{path.name}" for path in (ROOT / "data").iterdir() if path.is_file()}
    assert any(name.endswith(".js") for name in helpers) and "helpers/_data/SHA256SUMS" in data
    assert helpers | data <= found
    assert any(name.endswith("data/etc/jupyter/jupyter_nbconvert_config.json") for name in found)


def test_the_citation_names_the_version_and_the_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = PROJECT["project"]
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])


WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in (ROOT / ".github" / "workflows").glob("*.yml")
}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_names_actions_by_commit(name):
    for job in WORKFLOWS[name]["jobs"].values():
        for step in job["steps"]:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step.get("uses", "a/b@" + "0" * 40)), step


def test_the_workflow_checks_before_it_tests():
    workflow = WORKFLOWS["ci"]
    assert all(name == "check" or job["needs"] == "check" for name, job in workflow["jobs"].items())
    lines = [step.get("run") for job in workflow["jobs"].values() for step in job["steps"]]
    assert {"make check", "make test", "make test-lowest"} <= set(lines)


# The README, and what no file may say


def test_readme_names_every_notebook():
    books = [
        path.relative_to(ROOT).as_posix() for path in notebook_files() if path.parent == ROOT / "notebooks"
    ]
    assert [book for book in books if f"({book})" not in README] == []


def test_readme_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_make_targets_of_the_readme_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert {"lab", "test"} <= named <= targets


# Written in pieces, so that this file does not say them.
HOSTS = ["pypi" + ".org", "python" + "hosted", "npm" + "js", "anaconda" + ".org"]
MACHINE = re.compile(r"(?<![\w.~:/+-])/(?:root|home|Users|work|tmp)/\w|[A-Z]:\\Users\\")


def test_no_tracked_file_names_a_machine_or_a_registry():
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip(f"needs a git checkout: {listing.stderr.strip()}")
    said = []
    for name in filter(None, listing.stdout.split("\0")):
        path = ROOT / name
        text = path.read_bytes().decode("utf-8", errors="ignore") if path.is_file() else ""
        words = [host for host in [*HOSTS, f"{ROOT}/"] if host in text]
        said += [f"{name}: {word}" for word in [*words, *MACHINE.findall(text)]]
    assert said == []


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize("name", ["plain", "my course", "a $HOME $(x) `y`", 'say "hello"', "it's; &"])
def test_make_lab_starts_in_a_folder_of_any_name(tmp_path, name):
    folder = tmp_path / name
    (folder / ".venv" / "bin").mkdir(parents=True)
    for file in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / file, folder)
    python = folder / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\nfor each; do echo "[$each]"; done\n')
    python.chmod(0o755)
    (folder / ".venv" / "ready").touch()
    of_make = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # these tests may run in a make, which would say more then
    own = {key: value for key, value in os.environ.items() if key not in of_make}
    done = subprocess.run(["make", "lab"], cwd=folder, env=own, capture_output=True, text=True)
    assert done.stdout.splitlines()[:3] == ["[-m]", "[jupyterlab]", f"[--ServerApp.root_dir={folder}]"]
