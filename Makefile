# Needs make and Python 3.11 or later with venv; everything else is installed into .venv.
#   make demo ARGS="--profile realtime"     arguments for the demonstration
#   make test PYTHON=/path/to/python3.12    another interpreter than the newest that is found
#   make lock ARGS=--upgrade                newer versions of everything; docs/SUPPLY_CHAIN.md says more

VENV := .venv
BIN := $(VENV)/bin
TOOLS := build/tools
AZURE := build/azure
ARGS ?=
PYTHON ?=
CANDIDATES := $(PYTHON) python3.13 python3.12 python3.11 python3 python

# pip says what it does; a bar would fill a log file.
PIP_OPTIONS := --disable-pip-version-check --progress-bar off
PIP := $(BIN)/python -m pip install $(PIP_OPTIONS)

# Wheels alone: to build a source archive pip would fetch its build tools, and those no hash of ours covers.
LOCKED := --require-hashes --only-binary :all: --requirement

# No isolation: the isolated environment would get an unlocked setuptools, where the lock has just installed one.
OURSELVES := --no-deps --no-build-isolation --editable .

# One version for all Pythons and platforms: what the tests ran with is what runs. No file of the user's has a say.
COMPILE = $(TOOLS)/bin/uv pip compile --quiet --no-config --python $(TOOLS)/bin/python --no-python-downloads \
  --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-emit-index-url \
  --custom-compile-command "make lock" $(ARGS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-system test-python313 test-api lint docs metrics-doc config-doc lock audit sbom clean

help: ## Say what there is
	@echo "make demo           a call you can hear and see, on this machine alone; ARGS=--help says more"
	@echo "make test           lint, types and tests; Python alone, no root"
	@echo "make test-system    image, chart, rules, scripts: needs root and Debian packages, which .ci/run installs"
	@echo "make test-python313 the tests on the image's Python, in a chroot; a quarter of an hour, root and debootstrap"
	@echo "make test-api       made-up requests by docs/openapi.yaml against a running gateway; minutes; ARGS=--help"
	@echo "make lint           ruff and mypy alone"
	@echo "make docs           write docs/METRICS.md and docs/CONFIGURATION.md from the code"
	@echo "make lock           write requirements/*.txt from pyproject.toml; ARGS=--upgrade for newer versions"
	@echo "make audit          ask for known vulnerabilities of everything that is locked"
	@echo "make sbom           write build/sbom.json, the bill of materials of what runs"
	@echo "make clean          remove .venv, build and caches"

demo: $(VENV)/.demo
	$(BIN)/gateway demo $(ARGS)

test-api: $(VENV)/.api
	$(BIN)/python tests/api/explore.py $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest -n 2 --dist worksteal -m "not system"

test-system: $(VENV)/.deploy $(AZURE)/.installed
	$(BIN)/pytest -n 2 --dist loadgroup -m system $(ARGS)

test-python313:
	tests/system/lab/suite_on_python313.sh $(ARGS)

docs: metrics-doc config-doc

metrics-doc: $(VENV)/.dev
	$(BIN)/python -m gateway.telemetry.docs

config-doc: $(VENV)/.dev
	$(BIN)/python -m gateway.config.docs

# dev first: the smaller locks take their versions from it.
lock: $(TOOLS)/.installed
	@echo "==> Locking; what still fits stays as it is, unless ARGS says otherwise"
	$(COMPILE) --extra dev --group build pyproject.toml --output-file requirements/dev.txt
	$(COMPILE) --extra demo --group build pyproject.toml --constraint requirements/dev.txt --output-file requirements/demo.txt
	$(COMPILE) --extra deploy --group build pyproject.toml --constraint requirements/dev.txt --output-file requirements/deploy.txt
	$(COMPILE) --extra api --group build pyproject.toml --constraint requirements/dev.txt --output-file requirements/api.txt
	$(COMPILE) pyproject.toml --constraint requirements/dev.txt --output-file requirements/runtime.txt
	$(COMPILE) --group build --constraint requirements/dev.txt --output-file requirements/build.txt
	$(COMPILE) --group tools --output-file requirements/tools.txt
	$(COMPILE) --group azure --output-file requirements/azure.txt

# A service that is silent, or knows nothing, would pass for good news. So it is first asked about a release that is
# known to be vulnerable. Markers are cut off: what is locked for another platform is audited as well.
AUDIT = $(TOOLS)/bin/pip-audit --strict --disable-pip --progress-spinner off --cache-dir build/audit/cache $(ARGS)

audit: $(TOOLS)/.installed
	@rm -rf build/audit && mkdir -p build/audit
	@echo "jinja2==2.11.2" >build/audit/known.txt
	@echo "==> Asking the vulnerability service about jinja2 2.11.2, which is known to be vulnerable"
	@$(AUDIT) --no-deps --format json --requirement build/audit/known.txt >build/audit/known.json 2>build/audit/known.log || true
	@if ! grep -q '"vulns": \[{' build/audit/known.json; then \
	  cat build/audit/known.log build/audit/known.json >&2; \
	  echo "make: the vulnerability service can not be reached from here, or does not know what it should (its answer" >&2; \
	  echo "  is above). NOTHING WAS AUDITED. Run this where the service can be reached, or name another one that" >&2; \
	  echo "  can: make audit ARGS='--vulnerability-service osv'" >&2; \
	  exit 1; \
	fi
	@failed=; for lock in runtime dev api tools; do \
	  echo "==> Auditing requirements/$$lock.txt"; \
	  sed -E 's/ ; [^\\]*/ /' requirements/$$lock.txt >build/audit/$$lock.txt; \
	  $(AUDIT) --requirement build/audit/$$lock.txt || failed="$$failed $$lock"; \
	done; \
	if [ -n "$$failed" ]; then echo "make: not clean:$$failed" >&2; exit 1; fi

# Reproducible: no time stamp and no random serial number, so equal locks give equal files. The version is put in by
# hand, because pyproject.toml leaves it to the code.
sbom: $(TOOLS)/.installed
	@version=$$($(TOOLS)/bin/python -c 'import gateway; print(gateway.__version__)') && \
	  sed "s/^dynamic = .*/version = \"$$version\"/" pyproject.toml >build/pyproject.toml
	$(TOOLS)/bin/cyclonedx-py requirements --pyproject build/pyproject.toml --mc-type application --output-reproducible \
	  --output-format JSON --output-file build/sbom.json requirements/runtime.txt
	@echo "==> Wrote build/sbom.json"

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

# What the demonstration needs is less than what the tests need, and sooner there.
$(VENV)/.demo: requirements/demo.txt pyproject.toml | $(BIN)/python
	@echo "==> Installing what the demonstration needs, as locked (about a minute, once)"
	$(PIP) $(LOCKED) requirements/demo.txt
	$(PIP) $(OURSELVES)
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "==> Installing what the gateway and its tests need, as locked (a minute or two, once)"
	$(PIP) $(LOCKED) requirements/dev.txt
	$(PIP) $(OURSELVES)
	@touch $(VENV)/.demo $@

$(VENV)/.deploy: requirements/deploy.txt pyproject.toml | $(BIN)/python
	@echo "==> Installing the gateway and what checks a deployment, as locked"
	$(PIP) $(LOCKED) requirements/deploy.txt
	$(PIP) $(OURSELVES)
	@touch $(VENV)/.demo $(VENV)/.dev $@

$(VENV)/.api: requirements/api.txt pyproject.toml | $(BIN)/python
	@echo "==> Installing the gateway and what makes up requests, as locked"
	$(PIP) $(LOCKED) requirements/api.txt
	$(PIP) $(OURSELVES)
	@touch $(VENV)/.demo $@

# The tools stay out of .venv: they have dependencies of their own, which would mix with what is tested.
$(TOOLS)/.installed: requirements/tools.txt
	@echo "==> Installing the tools that lock, audit and list, as locked"
	@$(MAKE) --no-print-directory VENV=$(TOOLS) $(TOOLS)/bin/python
	$(TOOLS)/bin/python -m pip install $(PIP_OPTIONS) $(LOCKED) requirements/tools.txt
	@touch $@

# Most of a minute and of a gigabyte; byte code of what is never imported would double the former.
$(AZURE)/.installed: requirements/azure.txt
	@echo "==> Installing Azure's command line, as locked: what deploy/azure is tested with"
	@$(MAKE) --no-print-directory VENV=$(AZURE) $(AZURE)/bin/python
	$(AZURE)/bin/python -m pip install $(PIP_OPTIONS) --quiet --no-compile --require-hashes --requirement requirements/azure.txt
	@touch $@

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
