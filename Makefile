# Tasks of Puente. `make demo` and `make test` need Python 3.11+, make and a package index, nothing else.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# The first Python that runs, is new enough and can make virtual environments. It is tried and not just looked
# up: a name on PATH may be a shim without that version behind it. Only asked when there is no venv yet.
CANDIDATES := python3.13 python3.12 python3.11 python3 $(wildcard $(HOME)/.pyenv/versions/3.1[1-9]*/bin/python3)
SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
ifeq ($(origin PYTHON),undefined)
PYTHON = $(shell for each in $(CANDIDATES); do \
  "$$each" -c '$(SUITABLE)' >/dev/null 2>&1 && { echo "$$each"; break; }; done)
endif

.PHONY: demo test check format lint types unit fuzz audit kill bench dashboards schema lock clean

$(BIN)/python:
	@python="$(PYTHON)"; test -n "$$python" && "$$python" -c '$(SUITABLE)' >/dev/null 2>&1 || { \
	  echo "Puente needs Python 3.11 or newer with the modules venv and ensurepip." >&2; \
	  echo "Install it, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }; \
	echo "virtual environment of $$("$$python" --version)"; "$$python" -m venv $(VENV)

# Run-time and development packages come from one lock with hashes; then the project itself, without its
# dependencies.
$(STAMP): requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/puente demo

# Everything. Which servers it used stands at its end; tests/README.md tells how they are chosen.
test: $(STAMP)
	$(BIN)/python -m tests

check: $(STAMP) lint types unit

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@if grep -q '^\[tool\.importlinter' pyproject.toml; then $(BIN)/lint-imports; \
	  else echo "no import contracts in pyproject.toml"; fi

types: $(STAMP)
	$(BIN)/mypy

unit: $(STAMP)
	$(BIN)/python -m pytest tests/unit tests/architecture -q

# Real processes killed at random under load, then both sides compared: docs/kill-rig.md. N kills, repeatable by SEED; BRIDGE is
# bitfactura-sugester, factusol-clientify or factusol-clientify-v1.
N ?= 100
SEED ?= 1
BRIDGE ?= bitfactura-sugester
kill: $(STAMP)
	$(BIN)/python -m tests.kill --bridge $(BRIDGE) --kills $(N) --seed $(SEED)

# What is known against the packages of the lock (exit code 3: no database could be asked), and their licences.
# pip-audit has a virtual environment of its own, so that it is not itself among what Puente stands on.
AUDIT := $(VENV)/audit
$(AUDIT)/.installed: deploy/audit_requirements.lock | $(STAMP)
	$(BIN)/python -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

audit: $(STAMP) $(AUDIT)/.installed
	$(BIN)/python deploy/audit.py licences
	$(BIN)/python deploy/audit.py $(AUDIT)/bin/pip-audit requirements.lock

# schemathesis on every app and mutated hook bodies, for longer than in `make test`: N examples of each.
fuzz: $(STAMP)
	PUENTE_FUZZ=$(N) $(BIN)/python -m pytest tests/security/test_schemas.py tests/security/test_hook_bodies.py \
	  --timeout=0

lock:
	uv pip compile pyproject.toml --extra dev --generate-hashes --universal --python-version 3.11 \
	  --no-emit-index-url --no-emit-find-links --no-header --output-file requirements.lock

# Ratios against bare ceilings, with a real broker and a real database: `make bench`, or `make bench ARGS="P2 --quick"`.
bench: $(STAMP)
	$(BIN)/python -m tests.bench $(ARGS)

# Grafana's dashboards from their description.
dashboards: $(STAMP)
	$(BIN)/python -m deploy.grafana.dashboards

# The description of the topic that is in the docs.
schema: $(STAMP)
	$(BIN)/python -m deploy.schema

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
