# TraceTwin. `make demo` shows it, `make test` proves it; the rest is listed by `make help`.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
export CARGO_TARGET_DIR ?= $(CURDIR)/target
export TRACETWIN_SHARED ?= $(abspath $(CURDIR)/../shared)
TRACETWIN = $(CARGO_TARGET_DIR)/debug/tracetwin
OUT ?= out

.PHONY: help setup build demo test baseline bench bless lint

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## Debian packages for software Vulkan, the ONNX Runtime library (idempotent)
	@bash scripts/setup.sh

# One build for everything: the same packages and features as the tests, so that nothing is compiled twice.
build: setup ## the command and all tests
	$(CARGO) build --locked --workspace --all-targets

demo: build ## twenty packages dropped, photographed, read, reconciled; ends with a table and a report
	$(TRACETWIN) run scenarios/demo.toml --out $(OUT)/demo
	@echo "The report with the pictures: $(OUT)/demo/report.html"

test: build ## the whole fast suite, then the recognition regression over the frozen corpus
	$(CARGO) test --locked --workspace
	@mkdir -p $(OUT)
	$(TRACETWIN) regress --baseline tests/baselines/recognition.toml --junit $(OUT)/regress.xml

baseline: build ## heavy (about an hour): recall per band over many seeds of the demo and the closer view
	$(TRACETWIN) recall scenarios/demo.toml --seeds 12
	$(TRACETWIN) recall scenarios/closer.toml --seeds 30

bench: build ## criterion benches; the capture bench prints its ratio to Bevy's StandardMaterial
	$(CARGO) bench --locked --profile dev --workspace --bench capture --bench vision

bless: build ## accept what the reader reads now as the baseline (give the reason in the commit)
	$(TRACETWIN) regress --baseline tests/baselines/recognition.toml --bless

lint: ## formatting, clippy as errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
