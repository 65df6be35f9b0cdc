# Everything here sets itself up: .venv is made from requirements*.txt when it is missing or older than they are.
.DEFAULT_GOAL := help
.PHONY: help run by-hand private-by-hand private-score test test-bare test-slow test-sdk lint bench clean setup
MAKEFLAGS += --no-print-directory

VENV ?= .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/ready
SDK := .venv-sdk
PUBLIC := data/public/public.csv.gz
PRIVATE := data/private/private.csv.gz
ACTUAL := data/private/actual.csv.gz

help: ## print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY) $(PUBLIC) ## set up, make sample data where there are none, run the pipeline, show the scores
	@$(PYTHON) -m recore run

by-hand: $(READY) $(PUBLIC) ## the four steps as a participant runs them, one script after the other
	@rm -rf data/preprocess data/predictions data/scores
	$(PYTHON) train.py
	$(PYTHON) preprocess.py
	$(PYTHON) predict.py
	$(PYTHON) score.py
	@if [ -f $(PRIVATE) ]; then $(MAKE) private-by-hand; fi
	@echo
	@$(PYTHON) -m recore scores data/scores
	@echo "model: model/model.pkl, predictions: data/predictions/, model inputs: data/preprocess/"

private-by-hand:
	$(PYTHON) preprocess.py --input $(PRIVATE) --output data/preprocess/private.csv
	$(PYTHON) predict.py --input $(PRIVATE) --output data/predictions/private.csv.out
	@if [ -f $(ACTUAL) ]; then $(MAKE) private-score; else echo "no $(ACTUAL): private predictions, no private score"; fi

private-score:
	$(PYTHON) score.py --actual $(ACTUAL) --predicted data/predictions/private.csv.out --output data/scores/private.txt

test: lint ## lint, and the tests that take minutes
	$(PYTHON) -m pytest -n 2 -m "not slow"

test-bare: $(READY) ## some of them again, as on a machine without a sandbox, and in an unusual temporary folder
	$(PYTHON) tests/bare.py $(PYTHON) -m pytest -n 2 -m "everywhere and not slow"

test-slow: $(READY) ## the tests that take longer
	$(PYTHON) -m pytest -n 2 --dist loadgroup -m slow

test-sdk: $(READY) $(SDK)/ready ## SageMaker's Python SDK against the simulator, in an environment of its own (1 GB)
	$(SDK)/bin/python -m pytest tests/sdk

lint: $(READY) ## style, types and import arrows
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(READY) ## the benchmarks, each against a named peer
	$(PYTHON) benchmarks/speed.py
	$(PYTHON) benchmarks/jobs.py
	$(PYTHON) benchmarks/run.py
	$(PYTHON) benchmarks/accuracy.py

clean: ## remove what was made: environment, caches, model, outputs; data files stay
	rm -rf $(VENV) $(SDK) model src.tar.gz dist *.egg-info data/preprocess data/predictions data/scores
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(READY) ## make or renew the environment alone

$(PUBLIC): | $(READY)
	$(PYTHON) -m recore sample --out data

$(READY): requirements.txt requirements-container.txt requirements-dev.txt
	@python3.12 -c "import ensurepip" 2>/dev/null || { \
	  echo "Python 3.12 with venv is needed and python3.12 does not run. Install it:"; \
	  echo "  Debian, Ubuntu   apt-get install python3.12 python3.12-venv    (where the release has it)"; \
	  echo "  Fedora           dnf install python3.12"; \
	  echo "  macOS            brew install python@3.12"; \
	  echo "  anywhere         pyenv install 3.12    or    uv python install 3.12"; exit 1; } >&2
	@command -v cc >/dev/null || command -v gcc >/dev/null || { \
	  echo "A C compiler is needed (sagemaker-training comes as source). Install one:"; \
	  echo "  Debian, Ubuntu   apt-get install gcc libc6-dev"; \
	  echo "  Fedora           dnf install gcc"; \
	  echo "  macOS            xcode-select --install"; exit 1; } >&2
	@test ! -L $(VENV) || { echo "$(VENV) is a link to another's environment, older than the requirements here" >&2; exit 1; }
	python3.12 -m venv --clear $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(SDK)/ready: requirements-sdk.txt
	python3.12 -m venv --clear $(SDK)
	$(SDK)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-sdk.txt
	@touch $@
