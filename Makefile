# Archipel's everyday commands.  Needs Python >= 3.11 and make; everything else is installed into .venv.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARCHIPEL := $(BIN)/archipel
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(if $(UPGRADE),--upgrade)

# GraphQL over HTTP and WebSocket; CloudEvents 1.0; AsyncAPI 3.0 and JSON Schema.
CONFORMANCE := tests/conformance $(addprefix libs/,shared/tests/test_codec.py shared/tests/test_catalogue.py cli/tests/test_catalogue.py)
# What of it is in JavaScript: folders with a lock file, and the stamp that npm leaves in each.
JAVASCRIPT := tests/conformance/node docs/clients/typescript
PACKAGES := $(addsuffix /node_modules/.package-lock.json,$(JAVASCRIPT))
NEED_NODE := node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null \
	|| { echo 'make conformance needs Node 20 or newer with npm' >&2; exit 1; }

# What is installed, as two stamps: what a laptop needs to run the platform, and beyond that what developers need.
RUNNABLE := $(VENV)/.runnable
COMPLETE := $(VENV)/.complete

.PHONY: help
help: ## list these commands
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: setup
setup: $(COMPLETE) ## install everything that development needs into .venv

.PHONY: up
up: $(RUNNABLE) ## start the whole platform here, with demo data; Ctrl-C stops it
	@$(ARCHIPEL) up

.PHONY: down
down: $(RUNNABLE) ## stop the platform that runs here
	@$(ARCHIPEL) down

.PHONY: demo
demo: $(RUNNABLE) ## import the demo community into the running platform
	@$(ARCHIPEL) demo

.PHONY: import
import: $(RUNNABLE) ## import a community into the running platform: BRAND=slug FILE=path
	@test -n "$(BRAND)" -a -n "$(FILE)" || { echo 'usage: make import BRAND=slug FILE=path' >&2; exit 2; }
	@$(ARCHIPEL) import --brand '$(BRAND)' --create '$(FILE)'

.PHONY: test
test: $(COMPLETE) ## run all tests, two at a time; ARGS="-k name" narrows them down
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: check
check: $(COMPLETE) ## lint, types, boundaries, snapshots, manifests
	@$(BIN)/python -m libs.cli.checks

.PHONY: bench
bench: $(COMPLETE) ## measure the budgets; ARGS="--help" lists the options
	@$(BIN)/python -m bench $(ARGS)

.PHONY: conformance
conformance: $(COMPLETE) $(PACKAGES) ## run the suites of the standards that the platform follows; needs Node
	@$(NEED_NODE)
	@$(BIN)/python -m pytest $(CONFORMANCE) $(ARGS)

.PHONY: lock
lock: $(COMPLETE) ## resolve requirements/*.lock anew from pyproject.toml; UPGRADE=1 takes newer versions
	$(COMPILE) pyproject.toml --extra embedded --group dev --output-file requirements/dev.lock
	$(COMPILE) pyproject.toml --extra embedded --group build --constraints requirements/dev.lock --output-file requirements/embedded.lock
	$(COMPILE) pyproject.toml --constraints requirements/dev.lock --output-file requirements/runtime.lock
	$(COMPILE) --group installer --output-file requirements/installer.lock

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	@$(call pip,requirements/installer.lock)

$(RUNNABLE): requirements/embedded.lock pyproject.toml | $(BIN)/python
	$(call install,requirements/embedded.lock)
	@touch $@

$(COMPLETE): requirements/dev.lock pyproject.toml | $(BIN)/python
	$(call install,requirements/dev.lock)
	@touch $(RUNNABLE) $@

%/node_modules/.package-lock.json: %/package-lock.json
	@$(NEED_NODE)
	@echo "installing $< into $*/node_modules"
	@cd $* && npm ci --silent
	@touch $@

pip = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(1)

define install
@echo "installing $(1) into $(VENV)"
@$(call pip,$(1))
@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
endef
