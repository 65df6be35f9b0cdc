# Every target sets itself up: .venv is created if missing, and updated if requirements are newer.
ifeq ($(wildcard tools/recore/pyproject.toml),)
$(error make needs the folder tools/, which this copy does not have. README.md explains how to run the scripts by hand)
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
READY := $(VENV)/ready# requirements of `make run` are installed
READY_DEV := $(VENV)/ready-dev# also for tests, lint and benchmarks
READY_DOCKER := $(VENV)/ready-docker# also the Docker client
READY_WEB := $(VENV)/ready-web# also the server of an endpoint's page
# Environments by a digest of their requirements: created once per computer, for all checkouts.
CACHE := $$HOME/.cache/recore
SHA256 = $(if $(shell command -v sha256sum 2>/dev/null),sha256sum,shasum -a 256)
DIGEST = $(or $(shell cat $(1) | $(SHA256) | cut -c-12),$(error sha256sum or shasum is needed))
SDK = $(CACHE)/sdk-$(call DIGEST,tools/requirements/sdk.txt)
SDK_V2 = $(CACHE)/sdk-v2-$(call DIGEST,tools/requirements/sdk-v2.txt)
SDK_V1 = $(CACHE)/sdk-v1-$(call DIGEST,tools/requirements/sdk-v1.txt)
ML2P = $(CACHE)/ml2p-$(call DIGEST,tools/requirements/ml2p.txt)
ML2P_SOURCE = $(CACHE)/$(shell sed -n 's/^ml2p==/ml2p-/p' tools/requirements/ml2p.txt)
AIRFLOW = $(CACHE)/airflow-$(call DIGEST,tools/requirements/airflow.txt)
PYTORCH_TESTS := tools/stagemaker/tests/simulator/test_pytorch.py tools/recore/tests/production/test_pytorch.py
PUBLIC := data/public/public.csv.gz
PRIVATE := data/private/private.csv.gz
ACTUAL := data/private/actual.csv.gz

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY) $(PUBLIC) ## run the pipeline and show the scores, on sample data if there are no others
	@$(PYTHON) -m recore run

doctor: $(READY) ## check whether `make run` can work here
	@$(PYTHON) -m recore doctor

by-hand: $(READY) $(PUBLIC) ## run the four steps as a participant does, one script after another
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
	@if [ -f $(ACTUAL) ]; then $(MAKE) private-score; else echo "no $(ACTUAL), so no private score"; fi

private-score:
	$(PYTHON) score.py --actual $(ACTUAL) --predicted data/predictions/private.csv.out --output data/scores/private.txt

production-demo: $(READY) ## run a model in production on a separate simulator, from sample data to deletion
	@$(PYTHON) tools/recore/examples/production_demo.py

test-journeys test-slow test-timing test-fuzz test-bare test-machine: $(READY_DEV)

test: lint test-template first-stagemaker first-recore ## run lint, the template's tests, and the quick tests of tools/

test-tools: later-stagemaker later-recore ## run the rest of the gate: the slower tests of tools/

GATE = $(PYTHON) .ci/gate.py
STAGEMAKER := tools/stagemaker/tests
RECORE := tools/recore/tests
# three workers on two CPUs, here and below, because tests often wait
WORKERS := -n 3 --dist worksteal

test-template: $(READY_DEV) ## run the template's tests
	$(GATE) tests $(WORKERS)

test-stagemaker: $(READY_DEV) ## run both parts of the gate for stagemaker
	$(GATE) $(STAGEMAKER) $(WORKERS)

test-recore: $(READY_DEV) ## run both parts of the gate for recore
	$(GATE) $(RECORE) $(WORKERS)

first-stagemaker later-stagemaker: $(READY_DEV)
	$(GATE) --$(@:-stagemaker=) $(STAGEMAKER) $(WORKERS)

first-recore later-recore: $(READY_DEV)
	$(GATE) --$(@:-recore=) $(RECORE) $(WORKERS)

test-all: test test-tools test-journeys test-slow test-timing
test-all: export RECORE_TEMPLATE = 1
test-all: test-fuzz test-bare test-machine test-sdk ## run all tests, which takes hours

test-journeys: ## run the journeys of a participant, a host, a partner and a SageMaker user
	$(PYTHON) -m pytest $(RECORE)/journeys -n 2 -m journey

# Each distribution has its own pytest settings. The second is tested even if tests of the first fail.
EACH = status=0; for tests in $(1); do $(2) || status=1; done; exit $$status
BOTH = $(call EACH,$(STAGEMAKER) $(RECORE),$(1))

test-slow: ## run slow tests
	$(call BOTH,$(PYTHON) -m pytest $$tests -n 3 --dist loadgroup -m "slow and not (timing or fuzz or machine)")

# sequentially; RECORE_FUZZ also prolongs the load tests
test-timing: ## run tests of elapsed time, memory or CPU time, on a quiet computer
	$(call EACH,tests $(STAGEMAKER) $(RECORE),RECORE_FUZZ=$(or $(RECORE_FUZZ),20) $(PYTHON) -m pytest $$tests -m timing)

test-fuzz: ## run random search, with RECORE_FUZZ times as many examples as in the gate
	$(call BOTH,RECORE_FUZZ=$(or $(RECORE_FUZZ),20) $(PYTHON) -m pytest $$tests -n 2 --dist worksteal \
	  -m "(fuzz or hypothesis) and not timing")

test-bare: ## rerun some tests without a sandbox and in an unusual temporary folder
	$(call BOTH,$(PYTHON) $(RECORE)/recore_support/bare_machine.py $(PYTHON) -m pytest $$tests -n 2 -m everywhere)

# test-sdk runs the tests of PyTorch images, and creates their environment
test-machine: ## run tests that need a sandbox, Docker, a browser or other environments, if available
	$(PYTHON) -m pytest tests -m "machine and not timing"
	@test -e "$(ML2P_SOURCE)" || { $(PYTHON) -m pip download --quiet --no-deps --no-binary ml2p -d "$(CACHE)" \
	  $(shell grep ^ml2p== tools/requirements/ml2p.txt) && tar -xzf "$(ML2P_SOURCE).tar.gz" -C "$(CACHE)"; } || \
	  echo "ML2P's own tests are skipped, because its source could not be downloaded"
	$(call BOTH,RECORE_ML2P="$${RECORE_ML2P-$$(ls -d "$(ML2P_SOURCE)" 2>/dev/null)}" \
	  $(PYTHON) -m pytest $$tests -n 3 --dist loadgroup -m "machine and not timing" $(PYTORCH_TESTS:%=--ignore %))

test-submission: $(READY_DEV) ## test the platform's contract on FOLDER=../mine, by default this folder
	SUBMISSION="$(or $(FOLDER),.)" $(PYTHON) -m pytest tests/contract

test-sdk: $(READY_DEV) setup-sdk ## run tests of SageMaker's SDK 3, 2 and 1, ML2P, Airflow and PyTorch images (3.7 GB)
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

lint: $(READY_DEV) ## check style, types and import rules
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy --config-file tools/stagemaker/pyproject.toml
	$(VENV)/bin/mypy --config-file tools/recore/pyproject.toml
	$(VENV)/bin/lint-imports --config tools/stagemaker/pyproject.toml
	$(VENV)/bin/lint-imports --config tools/recore/pyproject.toml

bench: $(READY_DEV) ## run the benchmarks
	$(PYTHON) tools/recore/benchmarks/speed.py
	$(PYTHON) tools/stagemaker/benchmarks/endpoints.py
	$(PYTHON) tools/recore/benchmarks/pipeline_overhead.py
	$(PYTHON) tools/recore/benchmarks/accuracy.py --limesoda
	$(PYTHON) tools/recore/benchmarks/published.py
	$(PYTHON) tools/recore/benchmarks/ab_comparison.py

clean: ## remove .venv, caches, models and outputs, but not data files or ~/.cache/recore
	rm -rf $(VENV) model src.tar.gz dist *.egg-info data/preprocess data/predictions data/scores
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(READY) ## create or update the environment for `make run`
setup-dev: $(READY_DEV) ## the same, also for tests, lint and benchmarks
setup-docker: $(READY_DOCKER) ## the same, also for `recore run --engine docker`
setup-web: $(READY_WEB) ## the same, also for `recore web`

setup-pytorch: $(READY) ## create the environment of PyTorch images, 1.2 GB, once per computer
	@$(PYTHON) -m stagemaker setup pytorch

$(PUBLIC): | $(READY)
	$(PYTHON) -m recore sample --out data

# The first Python 3.12 with venv, searched for only when an environment is created or updated.
PYTHON312 = $(shell for name in python3.12 python3 python; do \
  $$name -c "import ensurepip, sys; sys.exit(sys.version_info[:2] != (3, 12))" 2>/dev/null && echo $$name && break; \
  done)

# An environment whose Python is missing is recreated, and .venv is set up again if it was created for another folder,
# for example before a rename, even if its stamps are up to date. Other environments, which several folders may share,
# and symbolic links are not changed.
PACKAGES := $(VENV)/lib/python3.12/site-packages
SET_UP_FOR_THIS_FOLDER = $(shell test -x $(PYTHON) && { test "$(VENV)" != .venv || test -L $(VENV) || \
  { grep -qsxF "$$(pwd -P)/tools/stagemaker/src" $(PACKAGES)/*_stagemaker.pth && \
  grep -qsxF "$$(pwd -P)/tools/recore/src" $(PACKAGES)/*_recore.pth; }; } && echo yes)
$(READY) $(READY_DEV) $(READY_DOCKER) $(READY_WEB): $(if $(SET_UP_FOR_THIS_FOLDER),,FORCE)
FORCE:

define CHECK_PYTHON
@test -n "$(PYTHON312)" || { \
  echo "Python 3.12 with venv is needed; python3.12, python3 and python are not suitable. Install it:"; \
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
# set-up runs before anything is installed
INSTALLING_WITH := PYTHONPATH=tools/stagemaker/src
# An old recore that includes stagemaker is removed first; later, its removal would delete the new stagemaker's files.
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

setup-sdk: ## create the environments for `make test-sdk` in ~/.cache/recore
	$(CHECK_PYTHON)
	@$(call MAKE_SHARED,$(SDK),tools/requirements/sdk.txt)
	@$(call MAKE_SHARED,$(SDK_V2),tools/requirements/sdk-v2.txt)
	@$(call MAKE_SHARED,$(SDK_V1),tools/requirements/sdk-v1.txt)
	@$(call MAKE_SHARED,$(ML2P),tools/requirements/ml2p.txt)
	@$(call MAKE_SHARED,$(AIRFLOW),tools/requirements/airflow.txt)

# create an environment outside the checkout if it is missing; the path may contain spaces
MAKE_SHARED = test -e "$(1)/ready" || { \
  $(INSTALLING_WITH) $(PYTHON312) -m stagemaker.installing "$(1)" $(2) && touch "$(1)/ready"; }
