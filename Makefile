PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(VENV)/.uv/bin/uv
# uv would else look for a Python build outside the package index
export UV_PYTHON_DOWNLOADS := never
# uv reads neither pip's certificate setting nor its configuration file
export UV_SYSTEM_CERTS := 1

.DEFAULT_GOAL := help
.PHONY: help demo test check fmt lint bench bench-peers chaos docs run-manual-tool lock unit audit wheel clean

help:            ## what there is
	@grep -hE '^[a-z-]+: .*##|^[a-z-]+:  +##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: $(BIN)/.synced  ## a real incident task, planned, run and answered, offline
	@$(BIN)/kapelle demo

test: $(BIN)/.synced  ## every test, with the coverage floor
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -q
	$(BIN)/python -m coverage combine -q
	$(BIN)/python tests/coverage_floor.py --lines 90 --branches 85

unit: $(BIN)/.synced  ## the quick tests only, for a word within a minute
	$(BIN)/python -m pytest -q --quick --ignore=tests/integration

lint: $(BIN)/.synced  ## formatting, lint, import directions, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

audit: $(BIN)/.synced
	@$(BIN)/python tests/audit.py

check: lint audit  ## lint, types, known vulnerabilities

fmt: $(BIN)/.synced  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BIN)/.synced  ## every benchmark, as ratios to a floor of the same run
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/durable.py
	$(BIN)/kapelle bench planner
	$(BIN)/kapelle bench scenarios

bench-peers: build/peers/langgraph/.installed build/peers/prefect/.installed  ## LangGraph and Prefect, to be measured beside us, each in its own environment

build/peers/%/.installed: benchmarks/peers/%.txt | $(UV)
	rm -rf $(@D)
	$(PYTHON) -m venv --without-pip $(@D)
	$(UV) pip install -q --python $(@D)/bin/python -r $<
	@touch $@

chaos: $(BIN)/.synced  ## kill workers in every way over both databases; nothing may be lost or repeated
	$(BIN)/python -m tests.chaos

docs: $(BIN)/.synced  ## the documentation site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -q -d build/site

run-manual-tool: $(BIN)/.synced  ## Swagger over the simulated company, port 8010
	$(BIN)/python -m kapelle.incident.tester

wheel: $(BIN)/.synced  ## build the wheel and hold it under 2 MB
	rm -rf build/dist
	$(BIN)/python -m build --wheel --no-isolation --outdir build/dist .
	$(BIN)/python tests/wheel_size.py build/dist --limit-mb 2

lock: $(UV)  ## refresh requirements.lock
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	  --all-extras --group dev --python-version 3.11 -o requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) build .coverage .mypy_cache .ruff_cache .pytest_cache

$(BIN)/.synced: pyproject.toml requirements.lock | $(UV)
	$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Kapelle needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(PYTHON) -m venv $(VENV)/.uv
	$(VENV)/.uv/bin/python -m pip install -q "uv>=0.10,<1"
