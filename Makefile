# make lab      open the course in JupyterLab, on the first notebook
# make test     run every test and compare every notebook with its stored outputs
# make refresh  run the notebooks on fresh kernels and store their outputs
# make lock     resolve the dependencies anew (needs uv)
# make bench    measure the speed table of the README (downloads PyTorch and ONNX Runtime)
# make clean    remove everything that the commands above made
PYTHON ?= python3
UV ?= $(shell command -v uv 2>/dev/null)
BIN := .venv/bin
export JUPYTER_PREFER_ENV_PATH = 1

.PHONY: lab test refresh lock bench clean

lab: .venv/ready
	@$(BIN)/python -m jupyterlab notebooks/00_start_here.ipynb

test: .venv/ready
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

refresh: .venv/ready
	@$(BIN)/python tests/refresh.py

bench: .venv-bench/ready
	@.venv-bench/bin/python benchmarks/attention_speed.py

clean:
	rm -rf .venv .venv-bench .pytest_cache .hypothesis build dist
	find . -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

lock:
	@[ -n "$(UV)" ] || { echo "make lock needs uv, which is not on the PATH: see docs.astral.sh/uv for how to install it."; exit 1; }
	@$(UV) pip compile -q pyproject.toml --group dev --universal --python-version 3.10 --generate-hashes --no-header --no-annotate -o requirements.lock

# One clear sentence before anything is downloaded: pip on an old Python searches for minutes before it gives up.
define CHECK
import importlib.util, sys
found = "%d.%d" % sys.version_info[:2]
if not (3, 10) <= sys.version_info[:2] <= (3, 14):
    sys.exit("The course needs Python 3.10 to 3.14, and $(PYTHON) is %s: name another one, as in: make $(or $(MAKECMDGOALS),lab) PYTHON=python3.12" % found)
if not "$(UV)" and not importlib.util.find_spec("ensurepip"):
    sys.exit("$(PYTHON) (%s) cannot make a virtual environment, because its venv package is missing: on Debian and Ubuntu, sudo apt install python3-venv" % found)
endef
export CHECK

define MAKE_ENVIRONMENT
	@command -v $(PYTHON) >/dev/null || { echo "The course needs Python 3.10 to 3.14, and there is no $(PYTHON) on the PATH: install it, or name another one, as in: make lab PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c "$$CHECK"
	@echo "Setting up $(1) (once; a minute or two) ..."
	@if [ -n "$(UV)" ]; then $(UV) venv -q --clear --python "$$(command -v $(PYTHON))" $(1); else rm -rf $(1) && $(PYTHON) -m venv $(1); fi
endef
INSTALL = $(if $(UV),$(UV) pip install -q --python $(1)/bin/python,$(1)/bin/python -m pip install -q --disable-pip-version-check)

.venv/ready: requirements.lock pyproject.toml
	$(call MAKE_ENVIRONMENT,.venv)
	@$(call INSTALL,.venv) --require-hashes -r requirements.lock
	@$(call INSTALL,.venv) --no-deps --no-build-isolation -e .
	@touch $@

.venv-bench/ready: requirements.lock pyproject.toml
	$(call MAKE_ENVIRONMENT,.venv-bench)
	@$(call INSTALL,.venv-bench) --require-hashes -r requirements.lock
	@$(call INSTALL,.venv-bench) --no-deps --no-build-isolation -e .
	@$(call INSTALL,.venv-bench) -r benchmarks/requirements.txt
	@touch $@
