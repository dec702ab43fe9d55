# make demo       the main job: an LSTM on the embedded string
# make test       style, types and the default tests     make test-slow   quick recipes against their published numbers, and faults
# make test-long  the recipes that train for minutes
# make test-faults    faults at random moments: signals to runs and sweeps, locks, requests to a server (long)
# make test-browser   the dashboard and the site in a headless Chromium, which must be installed
# make test-launchers sweeps through submitit and Ray, in an environment of their own (.venv/launchers)
# make site       docs/ and the references as a site, build/site/index.html, which needs no network to be read
# make bench      what docs/speed.md says about speed and memory, measured again (half an hour)
# make peers      Keras on JAX, for the benchmarks, in an environment of its own (.venv/peers)
# make dashboard  the MLflow page of ./mlflow.db          make constraints pins what is installed now
VENV    ?= .venv
PYTHON  ?= python3
BIN      = $(VENV)/bin
# Tests wait for processes that they start, so there may be one more than there are cores.
JOBS    ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
INSTALLED = $(VENV)/.installed

.PHONY: demo test check pytest test-slow test-long test-faults test-browser test-launchers site bench peers dashboard constraints clean

demo: $(INSTALLED)
	$(BIN)/experiments

test: check pytest

check: $(INSTALLED)
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy

pytest: $(INSTALLED)
	$(BIN)/python -m pytest -n $(JOBS) $(PYTEST_ARGS)

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -m '(slow or faults) and not long' -n $(JOBS) --maxschedchunk 1 $(PYTEST_ARGS)

test-long: $(INSTALLED)
	$(BIN)/python -m pytest -m long $(PYTEST_ARGS)

test-faults: $(INSTALLED)
	$(BIN)/python -m tests.faults.kills
	$(BIN)/python -m tests.faults.sweep_kills
	$(BIN)/python -m tests.faults.requests 100

test-browser: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[browser]'
	$(BIN)/python -m pytest -m browser $(PYTEST_ARGS)

# Ray's launcher wants older releases of two packages, so this environment is another one.
LAUNCHERS = $(VENV)/launchers
test-launchers: $(INSTALLED)
	test -x $(LAUNCHERS)/bin/python || $(PYTHON) -m venv $(LAUNCHERS)
	grep -v -E '^(cloudpickle|joblib)==' constraints.txt > $(LAUNCHERS)/constraints.txt
	$(LAUNCHERS)/bin/python -m pip install --quiet --constraint $(LAUNCHERS)/constraints.txt --editable '.[dev,slurm,ray]'
	$(LAUNCHERS)/bin/python -m pytest -m 'slurm or ray' $(PYTEST_ARGS)

site: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(INSTALLED) peers
	$(BIN)/python -m benchmarks

# Keras on JAX, beside which we measure, is not of this project: it has an environment of its own.
PEERS = $(VENV)/peers
peers: $(PEERS)/.installed
$(PEERS)/.installed: benchmarks/peers.txt
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --requirement benchmarks/peers.txt
	touch $@

dashboard: $(INSTALLED)
	$(BIN)/experiments runner=dashboard

# Installs what was tested; runs again only when one of the two files changes. pip would compile on one core, and the
# tests of packages, too; a file for a newer Python than this one cannot be compiled, which is no error.
$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --no-compile --constraint constraints.txt --editable '.[dev,docs]'
	$(BIN)/python -m compileall -qq -j 0 -x 'site-packages/.*/tests?/' $(VENV)/lib || true
	touch $@

# A local version such as +cpu names one build of a release, so it is left out.
constraints: $(INSTALLED)
	$(BIN)/python -m pip freeze --exclude-editable | sed -E 's/^([^ ]+==[^+ ]+)\+.*/\1/' > constraints.txt

clean:
	rm -rf $(VENV)
