# All that is done to the project, each by one command: `make help`.
# Everything runs in .venv, which the first command that needs it makes.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
# The order of `make test` is from the quickest answer to the slowest, and pytest's closing line stays the last.
.NOTPARALLEL:

VENV := .venv
# Tools start as modules: scripts in .venv/bin carry an absolute path that breaks when the folder is moved.
PY := $(VENV)/bin/python -X utf8
STAMP := $(VENV)/.installed-by-make

# Where Python comes from when .venv is made, the first that fits; `make PYTHON=/path/to/python3 test` chooses.
PYTHON ?=
PYTHONS := $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14)

# What is type-checked: those of them that hold Python.
TYPED := $(foreach folder,reconcilekit examples benchmarks tests,$(if $(shell find $(folder) -name '*.py' -print -quit 2>/dev/null),$(folder)))
# Workers are two, the least that a machine in CI has; idle ones take over what is left of the other's share.
PYTEST := $(PY) -m pytest -n 2 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup test test-real lint types layers pytest controlplane go-clients differential demo fuzz bench bench-apiserver format clean

help: ## Say what there is.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

test: lint types layers pytest ## Everything that must pass: linters, types, layers, all tests.

test-real: $(STAMP) controlplane go-clients ## The tests against a real kube-apiserver alone; fails where there is none.
	$(PYTEST) --hypothesis-profile=ci --durations=10 --real=require -m real

differential: $(STAMP) controlplane ## Let both servers answer 20,000 random requests, and tell what differs.
	$(PY) -m tests.differential --requests 20000 --seed 1 --json build/differential.json

controlplane: ## Build that kube-apiserver, from Go modules; takes the one of KUBEBUILDER_ASSETS where that is set.
	@tools/controlplane/build

go-clients: ## Build the clients in Go that run against both servers, from Go modules.
	@tests/clients/go/build

setup: $(STAMP) ## Make .venv and install the project and its tools; does nothing where that is done.

# The stamp is written last, so that an interrupted installation is done again.
$(STAMP): pyproject.toml
	@if ! $(PY) -m pip --version >/dev/null 2>&1; then \
	  for python in $(PYTHONS); do \
	    if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	      found=$$python; break; \
	    fi; \
	  done; \
	  if [ -z "$${found:-}" ]; then \
	    echo "No Python 3.11 or later that can make a virtual environment; looked for: $(PYTHONS)." >&2; \
	    echo "Install one (Debian, Ubuntu: python3 and python3-venv), or name it: make PYTHON=/path/to/python3 test" >&2; \
	    exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$("$$found" --version)"; \
	  "$$found" -m venv --clear $(VENV); \
	fi
	@echo "Installing the project and its tools into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-input --editable '.[gateway,dev]'
	@touch $@

lint: $(STAMP) ## Check style and format.
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(STAMP) ## Check types.
	$(PY) -m mypy $(TYPED)

layers: $(STAMP) ## Check that each part imports only what stands above it.
	$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

pytest: $(STAMP) ## Run all tests; the same ones each time.
	$(PYTEST) --hypothesis-profile=ci --durations=10

demo: $(STAMP) ## Show the promise on a real Envoy, beside a naive controller: a table, a picture, figures in build/.
	@$(PY) -m examples.gateway.demo

fuzz: $(STAMP) ## Run the property tests for long, with new examples each time.
	$(PYTEST) --hypothesis-profile=fuzz -m hypothesis --timeout=3600

bench: $(STAMP) ## Measure what the framework costs beside a bare loop of HTTP requests.
	$(PY) -m benchmarks.converge --json build/converge.json

bench-apiserver: $(STAMP) ## Measure the embedded API server, beside a real kube-apiserver where there is one.
	$(PY) -m benchmarks.apiserver --json build/apiserver.json

format: $(STAMP) ## Format the code and mend what the linter can.
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean: ## Remove all that was made, .venv too.
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
