# make demo   the whole city on this machine: simulator, edge agents, broker, central, page
# make test   every test; installs what the tests need (as root, through apt) when it is missing
# make test TEST_WORKERS=4 TEST_ARGS="tests/e2e -x"   so many run side by side, for most of them wait; 0: one by one
# make check  formatting, lint, types
# make bench BENCH=edge|ingest|wire|outage|drain|commissioning|autonomy|switch|public|pages|alerts|accounting|peak
# make screenshots   pictures of the main pages in var/screenshots, of a synthetic city that it starts
# make dashboards-check   every query of Grafana's boards against InfluxDB with a simulated month (about a minute)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_ARGS ?=
TEST_WORKERS ?= 4
TEST_ARGS ?=
BENCH ?= wire
BENCH_ARGS ?=
SCREENSHOT_ARGS ?=

.PHONY: help install demo test check format bench docs screenshots dashboards-check clean
help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (about a minute the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[edge,central,sim,dashboards,study,dev]'
	@touch $@

demo: install
	@$(BIN)/shelter-demo $(DEMO_ARGS)

test: install
	@sh tests/install_system_parts.sh
	@sh tests/install_oracles.sh
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup --no-loadscope-reorder $(TEST_ARGS)

check: install
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/shelter-profiles lint
	@$(BIN)/python -m contract.asyncapi --check docs/asyncapi.yaml
	@$(BIN)/python -m device_profiles.document --check docs/devices.md
	@$(BIN)/shelter-dashboards build --check

format: install
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: install
	@$(BIN)/python -m contract.asyncapi > docs/asyncapi.yaml
	@$(BIN)/python -m device_profiles.document > docs/devices.md

bench: install
	@$(BIN)/python -m bench.$(BENCH) $(BENCH_ARGS)

screenshots: install
	@$(BIN)/python -m demo.screenshots $(SCREENSHOT_ARGS)

dashboards-check: install
	@sh tests/install_system_parts.sh
	@$(BIN)/python -m tests.dashboards.month

clean:
	rm -rf $(VENV) .venv-oracles build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis var
