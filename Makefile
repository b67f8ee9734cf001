# Every target with a "## line" is listed by `make help`.
PYTHON ?= python3
VENV := .venv
DEPLOY_VENV := .venv-deploy
PY := $(VENV)/bin/python
.DEFAULT_GOAL := help
.PHONY: help venv deploy-venv demo test lint unit test-policies test-athena test-spark soak-views access sandbox package generate golden bench lock clean

help:  ## list every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# An environment is made anew whenever its lock changes.
$(VENV)/.ready: requirements/development.lock
	@$(PYTHON) scripts/build/environment.py $< $(VENV)

$(DEPLOY_VENV)/.ready: requirements/deploy.lock
	@$(PYTHON) scripts/build/environment.py $< $(DEPLOY_VENV)

venv: $(VENV)/.ready  ## make the virtual environment from the hash-pinned lock

deploy-venv: $(DEPLOY_VENV)/.ready  ## make the small environment that deploys and queries, .venv-deploy

demo: venv  ## run the whole lake on this machine: put items, compare, query; under a minute from a bare clone
	@$(PY) -m sandbox exec --speed 60 -- $(PY) -m sandbox.demo

test: venv lint unit  ## lint, types, cfn-lint and every test but the long ones

lint: venv  ## ruff, mypy and cfn-lint, no finding allowed
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/cfn-lint templates/*.yaml templates/options/*.yaml

unit: venv  ## every test but test-policies, test-athena, test-spark and soak-views
	@$(PY) -m pytest -n 2 --dist loadgroup --ignore tests/policies tests

test-policies: venv  ## prove who gets in: access ledger, mutation, second opinion, house rules (needs Node)
	@$(PY) -m pytest -n 2 --dist loadgroup tests/policies

test-athena: venv  ## every table, view and query on a real Trino server (needs Java and Maven)
	@$(PY) -m tests.trino

soak-views: venv  ## the views over a million changes of each road and over losses, on both engines (CHANGES=N for fewer, SEED=N for the same again)
	@$(PY) -m tests.soak --changes $(or $(CHANGES),1000000) $(if $(SEED),--seed $(SEED))

test-spark: venv  ## the compaction job on the Spark of AWS Glue, and both tables on Trino (needs Java 17 and Maven)
	@$(PY) -m tests.spark

access: venv  ## print who may do what, and the statement that decides
	@$(PY) -m tests.policies.access

sandbox: venv  ## serve two accounts on this machine until Ctrl-C, for every command of the README
	@$(PY) -m sandbox serve

package: venv  ## build the functions' zips and put_items.pyz into build/ (reproducible; ARCH=arm64 or x86_64)
	@$(PY) -m scripts.build.package --arch $(or $(ARCH),arm64)

generate: venv  ## write all that is generated: templates' regions, single-account.yaml, docs/generated/
	@$(PY) -m scripts.build.generate

golden: venv  ## write the tests' expected rows and answers as they are today; look at the difference, then make test-athena
	@$(PY) -m tests.unit.transform.golden_rows
	@$(PY) -m tests.sql.answers

bench: venv  ## the function's throughput beside its peers, in one run
	@$(PY) -m benchmarks

lock: venv  ## compile requirements/*.lock anew from requirements/*.in
	@for input in requirements/*.in; do \
	  $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    $$input -o $${input%.in}.lock || exit 1; \
	done

clean:  ## remove the environments and everything built
	rm -rf $(VENV) $(DEPLOY_VENV) build .mypy_cache .pytest_cache .ruff_cache .hypothesis
