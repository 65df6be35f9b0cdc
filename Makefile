# Every target sets itself up: .venv is made if it is missing, and updated if requirements are newer.
ifeq ($(wildcard tools/recore/pyproject.toml),)
$(error make needs the folder tools/, which this copy does not have. README.md says how to run the scripts by hand)
endif
.DEFAULT_GOAL := help
.PHONY: help run doctor by-hand private-by-hand private-score production-demo
.PHONY: test test-tools test-template test-stagemaker test-recore
.PHONY: first-stagemaker later-stagemaker first-recore later-recore
.PHONY: test-all test-journeys test-slow test-timing test-fuzz test-bare test-machine test-sdk test-submission
.PHONY: lint bench clean setup setup-dev setup-docker setup-web setup-pytorch setup-sdk FORCE
MAKEFLAGS += --no-print-directory

VENV ?= .venv
ifneq ($(words $(VENV)),1)
$(error VENV is "$(VENV)": make cannot handle spaces in it. Use a path without, such as .venv)
endif
PYTHON := $(VENV)/bin/python
READY := $(VENV)/ready# the requirements of `make run` are installed
READY_DEV := $(VENV)/ready-dev# those of tests, lint and benchmarks, too
READY_DOCKER := $(VENV)/ready-docker# the client of Docker's engine, too
READY_WEB := $(VENV)/ready-web# what serves the page of an endpoint, too
# Environments by the content of their requirements: made once a machine, for all checkouts.
CACHE := $$HOME/.cache/recore
SHA256 = $(if $(shell command -v sha256sum 2>/dev/null),sha256sum,shasum -a 256)
DIGEST = $(or $(shell cat $(1) | $(SHA256) | cut -c-12),$(error sha256sum or shasum is needed))
SDK = $(CACHE)/sdk-$(call DIGEST,tools/requirements/sdk.txt)
SDK_V2 = $(CACHE)/sdk-v2-$(call DIGEST,tools/requirements/sdk-v2.txt)
SDK_V1 = $(CACHE)/sdk-v1-$(call DIGEST,tools/requirements/sdk-v1.txt)
ML2P = $(CACHE)/ml2p-$(call DIGEST,tools/requirements/ml2p.txt)
AIRFLOW = $(CACHE)/airflow-$(call DIGEST,tools/requirements/airflow.txt)
PYTORCH_TESTS := tools/stagemaker/tests/simulator/test_pytorch.py tools/recore/tests/production/test_pytorch.py
PUBLIC := data/public/public.csv.gz
PRIVATE := data/private/private.csv.gz
ACTUAL := data/private/actual.csv.gz

help: ## print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY) $(PUBLIC) ## set up, make sample data if there are none, run the pipeline, show the scores
	@$(PYTHON) -m recore run

doctor: $(READY) ## check whether this machine has what a run needs
	@$(PYTHON) -m recore doctor

by-hand: $(READY) $(PUBLIC) ## the four steps as a participant runs them, one script after another
	@rm -rf data/preprocess data/predictions data/scores
	@mkdir -p data/preprocess
	$(PYTHON) train.py
	$(PYTHON) preprocess.py --input $(PUBLIC) --output data/preprocess/public.csv
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

production-demo: $(READY) ## a model in production on a simulator of its own, from sample data to the last deletion
	@$(PYTHON) tools/recore/examples/production_demo.py

test-journeys test-slow test-timing test-fuzz test-bare test-machine: $(READY_DEV)

test: lint test-template first-stagemaker first-recore ## lint, the template's tests, and the quick ones of tools/

test-tools: later-stagemaker later-recore ## the rest of the gate: the tests of tools/ that take longer

GATE = $(PYTHON) .ci/gate.py
STAGEMAKER := tools/stagemaker/tests
RECORE := tools/recore/tests
# three at a time on two processors, here and below: they often wait
WORKERS := -n 3 --dist worksteal

test-template: $(READY_DEV) ## the template's tests
	$(GATE) tests $(WORKERS)

test-stagemaker: $(READY_DEV) ## both parts of the gate about stagemaker
	$(GATE) $(STAGEMAKER) $(WORKERS)

test-recore: $(READY_DEV) ## both parts of the gate about recore
	$(GATE) $(RECORE) $(WORKERS)

first-stagemaker later-stagemaker: $(READY_DEV)
	$(GATE) --$(@:-stagemaker=) $(STAGEMAKER) $(WORKERS)

first-recore later-recore: $(READY_DEV)
	$(GATE) --$(@:-recore=) $(RECORE) $(WORKERS)

test-all: test test-tools test-journeys test-slow test-timing
test-all: test-fuzz test-bare test-machine test-sdk ## all tests, for hours

test-journeys: ## journeys of a participant, a host, a partner and a SageMaker user, command by command
	$(PYTHON) -m pytest $(RECORE)/journeys -n 2 -m journey

# Each distribution has its own settings of pytest. The tests of the second run even if some of the first fail.
EACH = status=0; for tests in $(1); do $(2) || status=1; done; exit $$status
BOTH = $(call EACH,$(STAGEMAKER) $(RECORE),$(1))

test-slow: ## tests that take long
	$(call BOTH,$(PYTHON) -m pytest $$tests -n 3 --dist loadgroup -m "slow and not (timing or fuzz or machine)")

# one after the other; crowds of clients go on as much longer as test-fuzz searches
test-timing: ## tests that assert on a clock, on memory or on processor time: on a quiet machine
	$(call EACH,tests $(STAGEMAKER) $(RECORE),RECORE_FUZZ=$(or $(RECORE_FUZZ),20) $(PYTHON) -m pytest $$tests -m timing)

test-fuzz: ## random search, with RECORE_FUZZ times as many examples as in the gate
	$(call BOTH,RECORE_FUZZ=$(or $(RECORE_FUZZ),20) $(PYTHON) -m pytest $$tests -n 2 --dist worksteal \
	  -m "(fuzz or hypothesis) and not timing")

test-bare: ## some tests again, without a sandbox and in an unusual temporary folder
	$(call BOTH,$(PYTHON) $(RECORE)/recore_support/bare_machine.py $(PYTHON) -m pytest $$tests -n 2 -m everywhere)

# test-sdk runs those of PyTorch images, and makes what they need
test-machine: ## tests that need a sandbox, Docker, a browser or other environments, as far as they are there
	$(PYTHON) -m pytest tests -m "machine and not timing"
	$(call BOTH,$(PYTHON) -m pytest $$tests -n 3 --dist loadgroup -m "machine and not timing" $(PYTORCH_TESTS:%=--ignore %))

test-submission: $(READY_DEV) ## check the platform's contract on FOLDER=../mine, by default this folder
	SUBMISSION="$(or $(FOLDER),.)" $(PYTHON) -m pytest tests/contract

test-sdk: $(READY_DEV) setup-sdk ## SageMaker's SDK, versions 3, 2 and 1, ML2P, Airflow, and PyTorch images (3.7 GB)
	-@$(MAKE) setup-pytorch
	$(PYTHON) -m pytest $(filter $(STAGEMAKER)/%,$(PYTORCH_TESTS)) $(STAGEMAKER)/simulator/test_serial_inference.py
	$(PYTHON) -m pytest $(filter $(RECORE)/%,$(PYTORCH_TESTS))
	"$(SDK)/bin/python" -m pytest $(STAGEMAKER)/clients
	"$(SDK)/bin/python" -m pytest $(RECORE)/clients
	"$(SDK_V2)/bin/python" -m pytest $(STAGEMAKER)/clients
	"$(SDK_V2)/bin/python" -m pytest $(RECORE)/clients
	"$(SDK_V1)/bin/python" -m pytest $(STAGEMAKER)/clients
	"$(ML2P)/bin/python" -m pytest $(RECORE)/clients
	"$(AIRFLOW)/bin/python" -m pytest $(STAGEMAKER)/clients

lint: $(READY_DEV) ## style, types and import rules
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy --config-file tools/stagemaker/pyproject.toml
	$(VENV)/bin/mypy --config-file tools/recore/pyproject.toml
	$(VENV)/bin/lint-imports --config tools/stagemaker/pyproject.toml
	$(VENV)/bin/lint-imports --config tools/recore/pyproject.toml

bench: $(READY_DEV) ## the benchmarks
	$(PYTHON) tools/recore/benchmarks/speed.py
	$(PYTHON) tools/stagemaker/benchmarks/simulator_overhead.py
	$(PYTHON) tools/stagemaker/benchmarks/endpoints.py
	$(PYTHON) tools/stagemaker/benchmarks/pipelines.py
	$(PYTHON) tools/recore/benchmarks/pipeline_overhead.py
	$(PYTHON) tools/recore/benchmarks/accuracy.py --limesoda
	$(PYTHON) tools/recore/benchmarks/published.py
	$(PYTHON) tools/recore/benchmarks/ab_comparison.py
	$(PYTHON) tools/recore/benchmarks/drift.py

clean: ## remove .venv, caches, models and outputs, but no data files; what ~/.cache/recore shares stays
	rm -rf $(VENV) model src.tar.gz dist *.egg-info data/preprocess data/predictions data/scores
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(READY) ## make or update the environment for `make run`
setup-dev: $(READY_DEV) ## the same with what tests, lint and benchmarks need
setup-docker: $(READY_DOCKER) ## the same with what `recore run --engine docker` needs
setup-web: $(READY_WEB) ## the same with what `recore web` needs

setup-pytorch: $(READY) ## make the environment of PyTorch images, 1.2 GB, once on a machine
	@$(PYTHON) -m stagemaker setup pytorch

$(PUBLIC): | $(READY)
	$(PYTHON) -m recore sample --out data

# The first Python 3.12 with venv. It is searched for only when an environment is made or updated.
PYTHON312 = $(shell for name in python3.12 python3 python; do \
  $$name -c "import ensurepip, sys; sys.exit(sys.version_info[:2] != (3, 12))" 2>/dev/null && echo $$name && break; \
  done)

# An environment whose Python is missing is made again, and .venv, if it was made for another folder, as after this one
# was renamed, is set up again, even if its stamps are up to date. Another environment, which several folders may share,
# and one that is a symbolic link, are left to whoever made them.
PACKAGES := $(VENV)/lib/python3.12/site-packages
SET_UP_FOR_THIS_FOLDER = $(shell test -x $(PYTHON) && { test "$(VENV)" != .venv || test -L $(VENV) || \
  { grep -qsxF "$$(pwd -P)/tools/stagemaker/src" $(PACKAGES)/*_stagemaker.pth && \
  grep -qsxF "$$(pwd -P)/tools/recore/src" $(PACKAGES)/*_recore.pth; }; } && echo yes)
$(READY) $(READY_DEV) $(READY_DOCKER) $(READY_WEB): $(if $(SET_UP_FOR_THIS_FOLDER),,FORCE)
FORCE:

define CHECK_PYTHON
@test -n "$(PYTHON312)" || { \
  echo "Python 3.12 with venv is needed; none of python3.12, python3 and python is it. Install it:"; \
  echo "  Debian, Ubuntu   apt-get install python3.12 python3.12-venv    (where the release has it)"; \
  echo "  Fedora           dnf install python3.12"; \
  echo "  macOS            brew install python@3.12"; \
  echo "  anywhere         pyenv install 3.12    or    uv python install 3.12"; exit 1; } >&2
endef

define CHECK
$(CHECK_PYTHON)
@test ! -L $(VENV) || { \
  echo "$(VENV) is a symbolic link to an environment that is older than these requirements" >&2; exit 1; }
endef

CONSTRAINTS := tools/requirements/constraints.txt
XGBOOST := tools/stagemaker/src/stagemaker/images/xgboost.txt
REQUIREMENTS := requirements.txt tools/recore/pyproject.toml
REQUIREMENTS += $(addprefix tools/stagemaker/,pyproject.toml docker.txt src/stagemaker/container/packages.txt)
REQUIREMENTS += $(CONSTRAINTS)
# the set-up starts before anything is installed
INSTALLING_WITH := PYTHONPATH=tools/stagemaker/src
# A recore that holds stagemaker, too, is removed first: removed later, it would take the new one's files along.
REMOVE_FORMER = @test ! -x $(VENV)/bin/stagemaker || ls $(PACKAGES)/stagemaker-*.dist-info >/dev/null 2>&1 || \
  $(PYTHON) -m pip uninstall --quiet --yes recore
INSTALL = @$(INSTALLING_WITH) $(PYTHON312) -m stagemaker.installing --needs-compiler --constraints $(CONSTRAINTS) $(VENV)

$(READY): $(REQUIREMENTS)
	$(CHECK)
	$(REMOVE_FORMER)
	$(INSTALL) ./tools/stagemaker ./tools/recore requirements.txt
	@touch $@

$(READY_DEV): $(REQUIREMENTS) $(XGBOOST) tools/requirements/dev.txt
	$(CHECK)
	$(REMOVE_FORMER)
	$(INSTALL) "./tools/stagemaker[docker]" "./tools/recore[docker,web]" $(XGBOOST) tools/requirements/dev.txt requirements.txt
	@touch $(READY) $(READY_DOCKER) $(READY_WEB) $@

$(READY_DOCKER): $(REQUIREMENTS) | $(READY)
	$(CHECK)
	$(INSTALL) "./tools/stagemaker[docker]"
	@touch $@

$(READY_WEB): $(REQUIREMENTS) | $(READY)
	$(CHECK)
	$(INSTALL) "./tools/recore[web]"
	@touch $@

setup-sdk: ## make the environments for `make test-sdk` in ~/.cache/recore
	$(CHECK_PYTHON)
	@$(call MAKE_SHARED,$(SDK),tools/requirements/sdk.txt)
	@$(call MAKE_SHARED,$(SDK_V2),tools/requirements/sdk-v2.txt)
	@$(call MAKE_SHARED,$(SDK_V1),tools/requirements/sdk-v1.txt)
	@$(call MAKE_SHARED,$(ML2P),tools/requirements/ml2p.txt)
	@$(call MAKE_SHARED,$(AIRFLOW),tools/requirements/airflow.txt)

# make an environment outside of the checkout, if it is missing; the path may contain spaces
MAKE_SHARED = test -e "$(1)/ready" || { \
  $(INSTALLING_WITH) $(PYTHON312) -m stagemaker.installing "$(1)" $(2) && touch "$(1)/ready"; }
