# make run     install and serve http://127.0.0.1:8080 on the preview engine
# make check   lint, types and the quick half of the tests
# make test    lint, types and all tests
.PHONY: run check test lint types format clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
JOBS ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
PYTEST := $(BIN)/python -m pytest
PARALLEL := -n $(JOBS) --maxprocesses 8 --dist worksteal

run: $(VENV)/.base
	$(BIN)/livehead serve $(ARGS)

check: lint types
	$(PYTEST) $(PARALLEL) -m 'not slow and not realtime' $(ARGS)

# Tests with media in real time run after the others and one at a time: they would disturb each other.
# A phase in which ARGS leaves no test ends with status 5, which is no failure.
test: lint types
	@status=0; \
	phase() { echo "$(PYTEST) $$*"; $(PYTEST) "$$@" $(ARGS) || [ $$? -eq 5 ] || status=1; }; \
	phase $(PARALLEL) -m 'not realtime'; \
	phase -m realtime; \
	exit $$status

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Livehead needs Python 3.11 or newer: make PYTHON=python3.12 …" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e .
	touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e '.[test,flashhead]'
	touch $@ $(VENV)/.base

clean:
	rm -rf $(VENV) artifacts dist
