# TraceTwin. `make demo` shows it, `make test` proves it; the rest is listed by `make help`.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
export CARGO_TARGET_DIR ?= $(CURDIR)/target
export TRACETWIN_SHARED ?= $(abspath $(CURDIR)/../shared)
TRACETWIN = $(CARGO_TARGET_DIR)/debug/tracetwin
OUT ?= out
FIDELITY_ENV ?= $(CARGO_TARGET_DIR)/fidelity-env

SCENARIO ?= scenarios/demo.toml

.PHONY: help setup build demo view test test-view baseline test-sets test-coarse bench bench-pool bench-des validate-des cycles study bless lint fidelity torture fuzz train curves curves-quick

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## Debian packages for software Vulkan and PostgreSQL, the ONNX Runtime library (idempotent)
	@bash scripts/setup.sh

# One build for everything: the same packages and features as the tests, so that nothing is compiled twice.
build: setup ## the command and all tests
	$(CARGO) build --locked --workspace --all-targets

# Capture cycles of one package each, two at a time: DRUGS × CYCLES_EACH folders below the given one.
ONE_PACKAGE = for drug in $(DRUGS); do for seed in $$(seq $(CYCLES_EACH)); do echo $$drug $$seed; done; done \
	| xargs -P 2 -L 1 sh -c '$(TRACETWIN) run $(CYCLES)/cycle-$$1.toml --seed $$2 --out $$0/$$1-$$2 > /dev/null 2> $$0/$$1-$$2.log || { cat $$0/$$1-$$2.log; exit 255; }'

demo: build ## twenty packages dropped, photographed, read, reconciled, with a report; then forty cycles of one package, and Table 1 of the outpatient study drawn from them
	$(TRACETWIN) run scenarios/demo.toml --out $(OUT)/demo
	@echo "The report with the pictures: $(OUT)/demo/report.html"
	@rm -rf $(OUT)/demo-cycles && mkdir -p $(OUT)/demo-cycles
	@echo "$(CYCLES_EACH) cycles of one package for each of $(DRUGS) ..."
	@$(ONE_PACKAGE) $(OUT)/demo-cycles
	$(TRACETWIN) cycles $(OUT)/demo-cycles/*/ --scenario $(DRUGS:%=$(CYCLES)/cycle-%.toml) --out $(OUT)/demo.cycles.toml
	$(TRACETWIN) study scenarios/studies/outpatient-table1.toml --quick --cycles $(OUT)/demo.cycles.toml --out $(OUT)/table1 || test $$? -eq 1

# Kept beside the other one; not built with the tests, whose dependencies would have Bevy compiled once more.
WINDOW = $(TRACETWIN)-view

$(WINDOW): setup
	$(CARGO) build --locked --workspace --features scenarios/viewer --bin tracetwin
	cp $(TRACETWIN) $(WINDOW)

view: $(WINDOW) ## a window onto SCENARIO (default the demo): drop, turntable, lamps, cameras; some 45 CPU minutes to build the first time
	$(WINDOW) view $(SCENARIO)

test-view: $(WINDOW) ## the window, on a display of its own, driven by keys and mouse (needs Xvfb and xdotool); leaves pictures of it in OUT/view
	@which Xvfb xdotool > /dev/null || { echo 'Xvfb and xdotool are needed: as root, apt-get install xvfb xdotool libxkbcommon-x11-0 libxcursor1 libxi6 libxrandr2' >&2; exit 3; }
	TRACETWIN_VIEW=$(WINDOW) TRACETWIN_PICTURES=$(abspath $(OUT))/view $(CARGO) test --locked --workspace --test viewer -- --include-ignored

test: build ## the whole fast suite, then the recognition regression over the frozen corpus and the frozen data sets
	$(CARGO) test --locked --workspace
	@mkdir -p $(OUT)
	$(TRACETWIN) regress --baseline tests/baselines/recognition.toml --junit $(OUT)/regress.xml
	$(TRACETWIN) sets scenarios/sets/sets.toml

baseline: build ## heavy (about an hour): recall per band over many seeds of the demo and the closer view
	$(TRACETWIN) recall scenarios/demo.toml --seeds 12
	$(TRACETWIN) recall scenarios/closer.toml --seeds 31

MINUTES ?= 180
TALLY ?= $(OUT)/test-sets.jsonl

test-sets: build ## heavy (MINUTES, 180): recall of views and of whole cycles over the frozen test sets, as many of their loads as there is time for; goes on from TALLY
	@mkdir -p $(dir $(TALLY))
	$(TRACETWIN) recall scenarios/sets/sets.toml --set test-far --set test-close --seeds 2000 --minutes $(MINUTES) --tally $(TALLY)

COARSE_TALLY ?= $(OUT)/test-coarse.jsonl

test-coarse: build ## heavy (MINUTES): the same with a quarter of the pixels, codes at 0.4 to 1.1 px per module; goes on from COARSE_TALLY
	@mkdir -p $(dir $(COARSE_TALLY))
	$(TRACETWIN) recall scenarios/sets/sets.toml --set test-coarse --seeds 2000 --minutes $(MINUTES) --tally $(COARSE_TALLY)

bench: build ## criterion benches; the capture bench prints its ratio to Bevy's StandardMaterial
	$(CARGO) bench --locked --profile dev --workspace --bench capture --bench vision

bench-pool: setup ## throughput, p50/p99 and ratios of the pool on SQLite and PostgreSQL; no Bevy
	$(CARGO) bench --locked --profile dev -p scanner-core --bench pool

torture: ## heavy: a thousand kill -9 and a thousand power losses of a pool; TRACETWIN_SEED repeats, TRACETWIN_TORTURE says how many
	$(CARGO) test --locked -p scanner-core --test pool_kill --test pool_power -- --ignored --nocapture

CURVES_ENV ?= $(CARGO_TARGET_DIR)/curves-env
# Where ONNX Runtime was not set up, the bench says so and locates by gradients.
CURVES = TRACETWIN_SHARED=$(TRACETWIN_SHARED) ORT_DYLIB_PATH=$${ORT_DYLIB_PATH:-$(CURDIR)/vendor/onnxruntime/libonnxruntime.so} \
	$(CARGO) bench --locked --profile dev -p scanner-core --bench curves

# Without a cmake of the system, one from PyPI in a virtual environment of its own builds zxing-cpp.
curves: ## heavy (hours): recall and misreads of the reader by px per module, beside zxing-cpp, zbar and rxing on the same pictures; no Bevy
	@which c++ > /dev/null || { echo 'A compiler of C++20 is needed: as root, apt-get install g++' >&2; exit 3; }
	@which cmake > /dev/null || test -x $(CURVES_ENV)/bin/cmake || { python3 -m venv $(CURVES_ENV) && $(CURVES_ENV)/bin/pip install --quiet cmake; }
	PATH=$$PATH:$(CURVES_ENV)/bin $(CURVES) --features peers -- --full --out $(abspath $(OUT))/curves $(CURVES_OPTIONS)

curves-quick: ## three minutes of the same, without other readers but rxing
	$(CURVES) -- --quick --out $(abspath $(OUT))/curves-quick $(CURVES_OPTIONS)

FUZZ_SECONDS ?= 120
FUZZ_TARGETS = codes relation_file fhir_orders csv_orders dialect platform_answer

# Without a fuzzer the same targets run all the same, on random changes of their corpora: less is found, but what is found counts.
fuzz: ## fuzz every parser, FUZZ_SECONDS each: by cargo-fuzz with a nightly toolchain, else by random changes, said so; TRACETWIN_SEED repeats those
	@if $(CARGO) +nightly fuzz --version > /dev/null 2>&1; then \
	  for target in $(FUZZ_TARGETS); do \
	    $(CARGO) +nightly fuzz run --fuzz-dir fuzz $$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=4096 || exit 1; done; \
	else \
	  echo 'fuzz: no coverage-guided fuzzer here: cargo-fuzz or a nightly toolchain is missing (rustup toolchain install nightly; cargo install cargo-fuzz).' >&2; \
	  echo 'fuzz: the same targets run on random changes of their corpora instead.' >&2; \
	  FUZZ_SECONDS=$(FUZZ_SECONDS) $(CARGO) test --locked -p scanner-core --test fuzz -- --ignored --nocapture; fi

# Of these neither builds the twin. SimPy comes from PyPI into a virtual environment of its own; without it the ratio is left out, said so.
SIMPY = $(abspath $(OUT))/simpy

bench-des: ## speed of the event kernel beside SimPy's in the same run, and of a simulated day
	@$(SIMPY)/bin/python -c 'import simpy' 2> /dev/null || { python3 -m venv $(SIMPY) && $(SIMPY)/bin/pip install --quiet simpy==4.1.1; } || true
	TRACETWIN_PYTHON=$(SIMPY)/bin/python $(CARGO) bench --locked --profile dev -p scenarios --no-default-features --bench des

validate-des: ## heavy: a thousand seeds of each queue against theory
	$(CARGO) test --locked -p scenarios --no-default-features --test queueing -- --ignored --nocapture --test-threads 1

CYCLES = scenarios/studies/cycles
CYCLES_EACH = 10
DRUGS = bfgf minocycline amoxicillin tinidazole
LOADS = 2 5 10

cycles: build ## heavy (some ten minutes): run the studies' capture cycles and gather them into their table
	@rm -rf $(OUT)/cycles && mkdir -p $(OUT)/cycles
	@$(ONE_PACKAGE) $(OUT)/cycles
	for seed in $$(seq 5); do for load in $(LOADS); do \
	  $(TRACETWIN) run $(CYCLES)/cycle-$$load.toml --seed $$seed --out $(OUT)/cycles/$$load-$$seed > /dev/null; done; done
	$(TRACETWIN) cycles $(OUT)/cycles/*/ --scenario $(CYCLES)/cycle-*.toml --out $(CYCLES)/close-view.cycles.toml

STUDIES = outpatient-table1 outpatient-day outpatient-waiting central-pharmacy rural-clinic published-figures

study: ## the studies, without the twin (a figure that is not replicated is said, and does not fail this target)
	$(CARGO) build --locked -p scenarios --no-default-features
	for study in $(STUDIES); do \
	  $(TRACETWIN) study scenarios/studies/$$study.toml --out $(OUT)/$$study || test $$? -eq 1; done

fidelity: build ## heavy (about half an hour): the twin's renderer beside Mitsuba 3; ends with a report
	@python3 -c 'import ctypes; ctypes.CDLL("libLLVM-19.so.1")' 2>/dev/null || { echo 'Mitsuba needs LLVM 19: as root, apt-get install libllvm19' >&2; exit 3; }
	@test -x $(FIDELITY_ENV)/bin/python || python3 -m venv $(FIDELITY_ENV)
	@$(FIDELITY_ENV)/bin/python -c 'import mitsuba' 2>/dev/null || $(FIDELITY_ENV)/bin/pip install --quiet mitsuba==3.9.1 numpy
	$(TRACETWIN) fidelity export scenarios/demo.toml --scenes 10 --out $(OUT)/fidelity
	$(FIDELITY_ENV)/bin/python scripts/fidelity/render.py $(OUT)/fidelity
	$(TRACETWIN) fidelity compare $(OUT)/fidelity
	@echo "The report with both pictures: $(OUT)/fidelity/report.html"

# PyTorch comes from PyPI into a virtual environment of its own (5 GB). What comes out is embedded by copying it to scanner-core/models/.
TRAIN_ENV ?= $(CARGO_TARGET_DIR)/train-env
TRAIN_MINUTES ?= 240
# The model that training goes on from; empty to begin afresh.
TRAIN_START ?= scanner-core/models/detector.onnx
TRAIN_DATA = $(OUT)/detector
SETS = scenarios/sets/sets.toml

train: build ## heavy (hours): render the training sets, train the detector of codes and the net that tells packages apart, measure both on the validation sets
	@test -x $(TRAIN_ENV)/bin/python || python3 -m venv $(TRAIN_ENV)
	@$(TRAIN_ENV)/bin/python -c 'import torch, onnx, onnxruntime, cv2' 2>/dev/null || $(TRAIN_ENV)/bin/pip install --quiet -r scanner-core/training/requirements.txt
	$(TRACETWIN) dataset $(SETS) --set training-far --per-load 4 --count 400 --out $(TRAIN_DATA)/training-far
	$(TRACETWIN) dataset $(SETS) --set training-close --per-load 4 --count 72 --out $(TRAIN_DATA)/training-close
	@mkdir -p $(TRAIN_DATA)/matrix-rich
	sed 's/^data_matrix_share = 0.1$$/data_matrix_share = 0.8/' scenarios/catalogues/pharmacy.toml > $(TRAIN_DATA)/matrix-rich/pharmacy.toml
	for view in far close; do sed 's#"\.\./rigs/#"$(CURDIR)/scenarios/rigs/#; s#"\.\./catalogues/#"#; s/"frozen-/"matrix-/' scenarios/sets/$$view.toml \
	  > $(TRAIN_DATA)/matrix-rich/$$view.toml; done
	$(TRACETWIN) dataset $(TRAIN_DATA)/matrix-rich/far.toml --first-seed 1060000 --per-load 4 --count 240 --out $(TRAIN_DATA)/matrix-far
	$(TRACETWIN) dataset $(TRAIN_DATA)/matrix-rich/close.toml --first-seed 1160000 --per-load 4 --count 80 --out $(TRAIN_DATA)/matrix-close
	$(TRACETWIN) dataset $(SETS) --set validation-far --per-load 4 --count 40 --out $(TRAIN_DATA)/validation-far
	$(TRACETWIN) dataset $(SETS) --set validation-close --per-load 4 --count 30 --out $(TRAIN_DATA)/validation-close
	$(TRAIN_ENV)/bin/python scanner-core/training/train.py $(TRAIN_DATA)/training-far $(TRAIN_DATA)/training-close $(TRAIN_DATA)/matrix-far $(TRAIN_DATA)/matrix-close \
	  --out $(TRAIN_DATA)/model --minutes $(TRAIN_MINUTES) --side 448 --steps 26000 --rate 1.5e-3 --seed 2 $(TRAIN_START:%=--start %)
	$(TRAIN_ENV)/bin/python scanner-core/training/evaluate.py $(TRAIN_DATA)/model/detector.onnx $(TRAIN_DATA)/validation-far $(TRAIN_DATA)/validation-close
	$(TRACETWIN) dataset $(SETS) --set training-far --per-load 4 --count 204 --out $(TRAIN_DATA)/packages-far
	$(TRACETWIN) dataset $(SETS) --set training-close --per-load 4 --count 72 --out $(TRAIN_DATA)/packages-close
	$(TRAIN_ENV)/bin/python scanner-core/training/train_packages.py $(TRAIN_DATA)/packages-far $(TRAIN_DATA)/packages-close --out $(TRAIN_DATA)/packages --steps 1600 --batch 6 --ways 1 --seed 1
	$(TRAIN_ENV)/bin/python scanner-core/training/evaluate_packages.py $(TRAIN_DATA)/packages/packages.onnx $(TRAIN_DATA)/validation-far $(TRAIN_DATA)/validation-close

bless: build ## accept what the reader reads and what the data sets are now (give the reason in the commit)
	$(TRACETWIN) regress --baseline tests/baselines/recognition.toml --bless
	$(TRACETWIN) sets scenarios/sets/sets.toml --bless

lint: ## formatting, clippy as errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
