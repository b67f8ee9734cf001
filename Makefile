# Every target with a "## line" is listed by `make help`.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
.DEFAULT_GOAL := help
.PHONY: help

help:  ## list every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

# The environment is made anew whenever the lock changes; hashes are checked by pip.
$(VENV)/.ready: requirements/development.lock
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("ddb-lake needs Python 3.11 or newer, this is %s: run make PYTHON=python3.12" % sys.version.split()[0])'
	@echo "making $(VENV) from requirements/development.lock (about a minute, once)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/development.lock
	@touch $@

venv: $(VENV)/.ready  ## make the virtual environment from the hash-pinned lock

lock: venv  ## compile requirements/*.lock anew from requirements/*.in
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements/function.in -o requirements/function.lock
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements/development.in -o requirements/development.lock
