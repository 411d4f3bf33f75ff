# The one door to the project: every target sets up what it needs on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup tflite demo test test-all lint types bench clean

setup: $(READY)

# torch comes first and alone: asked for together with other packages, pip may choose a newer build.
$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

# The converter that writes TFLite files, in an environment of its own (about 2 GB).
tflite: setup
	$(BIN)/edgeprune setup tflite

demo: setup
	$(BIN)/edgeprune run examples/digits.yaml --run-dir runs/digits

test: setup
	$(BIN)/python -m pytest -n 2 -m 'not slow'

test-all: setup
	$(BIN)/python -m pytest -n 2

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

bench: setup
	@for file in benchmarks/*.py; do $(BIN)/python $$file --quick --json || exit 1; done

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache
