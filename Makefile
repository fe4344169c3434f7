# Two commands do everything on a machine that has only Python and make: `make demo` and `make test`.
# The environment lives in .venv; it is made again when pyproject.toml or constraints.txt change.

SHELL := /bin/sh
VENV  := .venv
RUN   := $(VENV)/bin/python
STAMP := $(VENV)/.installed
ARGS  ?=

# The first Python that can make an environment, `python3` before others, as people expect. To choose another:
# `make PYTHON=...`.
NAMES  := python3 python3.11 python3.12 python3.13 python3.14
SUITS  := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(firstword $(foreach name,$(NAMES),$(shell $(name) -c '$(SUITS)' >/dev/null 2>&1 && echo $(name))))

# Importing an engine costs a second less from cached bytecode, and every zygote imports one; containers often
# switch the cache off. The other two would make pip and Python look past the environment that we just made.
unexport PYTHONDONTWRITEBYTECODE
unexport PYTHONHOME
unexport PIP_USER

.DEFAULT_GOAL := help
.PHONY: help install servers compile demo test lint format tables bench clean

help: ## Say what each command does.
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

install: $(STAMP) ## Make the environment in .venv, with every engine and the tools.

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or later with venv and ensurepip was found. Install one" \
		"(Debian: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python" >&2; exit 2; }
	@echo "Installing into $(VENV); the first time takes a minute or two."
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt --editable '.[all,dev]'
	@touch $(STAMP)

demo: install ## Sweep real agents with real crashes, and say what was found.
	@$(RUN) -m harness.demo

servers: install compile ## Get the Temporal server that the tests need, if this machine has none: minutes, once.
	@$(RUN) -m harness.engines.temporal.server

# Where that server cannot be downloaded, to compile it takes minutes, and needs nothing but Go: two jobs at a time let
# that begin at once, beside the installation.
MAKEFLAGS += --jobs=2
compile:
	@test -z "$(PYTHON)" || $(PYTHON) -m harness.engines.temporal.server --ahead

# A test of an engine that is missing fails here, loudly; without the variable pytest runs what it can. Each file stays
# with one worker, for what its tests share is made once; files with slow tests begin first (see conftest.py). These
# tests run real servers, and kill real processes, on machines that others keep busy: what fails is run once more, and
# what passes then is told at the end, with how it failed.
test: servers ## Run the tests; narrow them with ARGS='tests/checks -k charge'.
	@HARNESS_REQUIRE=dbos,prefect,temporal $(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --reruns 1 $(ARGS)

lint: install ## Check style, types and the direction of imports.
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy --strict harness
	@$(VENV)/bin/lint-imports

format: install ## Rewrite the code as `make lint` wants it.
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

tables: install ## Measure the tables of docs/support.md and docs/faults.md again; a test holds them to it.
	@$(RUN) -m tests.tables $(ARGS)

bench: install ## Measure the harness beside the same work done by hand; prints ratios.
	@$(RUN) bench/run.py $(ARGS)

clean: ## Remove the environment, the caches and the recorded runs.
	@rm -rf $(VENV) .harness .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
