# `make help` lists every target with a "## line".
PYTHON ?= python3
VENV := .venv
DEPLOY_VENV := .venv-deploy
PY := $(VENV)/bin/python
.DEFAULT_GOAL := help
.PHONY: help venv deploy-venv demo test lint unit test-long test-policies test-athena test-spark soak-views soak-settle soak soak-quick access sandbox spark package generate golden bench lock clean

help:  ## list every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# An environment is created again when its lock changes.
$(VENV)/.ready: requirements/development.lock
	@$(PYTHON) scripts/build/environment.py $< $(VENV)

$(DEPLOY_VENV)/.ready: requirements/deploy.lock
	@$(PYTHON) scripts/build/environment.py $< $(DEPLOY_VENV)

venv: $(VENV)/.ready  ## create the virtual environment .venv from the hash-pinned lock

deploy-venv: $(DEPLOY_VENV)/.ready  ## create the small environment for deploying and querying, .venv-deploy

# With TABLES=1 the Glue job of the settled tables runs, too: on a local Spark, which is installed first.
demo: venv  ## run the whole lake on this machine: two accounts, put items, query, compare; about a minute from a new clone (TABLES=1: settled tables, too)
	@$(if $(TABLES),$(PY) -m sandbox.spark)
	@$(PY) -m sandbox exec --speed 60 $(if $(TABLES),--with tables) -- $(PY) -m sandbox.demo $(if $(TABLES),--tables)

test: venv lint unit  ## run lint and every test except the long ones

lint: venv  ## run ruff, mypy and cfn-lint; no finding is allowed
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/cfn-lint templates/*.yaml templates/options/*.yaml examples/*/*.yaml

# They take minutes: the commands that add rows, rebuild a table or remove a stack, dbt, and the soak's own tests.
LONG := $(foreach part,backfill connect existing_table exports heal reconcile redrive removal restore,tests/sandbox/test_$(part).py)
LONG += tests/settled/test_soak.py

unit: venv  ## run every test except test-long, test-policies, test-athena, test-spark and the soaks
	@$(PY) -m pytest -n 2 --dist loadgroup --ignore tests/policies $(LONG:%=--ignore %) tests

test-long: venv  ## run backfill, heal, redrive, reconcile, restore, remove and dbt in the sandbox, and test the soak itself
	@$(PY) -m pytest -n 2 --dist loadgroup $(LONG)

test-policies: venv  ## prove who has access: access ledger, mutation, second opinion, house rules (needs Node)
	@$(PY) -m pytest -n 2 --dist loadgroup tests/policies

test-athena: venv  ## test every table, view and query on a real Trino server (needs Java and Maven)
	@$(PY) -m tests.trino

soak-views: venv  ## test the views with a million changes of each road, with losses, repairs and settled tables, on both engines (CHANGES=N for fewer, SEED=N to repeat a run)
	@$(PY) -m tests.soak --changes $(or $(CHANGES),1000000) $(if $(SEED),--seed $(SEED))

soak-settle: venv  ## kill the settle job sixty times and end it at 120 more points, and settle thirty thousand small histories (SEED=N to repeat a run)
	@SETTLE_KILLS=60 SETTLE_FAULTS=120 SETTLED_HISTORIES=25000 SETTLED_STRIDE=311 SETTLE_BUGS=99 SETTLED_SEED=$(or $(SEED),13) SETTLE_SEED=$(or $(SEED),7) \
	  $(PY) -m tests.spark tests/spark/test_settle_kills.py tests/spark/test_settle_faults.py tests/spark/test_settle_histories.py tests/spark/test_settle_bugs.py

soak: venv  ## prove under faults that nothing is lost: ten million changes, a thousand kills and seeded bugs; for each release (SEED=N to repeat a run)
	@$(PY) -m tests.faults --seeds 5 --changes 2000000 --kills 1000 $(if $(SEED),--seed $(SEED))

soak-quick: venv  ## prove the same with a tenth of the changes and kills, always the same ones; in some minutes
	@$(PY) -m tests.faults --changes 1000000 --kills 100 --seed 20261120

test-spark: venv  ## test the jobs on the Spark of AWS Glue, and both tables on Trino (needs Java 17 and Maven; SEED=N to repeat an order)
	@$(PY) -m tests.spark $(if $(SEED),--randomly-seed=$(SEED))

access: venv  ## print who may do what, and which statement decides
	@$(PY) -m tests.policies.access

sandbox: venv  ## run the two accounts on this machine until Ctrl-C; every README command works with them
	@$(PY) -m sandbox serve

spark: venv  ## install the Spark on which the sandbox runs Glue jobs, once (needs Java 17 and Maven)
	@$(PY) -m sandbox.spark

package: venv  ## build the functions' zips and put_items.pyz into build/ (reproducible; ARCH=arm64 or x86_64)
	@$(PY) -m scripts.build.package --arch $(or $(ARCH),arm64)

generate: venv  ## write every generated file: templates' regions, single-account.yaml, docs/generated/
	@$(PY) -m scripts.build.generate

golden: venv  ## rewrite the tests' expected rows and results; check the difference, then run make test-athena
	@$(PY) -m tests.unit.transform.golden_rows
	@$(PY) -m tests.sql.answers

bench: venv  ## measure the function's throughput and that of its peers, in one run
	@$(PY) -m benchmarks

lock: venv  ## compile requirements/*.lock from requirements/*.in
	@for input in requirements/*.in; do \
	  $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    $$input -o $${input%.in}.lock || exit 1; \
	done

clean:  ## delete the environments and everything built
	rm -rf $(VENV) $(DEPLOY_VENV) build .mypy_cache .pytest_cache .ruff_cache .hypothesis
