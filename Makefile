# The door to everything; `make help` lists it. Each target sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH_READY := $(VENV)/.ready-for-bench
PYTEST := $(BIN)/python -m pytest
# Prints where CircuitPython for the Pico lies, after downloading it once.
STOCK := PYTHONPATH=tests $(BIN)/python -c 'from emulator.stock import stock_uf2; print(stock_uf2())'
# The emulated Pico boots once per file, so files are what is shared out among the cores.
PARALLEL := -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup demo test quick check emulator image bench bench-quick hardware torture newcomer docs reference web clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: $(READY) ## put a virtual environment with everything into .venv

$(READY): pyproject.toml host_tools/hatch_build.py tools/system_packages.sh
	tools/system_packages.sh
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(READY)

demo: $(READY) ## live through a call at a simulated desk, in the browser
	$(BIN)/endcall demo

test: check ## every check and every test, the emulated Pico included
	$(PYTEST) $(PARALLEL)

quick: $(READY) ## the tests of every day, some minutes: core, device, host
	$(PYTEST) $(PARALLEL) tests/core tests/device tests/host

check: $(READY) ## format, lint, types, generated pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m endcall.reference --check
	$(BIN)/python host_tools/web/build.py --check

emulator: $(READY) ## the real CircuitPython on an emulated Pico
	$(PYTEST) $(PARALLEL) tests/emulator

image: $(READY) ## build/endcall.uf2: CircuitPython and a whole drive (RUNTIME=file.uf2 names the runtime)
	mkdir -p build
	$(BIN)/endcall image --runtime $(or $(RUNTIME),$$($(STOCK))) --output build/endcall.uf2

hardware: $(READY) ## build and check the hardware folder (installs KiCad)
	$(MAKE) -C hardware all check

reference: $(READY) ## write the generated pages in docs/ again
	$(BIN)/python -m endcall.reference
	$(BIN)/python -m endcall.card docs/card
	PYTHONPATH=tests $(BIN)/python -m web.golden
	$(BIN)/python host_tools/web/build.py

bench: $(BENCH_READY) ## measure on the emulated Pico, beside two programs of the usual kind (half an hour)
	PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

bench-quick: $(BENCH_READY) ## the same with few samples: whether it runs (three minutes)
	PYTHONPATH=tests $(BIN)/python -m bench --quick

$(BENCH_READY): $(READY) tests/bench/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/bench/requirements.txt
	touch $(BENCH_READY)

torture: $(READY) ## break it on purpose, for hours (ARGS=--short: for a minute; ARGS=--help)
	PYTHONPATH=tests $(BIN)/python -m torture $(ARGS)

newcomer: $(READY) ## follow the pages in a fresh clone: install, demo, tests, a device, an image (20 minutes)
	$(BIN)/python tools/newcomer.py

docs: $(READY) ## build/site: the documentation, with search
	NO_MKDOCS_2_WARNING=1 $(BIN)/python tools/documentation.py

web: $(READY) ## build the configurator's page for the browser
	$(BIN)/python host_tools/web/build.py

clean: ## remove everything that was built
	rm -rf build dist host_tools/web/node_modules $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis
