# Stakazo: `make demo` and `make test` set up what they need; `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MODELS := $(VENV)/.models
VIDEO ?=
OUT ?= out
# Many tests wait for something, so two more of them than there are cores.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)
FUZZ_SECONDS ?= 300
EXAMPLES ?= 100

# Programs are started by the hundred here: what was compiled once stays compiled, whatever the machine prefers.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test check bench chaos hostile fuzz explore migrate openapi lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

setup: $(MODELS) ## make .venv with everything the locks name, and fetch the models

$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Stakazo needs Python >= 3.11: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(MODELS): $(READY) src/stakazo/media/models.toml
	$(BIN)/stakazo models
	@touch $@

demo: $(MODELS) ## do the main job on a video (VIDEO=path, or the sample) and leave the result in ./out
	$(BIN)/stakazo demo $(if $(VIDEO),"$(VIDEO)") --out "$(OUT)"

serve: $(MODELS) ## database, API and workers until Ctrl-C
	$(BIN)/stakazo serve

test: $(MODELS) ## run every test (COVERAGE=1: and say what they leave out)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(if $(COVERAGE),--cov --cov-report=term:skip-covered) $(TESTS)

check: $(READY) ## format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(MODELS) ## measure speed and quality beside peers; writes bench/reports/
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.lock
	for program in bench/*.py; do $(BIN)/python $$program || exit 1; done

chaos: $(MODELS) ## kill, stop and fill what can be, a minute of it; LONG=1: all of it; WORLD=1: posts and campaigns (SEED=7)
	$(BIN)/python -m chaos$(if $(WORLD),.world,$(if $(LONG),, --short)) $(if $(SEED),--seed $(SEED))

hostile: $(MODELS) ## send every hostile file through the whole system; writes bench/reports/hostile.md
	$(BIN)/python -m bench.hostile.run

fuzz: $(READY) ## look for bytes that break probe or the upload parser, FUZZ_SECONDS each
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.lock
	for target in upload probe; do $(BIN)/python -m bench.hostile.fuzz $$target --seconds $(FUZZ_SECONDS) || exit 1; done

explore: $(READY) ## look further than the tests do at API, accounts and jobs: EXAMPLES of each, new ones every time
	STAKAZO_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -o timeout=0 tests/api/test_schemathesis.py tests/accounts/test_model.py tests/jobs/test_model.py

migrate: $(READY) ## bring the database up to date
	$(BIN)/stakazo migrate

openapi: $(READY) ## write openapi/openapi.json
	$(BIN)/stakazo openapi > openapi/openapi.json

lock: $(READY) ## resolve the dependencies anew
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" pyproject.toml -o requirements/run.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" pyproject.toml --group dev -o requirements/dev.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" pyproject.toml --group dev --group bench -o requirements/bench.lock

clean: ## remove what was built and made (not var/, where the data lives)
	rm -rf $(VENV) $(OUT) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage*
