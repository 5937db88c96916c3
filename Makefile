# TraceTwin. `make demo` shows it, `make test` proves it; the rest is listed by `make help`.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
export CARGO_TARGET_DIR ?= $(CURDIR)/target
export TRACETWIN_SHARED ?= $(abspath $(CURDIR)/../shared)
TRACETWIN = $(CARGO_TARGET_DIR)/debug/tracetwin
OUT ?= out

.PHONY: help setup build demo test baseline bench bench-pool bench-des validate-des cycles study bless lint

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## Debian packages for software Vulkan and PostgreSQL, the ONNX Runtime library (idempotent)
	@bash scripts/setup.sh

# One build for everything: the same packages and features as the tests, so that nothing is compiled twice.
build: setup ## the command and all tests
	$(CARGO) build --locked --workspace --all-targets

demo: build ## twenty packages dropped, photographed, read, reconciled; ends with a table and a report
	$(TRACETWIN) run scenarios/demo.toml --out $(OUT)/demo
	@echo "The report with the pictures: $(OUT)/demo/report.html"
	$(TRACETWIN) study scenarios/studies/outpatient-table1.toml --quick --out $(OUT)/table1 || test $$? -eq 1

test: build ## the whole fast suite, then the recognition regression over the frozen corpus
	$(CARGO) test --locked --workspace
	@mkdir -p $(OUT)
	$(TRACETWIN) regress --baseline tests/baselines/recognition.toml --junit $(OUT)/regress.xml

baseline: build ## heavy (about an hour): recall per band over many seeds of the demo and the closer view
	$(TRACETWIN) recall scenarios/demo.toml --seeds 12
	$(TRACETWIN) recall scenarios/closer.toml --seeds 30

bench: build ## criterion benches; the capture bench prints its ratio to Bevy's StandardMaterial
	$(CARGO) bench --locked --profile dev --workspace --bench capture --bench vision

bench-pool: setup ## throughput, p50/p99 and ratios of the pool on SQLite and PostgreSQL; no Bevy
	$(CARGO) bench --locked --profile dev -p scanner-core --bench pool

# Of these neither builds the twin. SimPy comes from PyPI into a virtual environment of its own; without it the ratio is left out, said so.
SIMPY = $(abspath $(OUT))/simpy

bench-des: ## speed of the event kernel beside SimPy's in the same run, and of a simulated day
	@$(SIMPY)/bin/python -c 'import simpy' 2> /dev/null || { python3 -m venv $(SIMPY) && $(SIMPY)/bin/pip install --quiet simpy==4.1.1; } || true
	TRACETWIN_PYTHON=$(SIMPY)/bin/python $(CARGO) bench --locked --profile dev -p scenarios --no-default-features --bench des

validate-des: ## heavy: a thousand seeds of each queue against theory
	$(CARGO) test --locked -p scenarios --no-default-features --test queueing -- --ignored --nocapture --test-threads 1

CYCLES = scenarios/studies/cycles
DRUGS = bfgf minocycline amoxicillin tinidazole
LOADS = 2 5 10

cycles: build ## heavy (about half an hour): run the studies' capture cycles and gather them into their table
	for seed in $$(seq 10); do for drug in $(DRUGS); do \
	  $(TRACETWIN) run $(CYCLES)/cycle-$$drug.toml --seed $$seed --out $(OUT)/cycles/$$drug-$$seed > /dev/null; done; done
	for seed in $$(seq 5); do for load in $(LOADS); do \
	  $(TRACETWIN) run $(CYCLES)/cycle-$$load.toml --seed $$seed --out $(OUT)/cycles/$$load-$$seed > /dev/null; done; done
	$(TRACETWIN) cycles $(OUT)/cycles/* --scenario $(CYCLES)/cycle-*.toml --out $(CYCLES)/close-view.cycles.toml

STUDIES = outpatient-table1 outpatient-day outpatient-waiting central-pharmacy rural-clinic published-figures

study: ## the studies, without the twin (a figure that is not replicated is said, and does not fail this target)
	$(CARGO) build --locked -p scenarios --no-default-features
	for study in $(STUDIES); do \
	  $(TRACETWIN) study scenarios/studies/$$study.toml --out $(OUT)/$$study || test $$? -eq 1; done

bless: build ## accept what the reader reads now as the baseline (give the reason in the commit)
	$(TRACETWIN) regress --baseline tests/baselines/recognition.toml --bless

lint: ## formatting, clippy as errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
