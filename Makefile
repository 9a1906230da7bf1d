# Two commands do everything for a newcomer: `make demo` and `make test`.
# Needs Python 3.11 or later and make; everything else comes from the lock file.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test lint chaos bench deploy-check lock clean
.DEFAULT_GOAL := test

$(READY): requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: $(READY)
	$(BIN)/quel demo

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest

# Death points and a seeded soak under kills, restarts and faults; takes minutes.
chaos: $(READY)
	$(BIN)/python -m pytest tests/chaos
	$(BIN)/python -m tests.chaos.soak

bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	$(BIN)/python -m bench

deploy-check: $(READY)
	$(BIN)/python -m deploy.check

# Needs uv; the lock files name packages, versions and hashes, no addresses.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
	  pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
	  --extra sandbox --extra dev pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) demo-output bench/out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
