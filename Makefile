.DEFAULT_GOAL := help
.PHONY: help demo test check unit lint types imports bench faults schemas clean

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

help:  ## show what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

demo: .venv/.base  ## the loop, alive: a town with teams and departments, on real Kafka and PostgreSQL
	@$(BIN)/koikarper demo $(ARGS)

test: check  ## all checks: lint, types, import contracts and tests on real Kafka and PostgreSQL

# Two at a time, for most of a test is waiting; each worker has a Kafka and a PostgreSQL of its own. The tests of a file
# share what they started, so they stay together, and the long ones begin first.
check: lint types imports
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

unit: .venv/.dev  ## only the tests that need neither Kafka nor PostgreSQL
	$(BIN)/python -m pytest tests/unit $(ARGS)

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev
	$(BIN)/mypy

imports: .venv/.dev
	$(BIN)/lint-imports

bench: .venv/.dev  ## the figures, beside what was asked for; ARGS=--help
	$(BIN)/python -m tests.benchmarks $(ARGS)

faults: .venv/.dev  ## real services under faults drawn from a seed: ARGS="--seeds 100 --minutes 60"
	$(BIN)/python -m tests.faults $(ARGS)

schemas: .venv/.dev  ## write anew what is generated from the code: schemas, tables, rules, dashboards
	$(BIN)/koikarper export schemas
	$(BIN)/koikarper export asyncapi
	$(BIN)/koikarper export openapi
	$(BIN)/koikarper export lifecycle
	$(BIN)/koikarper export limits
	$(BIN)/koikarper export rules
	$(BIN)/koikarper export dashboards

clean:  ## remove the environment and what tools leave behind; data in .koikarper/ stays
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Koikarper needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv

.venv/.base: requirements/base.txt pyproject.toml | .venv/bin/python
	@echo "Building the environment (once, about a minute)"
	$(PIP) install --require-hashes -r requirements/base.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.base
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
