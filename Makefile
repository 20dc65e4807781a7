MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
BIN := .venv/bin
PIP := $(BIN)/pip --quiet --quiet --disable-pip-version-check install --use-pep517 --editable

.PHONY: help demo test test-frameworks test-faults check bench fmt reference venv clean

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' Makefile

demo: .venv/.agent ## set up .venv, then run one task through everything, live
	@$(BIN)/agent demo

test: ## install what is needed, system packages included, then check
	@.ci/system-packages
	@$(MAKE) venv
	@$(MAKE) check

check: ## format, lint, types, floors, tests; installs nothing
	@test -e .venv/.dev || { echo "There is no .venv with the tools yet: call 'make venv' first." >&2; exit 1; }
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/mypy --python-version 3.10 sdk
	@$(BIN)/lint-imports
	@$(BIN)/pytest

test-frameworks: ## the hooks with the newest and the oldest of all frameworks (gigabytes)
	@$(MAKE) --keep-going test-highest test-lowest-direct

# The stem is uv's word for how it chooses versions.
test-%: .venv-frameworks/%/.filled
	@.venv-frameworks/$*/bin/python -m pytest -p tests.versions tests/sdk/hooks

.venv-frameworks/%/.filled: pyproject.toml | .venv/.agent
	@echo "Filling .venv-frameworks/$*"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-frameworks/$*
	@$(BIN)/uv pip install --quiet --python .venv-frameworks/$* --resolution $* \
		--editable '.[agent,dev,frameworks]'
	@touch $@

test-faults: venv ## the long tests of the fault matrix, some minutes
	@$(BIN)/pytest -m long tests/faults

bench: venv ## what it costs, each figure beside its floor
	@$(BIN)/python -m benchmarks

fmt: ## format, and mend what ruff can mend
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

reference: venv ## write docs/sdk.md anew
	@$(BIN)/python -m tests.reference

venv: .venv/.dev ## .venv with the tools

clean: ## remove .venv, builds and caches
	rm -rf .venv .venv-frameworks build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find sdk sandbox worker agent server benchmarks tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: .venv is filled again only when pyproject.toml has changed.
$(BIN)/pip:
	@.ci/venv

.venv/.agent: pyproject.toml | $(BIN)/pip
	@echo "Filling .venv"
	@$(PIP) '.[agent]'
	@touch $@

.venv/.dev: pyproject.toml | $(BIN)/pip
	@echo "Filling .venv, with the tools"
	@$(PIP) '.[agent,dev]'
	@touch .venv/.agent $@
