# make train and make test are all that a fresh clone needs; each makes the virtual environment if it is missing.
VENV ?= .venv
PYTHON ?= $(firstword $(foreach v,python3.11 python3.12 python3.13 python3,$(if $(shell command -v $(v) 2>/dev/null),$(v),)))
CONSTRAINTS ?= constraints.txt
# Overrides for make train, e.g. make train ARGS="model=unet seed=1"
ARGS ?=
STAMP = $(VENV)/.installed
BIN = $(VENV)/bin

.PHONY: help install train test test-slow test-kills lint clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
	@echo
	@echo "Variables: PYTHON (3.11 to 3.13), VENV, CONSTRAINTS, ARGS"

$(STAMP): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else "Python 3.11 to 3.13 is needed, found %d.%d: make PYTHON=python3.12 ..." % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) -e '.[dev]' 2>&1 | grep -v 'is ignored: it is' || true
	@$(BIN)/python -c 'import torch, lightning, hydra, tendency.data.dataset'
	@touch $@

install: $(STAMP)  ## the virtual environment, with everything that CI tested

train: $(STAMP)  ## dataset, surrogate and rollout report of the default problem (about 5 minutes on 2 cores)
	@$(BIN)/python train.py model=fno pde=navier_stokes resume=auto $(ARGS)

test: $(STAMP)  ## all but the slow tests; those of the page take a Chromium, Chrome or Edge that is there
	@$(BIN)/python tests/page/browser.py
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not slow and not gpu" $(PYTEST_ARGS)

test-slow: $(STAMP)  ## the slow ones
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "slow and not gpu" $(PYTEST_ARGS)

test-kills: $(STAMP)  ## kills trainings again and again, and compares: ARGS="--runs 100 --seed 0" (half an hour)
	@$(BIN)/python -m tests.support.kills --records docs/kills $(ARGS)

lint: $(STAMP)  ## style, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy tendency
	@$(BIN)/lint-imports

clean:  ## caches and builds; datasets/ and outputs/ stay
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
