# Everything a person does with Fanfare. Each target sets up what it needs by itself.
PYTHON  ?= python3
DEVICES ?= 2000
VENV    := .venv
PY      := $(VENV)/bin/python
READY   := $(VENV)/.ready

.PHONY: run test test-infra test-panel test-fresh screenshots check docs bench chaos bundle audit lock clean help
.DEFAULT_GOAL := help

help:  ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Fanfare needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up $(VENV) (once, about a minute) …"
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Python cannot create environments here; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PY) -m pip install -qq --disable-pip-version-check --upgrade pip
	@$(PY) -m pip install -qq --disable-pip-version-check -r requirements-dev.txt
	@$(PY) -m pip install -qq --disable-pip-version-check --no-deps --editable .
	@touch $@

run: $(READY)  ## start the local stack, drive one notification through its life, stay up (DEVICES=2000, STORE=embedded, ONCE=yes: do not stay)
	@exec $(PY) -m local.stack up --devices $(DEVICES) $(if $(STORE),--store $(STORE)) $(if $(ONCE),--exit-after-journey)

test: $(READY)  ## run every test
	@$(PY) -m pytest -n auto --maxprocesses 4 --dist loadgroup

test-infra: $(READY)  ## run the tests of infra/ only: Terraform offline, policies, scanner
	@command -v terraform > /dev/null || $(PY) -m infra.offline.tools terraform
	@$(PY) -m infra.offline.tools checkov
	@$(PY) -m pytest tests/infra

test-panel: $(READY)  ## run the panel and the browser sample in a real browser (needs Chromium; installs it where apt-get may)
	@$(PY) -m pip install -qq --disable-pip-version-check -r tests/panel/requirements.txt
	@command -v chromium chromium-browser google-chrome > /dev/null || test -n "$$CHROMIUM" || \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } || \
	  { echo "There is no Chromium here: install one, or name it with CHROMIUM=/path/to/it"; exit 1; }
	@$(PY) -m pytest tests/panel/browser.py tests/clients/browser.py

screenshots: $(READY)  ## take the pictures of docs/images anew (needs what test-panel needs)
	@$(PY) -m pip install -qq --disable-pip-version-check -r tests/panel/requirements.txt
	@$(PY) -m tests.panel.pictures

test-fresh: $(READY)  ## measure `make run` on a bare Debian, and the fast tests on other Pythons (root, Debian)
	@$(PY) -m tests.fresh

check: $(READY)  ## lint, format, types, layers and the fast tests
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@FANFARE_EXAMPLES=40 $(PY) -m pytest -n auto --maxprocesses 4 --dist loadgroup -m "not slow" tests/rules tests/flow tests/doors tests/recorded

docs: $(READY)  ## write the tables and the reference of docs/, and the panel's types, from the code
	@$(PY) -m tests.docs.pages
	@$(PY) -m tests.docs.openapi
	@$(PY) -m local.panel_types

bench: $(READY)  ## measure; prints ratios and writes .local/bench.json
	@$(PY) -m benchmarks

chaos: $(READY)  ## break it on purpose; prints figures and writes .local/chaos.json
	@$(PY) -m tests.chaos

bundle: $(READY)  ## build the reproducible zip that is deployed, and its SBOM: build/fanfare-functions.*
	@$(PY) infra/bundle.py build/fanfare-functions.zip
	@$(PY) -m infra.sbom build/fanfare-functions.zip

audit: $(READY)  ## look up every pinned package among the known vulnerabilities
	@$(PY) -m infra.audit

lock: $(READY)  ## pin what pyproject.toml asks for, with hashes, in all requirements files
	@$(PY) -m infra.lock

clean:  ## remove everything that was built or installed here
	rm -rf $(VENV) .local build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
