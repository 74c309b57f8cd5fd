# Everything a newcomer, a developer and continuous integration do. `make` alone tells what there is.
SHELL := /bin/sh
PYTHON ?= python3
export PYTHON
.DEFAULT_GOAL := help
.PHONY: help setup run demo test check unit explore fuzz churn soak bench docs sample audit lock clean

BIN := .venv/bin
JOBS ?= 7
PYTEST_ARGS ?=
QUICKSTART := etc/quickstart.conf

help: ## this list
	@echo "make <what>:"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "PYTHON=... chooses a Python (3.11 to 3.13); MASAKARI_MONITORS_CACHE=... a folder for what tests build."

setup: ## the virtual environment .venv (a second run returns at once)
	@tools/make-venv.sh

run: setup libvirt-binding pkill ## watch this host and deliver to the embedded receiver, until Ctrl-C
	@echo "+ masakari-monitors run --config-file $(QUICKSTART)"
	@exec $(BIN)/masakari-monitors run --config-file $(QUICKSTART)

demo: setup ## break a real process and watch the report arrive
	@echo "+ masakari-monitors demo"
	@exec $(BIN)/masakari-monitors demo

.PHONY: libvirt-binding pkill
pkill: # the line that `run` offers for breaking something needs it
	@command -v pkill >/dev/null || tools/ensure-packages.sh procps || true

libvirt-binding:
	@if [ -x tools/setup-libvirt-python.sh ]; then tools/setup-libvirt-python.sh \
	    || echo "run: no libvirt binding, so instances are not watched here; processes and hosts are"; fi

test: check ## every check and every test, the ones against real systems included
	@tools/test.sh -n $(JOBS) --dist loadgroup $(PYTEST_ARGS)

check: setup ## lint, format, types, and who may import whom
	@echo "+ ruff check";          $(BIN)/ruff check --quiet .
	@echo "+ ruff format --check"; $(BIN)/ruff format --check --quiet .
	@echo "+ mypy";                $(BIN)/mypy --no-error-summary
	@echo "+ lint-imports";        $(BIN)/lint-imports --no-logo >.venv/lint-imports.out || { cat .venv/lint-imports.out; exit 1; }

unit: setup ## the tests that need no real system
	@echo "+ pytest tests/unit tests/playbooks tests/simulation tests/world tests/explore tests/fuzz"
	@$(BIN)/pytest -q -n $(JOBS) --dist loadgroup \
	    tests/unit tests/playbooks tests/simulation tests/world tests/explore tests/fuzz $(PYTEST_ARGS)

explore: setup ## everything that can happen around the host monitor's core and in elections; MINUTES=30, CASTS="1 5"
	@echo "+ python -m tests.explore$(if $(MINUTES), --minutes $(MINUTES)) $(CASTS)"
	@$(BIN)/python -m tests.explore $(if $(MINUTES),--minutes $(MINUTES)) $(CASTS)

fuzz: setup ## bent input of every kind to every reader, other each time; MINUTES=10, SEED=... repeats a round
	@echo "+ python -m tests.fuzz $(MINUTES)"
	@EXAMPLES="$(EXAMPLES)" SEED="$(SEED)" $(BIN)/python -m tests.fuzz "$(MINUTES)"
	@if [ -z "$(SEED)" ]; then echo "+ python -m tests.fuzz.guided $(MINUTES)"; \
	    $(BIN)/python -m tests.fuzz.guided --install "$(MINUTES)"; fi

.PHONY: prepared
prepared: setup # the real systems
	@tools/prepare-tests.sh

churn: prepared ## random operations on real instances with deaths between; SEED=..., OPERATIONS=10000
	@echo "+ python -m tests.integration.virt"
	@$(BIN)/python -m tests.integration.virt "$(SEED)" $(or $(OPERATIONS),10000)

soak: setup ## a storm of everything over a monitor: deaths, masakari, disk, crashes; SEED=..., MINUTES=5
	@echo "+ python -m tests.integration.soak"
	@$(BIN)/python -m tests.integration.soak "$(SEED)" $(or $(MINUTES),5)

bench: prepared ## measured figures against their bars, as a table
	@echo "+ python -m benchmarks"
	@$(BIN)/python -m benchmarks

docs: setup ## the documentation (docs/_build/html) and the man page (docs/_build/man); a warning is an error
	@echo "+ sphinx-build html, man"
	@$(BIN)/sphinx-build -q -W --keep-going -b html -d docs/_build/doctrees docs docs/_build/html
	@$(BIN)/sphinx-build -q -W --keep-going -b man -d docs/_build/doctrees docs docs/_build/man
	@echo "docs/_build/html/index.html"

.PHONY: deb
deb: setup ## Debian packages of all that a host needs, into dist/
	@echo "+ tools/build-deb.sh"
	@tools/build-deb.sh

sample: setup ## renew the sample configuration from the options
	@echo "+ oslo-config-generator"
	@$(BIN)/oslo-config-generator --config-file tools/config-generator.conf

audit: ## whether a version of constraints.lock has a known vulnerability, or that it could not be checked
	@PYTHON="$(PYTHON)" tools/audit.sh

lock: ## renew constraints.lock with the newest allowed versions
	@PYTHON="$(PYTHON)" tools/lock.sh

clean: ## remove what was built here (what tests built stays in the cache folder)
	rm -rf .venv .venv.lock build dist docs/_build .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
