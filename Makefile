# Two commands do everything for a newcomer: `make demo` and `make test`.
# Needs Python 3.11 or later and make; everything else comes from the lock file.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip
ADD    := $(PIP) install -qq --disable-pip-version-check --no-deps --no-compile
LOCKED := $(ADD) --require-hashes -r
READY  := $(VENV)/.ready
OLD    ?= $(shell git describe --tags --abbrev=0 2>/dev/null || echo HEAD~20)

.PHONY: demo test lint chaos fuzz live rehearse bench measure deploy-check lock clean
.DEFAULT_GOAL := test

# Made anew whenever the lock or the project's own declaration changes. The lock is complete, so pip resolves
# nothing: before 24 it would look for an extra's package anew, and stop at a release newer than the locked one. The
# pip that Python brings installs the lock's own first, which takes a third of its time for the rest, and two of it
# install half of the lock each: they read an index longer than they write. Byte code is compiled by all cores
# afterwards, pip would take one, and only of what is run as byte code.
$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "quel needs Python 3.11 or later: make PYTHON=python3.x")'
	@echo "Making the environment in $(VENV): once, about half a minute."
	$(PYTHON) -m venv --clear $(VENV)
	@sed -n '/^pip==/,/[^\\]$$/p' requirements-dev.lock >$(VENV)/pip.lock
	$(LOCKED) $(VENV)/pip.lock
	@awk '/==/ { n++ } { print >"$(VENV)/half" n % 2 ".lock" }' requirements-dev.lock
	$(LOCKED) $(VENV)/half0.lock & $(LOCKED) $(VENV)/half1.lock; ended=$$?; wait $$! && exit $$ended
	$(ADD) --no-build-isolation -e .
	$(BIN)/python -m compileall -qq -j 0 -x '/(pip|setuptools|mypyc?|tests)/' $(VENV)/lib src
	$(PIP) check
	@touch $@

demo: $(READY)
	$(BIN)/quel demo

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Four processes for two cores: those that start processes of quel wait for them most of the time.
SIDE_BY_SIDE := -n 4 --dist loadfile --no-loadscope-reorder

test: $(READY)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow"

# What the tests leave out, death points and a seeded soak under kills, restarts and faults; takes 40 minutes.
chaos: $(READY)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m slow
	$(BIN)/python -m pytest tests/chaos
	$(BIN)/python -m tests.chaos.soak

# Hostile answers, colours and addresses, two minutes each; prints its seeds. FUZZ="--seconds 600" is longer.
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz.answer_reader $(FUZZ)
	$(BIN)/python -m tests.fuzz.colours $(FUZZ)
	$(BIN)/python -m tests.fuzz.connection_strings $(FUZZ)

# One image through the real provider: needs GEMINI_API_KEY, asks before it spends, keeps the exchange.
live: $(READY)
	$(BIN)/python -m tests.live.one_image

# A rolling deploy from OLD and back under load; every query of the dashboard and the alerts in a Prometheus.
rehearse: $(READY)
	$(BIN)/python -m tests.rehearsal.rolling_deploy --old $(OLD)
	$(BIN)/python -m tests.rehearsal.monitoring

# In an environment of its own: Celery asks for another python-dateutil than the lock names.
bench:
	@$(MAKE) --no-print-directory VENV=$(VENV)-bench measure

measure: $(READY)
	$(LOCKED) bench/requirements.txt
	$(PIP) check
	$(BIN)/python -m bench

deploy-check: $(READY)
	$(BIN)/python -m deploy.check

# Needs uv; the lock files name packages, versions and hashes, no addresses.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
	  pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
	  --constraint requirements.lock --extra traces pyproject.toml -o requirements-traces.lock
	uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
	  --extra sandbox --extra traces --extra dev pyproject.toml -o requirements-dev.lock
	echo 'hatchling>=1.27' | uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url - -o deploy/requirements-build.lock

clean:
	rm -rf $(VENV) $(VENV)-bench demo-output live-output bench/out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
