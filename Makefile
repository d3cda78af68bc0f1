# Needs make and Python 3.11 or later with venv; everything else is installed into .venv.
#   make demo ARGS="--profile realtime"     arguments for the demonstration
#   make test PYTHON=/path/to/python3.12    another interpreter than the newest that is found

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PYTHON ?=
CANDIDATES := $(PYTHON) python3.13 python3.12 python3.11 python3 python

# pip says what it does; a bar would fill a log file.
PIP := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-system test-api lint docs metrics-doc config-doc clean

help: ## Say what there is
	@echo "make demo           a call you can hear and see, on this machine alone; ARGS=--help says more"
	@echo "make test           lint, types and tests; Python alone, no root"
	@echo "make test-system    tests that need Debian packages (promtool, of package prometheus)"
	@echo "make test-api       made-up requests by docs/openapi.yaml against a running gateway; minutes; ARGS=--help"
	@echo "make lint           ruff and mypy alone"
	@echo "make docs           write docs/METRICS.md and docs/CONFIGURATION.md from the code"
	@echo "make clean          remove .venv and caches"

demo: $(VENV)/.demo
	$(BIN)/gateway demo $(ARGS)

test-api: $(VENV)/.api
	$(BIN)/python tests/api/explore.py $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest -n 2 -m "not system"

test-system: $(VENV)/.dev
	$(BIN)/pytest -m system

docs: metrics-doc config-doc

metrics-doc: $(VENV)/.dev
	$(BIN)/python -m gateway.telemetry.docs

config-doc: $(VENV)/.dev
	$(BIN)/python -m gateway.config.docs

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

# What the demonstration needs is less than what the tests need, and sooner there.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	@echo "==> Installing the gateway and what its demonstration needs (about a minute, once)"
	$(PIP) --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "==> Installing the gateway and what its tests need (a minute or two, once)"
	$(PIP) --editable '.[dev]'
	@touch $(VENV)/.demo $@

$(VENV)/.api: pyproject.toml | $(BIN)/python
	@echo "==> Installing the gateway and what makes up requests"
	$(PIP) --editable '.[api]'
	@touch $(VENV)/.demo $@

$(BIN)/python:
	@for python in $(CANDIDATES); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    found=$$python; \
	    if "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
	      echo "==> Making $(VENV) with $$("$$python" --version) ($$(command -v "$$python"))"; \
	      exec "$$python" -m venv $(VENV); \
	    fi; \
	  fi; \
	done; \
	if [ -n "$$found" ]; then \
	  echo "make: $$found has no venv; on Debian and Ubuntu it comes with the package python3-venv" >&2; \
	else \
	  echo "make: no Python 3.11 or later found; install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; \
	fi; \
	exit 1
