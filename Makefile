# make run     install and serve http://127.0.0.1:8080 on the preview engine
# make check   lint, types and the quick half of the tests
# make test    lint, types and all tests
# make fuzz    every decoder under atheris and under the search for its slowest input, then the API, for hours; ARGS names
#              some of the decoders
# make test-long     tests that take long, and are no part of make test
# make reliability   the tests of faults, load and data, and the tables of docs/reliability.md from what they measured
# make site          the documentation as a site, in build/site
# make dist          wheel and sdist, the same bytes wherever they are made
# make sbom          what the images are made of, as CycloneDX, in build/sbom
# make audit         known vulnerabilities of what the images are made of
# make lock          the locks of deploy/supply, for the versions of constraints.txt
# make licences      THIRD_PARTY_LICENCES.md
# make test-lowest   the server's tests with the lowest versions that pyproject.toml allows, in a virtualenv of their own
.PHONY: run check test test-long reliability fuzz test-lowest lint types format clean site dist sbom audit lock licences

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt
LOWEST := .venv-lowest
DOCS := .venv-docs
SUPPLY := .venv-supply
LOWEST_TOOLS := blockbuster hypothesis pytest pytest-asyncio pytest-timeout pytest-xdist
LOWEST_TESTS := tests/core/messages tests/media tests/engine/preview tests/test_avatars.py tests/render \
  $(addprefix tests/api/,test_doors.py $(addprefix session/,test_sessions.py test_signal.py test_socket.py test_whep.py))
JOBS ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
PYTEST := $(BIN)/python -m pytest
# one worker more than cores: one of them mostly waits (tests/phases.py)
PARALLEL := -n $(shell expr $(JOBS) + 1) --maxprocesses 8
IDLE := $(if $(shell command -v chrt),chrt --idle 0,nice -n 19)

run: $(VENV)/.base
	$(BIN)/livehead serve $(ARGS)

check: lint types
	$(PYTEST) $(PARALLEL) -m 'not slow and not realtime' $(ARGS)

# Calls in real time are tested after the rest and one at a time: they would disturb each other. Beside them, what only
# computes takes the time that they leave (tests/phases.py); its report follows theirs.
# A phase in which ARGS leaves no test ends with status 5, which is no failure.
test: lint types
	@status=0; report=$$(mktemp); trap 'rm -f "$$report"; kill $$beside 2>/dev/null' EXIT; \
	phase() { echo "$$*"; "$$@" $(ARGS) || [ $$? -eq 5 ]; }; \
	phase $(PYTEST) $(PARALLEL) -m 'not realtime and not compute' || status=1; \
	phase $(IDLE) $(PYTEST) -m compute >"$$report" 2>&1 & beside=$$!; \
	phase $(PYTEST) -m realtime || status=1; \
	wait $$beside || status=1; \
	cat "$$report"; \
	exit $$status

fuzz: $(VENV)/.fuzz
	PYTHONPATH=tests $(BIN)/python -m fuzz $(ARGS)
	$(PYTEST) -m soak -rP tests/fuzz

test-long: $(VENV)/.test
	$(PYTEST) -m soak --ignore=tests/fuzz $(ARGS)

reliability: $(VENV)/.test
	$(PYTEST) -m 'fault and (soak or not soak)' --measured $(ARGS)
	$(BIN)/python tests/fault_rows.py

test-lowest: $(LOWEST)/.test
	$(LOWEST)/bin/python -m pytest -n $(JOBS) --maxprocesses 8 -m 'not realtime' $(LOWEST_TESTS) $(ARGS)

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
	$(PIP) -e '.[test,flashhead,bench,livekit,pipecat,fleet,tracing,s3]'
	touch $@ $(VENV)/.base

$(VENV)/.fuzz: $(VENV)/.test
	$(PIP) -e '.[fuzz]'
	touch $@

$(LOWEST)/.test: pyproject.toml constraints.txt constraints-lowest.txt
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-lowest.txt -e . \
	  $$(for tool in $(LOWEST_TOOLS); do grep "^$$tool==" constraints.txt; done)
	touch $@

# the pages as they lie in the repository
site: $(DOCS)/.installed
	rm -rf build/docs && mkdir -p build/docs
	git ls-files -z -- '*.md' docs/images ':!tests' | xargs -0 cp --parents -t build/docs
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --quiet

$(DOCS)/.installed: docs/requirements.txt
	$(PYTHON) -m venv --clear $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check -r docs/requirements.txt
	touch $@

dist: $(SUPPLY)/.installed
	rm -rf dist
	$(SUPPLY)/bin/python -m build --no-isolation

sbom: $(SUPPLY)/.installed
	$(SUPPLY)/bin/python deploy/supply/sbom.py build/sbom

audit: $(SUPPLY)/.installed
	$(SUPPLY)/bin/python deploy/supply/audit.py $(ARGS)

lock: $(SUPPLY)/.installed
	$(SUPPLY)/bin/python deploy/supply/locks.py $(ARGS)

licences: $(SUPPLY)/.installed $(VENV)/.test
	$(BIN)/python deploy/supply/licences.py

$(SUPPLY)/.installed: deploy/supply/tools.txt
	$(PYTHON) -m venv --clear $(SUPPLY)
	$(SUPPLY)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/supply/tools.txt
	touch $@

clean:
	rm -rf $(VENV) $(LOWEST) $(DOCS) $(SUPPLY) artifacts build dist
