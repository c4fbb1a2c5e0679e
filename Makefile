# One virtual environment, made by the first target that needs it. Conditions: Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast lint types bench chart lock clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "cfstream needs Python 3.11 or newer; name one with: make PYTHON=python3.12 …" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "Python's venv module is missing (on Debian: apt-get install python3-venv)" >&2; exit 2; }
	@echo "Installing into $(VENV) …" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## Run the whole chain on this machine, live: Kafka, Cloud Controller, tables, alerts, chat (ARGS="--once --json")
	@$(BIN)/cfstream demo $(ARGS)

test: $(READY) ## Run every test: unit, integration, end to end, faults, chart (ARGS="-k name")
	@$(BIN)/python -m pytest -n 2 --durations 20 $(ARGS)

test-fast: $(READY) ## Run the unit tests: seconds, no sockets
	@$(BIN)/python -m pytest tests/unit $(ARGS)

lint: $(READY) ## Check style, formatting and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(READY) ## Check types, code and tests, strictly
	@$(BIN)/mypy

bench: $(READY) ## Measure, each figure beside a peer in the same run
	@$(BIN)/python -m pytest tests/bench -s -o python_files='bench_*.py' --timeout=0 $(ARGS)

chart: $(READY) ## Judge the Helm chart: lint, render, schemas, Pod Security, options
	@$(BIN)/python -m pytest tests/chart $(ARGS)

lock: $(READY) ## Resolve the dependencies anew into requirements/*.txt, with hashes
	@PATH="$(abspath $(BIN)):$$PATH" requirements/lock.sh

clean: ## Remove the virtual environment and caches (downloads in the data folder stay)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
