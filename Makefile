# The one door to the project: every target sets up what it needs on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup tflite cross demo test test-all test-min test-latest lock lint types docs docker-check bench clean

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

# The compilers for boards, for `edgeprune build`: 64- and 32-bit ARM (Debian, Ubuntu; about 300 MB).
CROSS := cmake make g++ g++-aarch64-linux-gnu libc6-dev-arm64-cross \
	g++-arm-linux-gnueabihf libc6-dev-armhf-cross qemu-user-static

cross:
	@dpkg -s $(CROSS) >/dev/null 2>&1 || { \
	    as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	    $$as_root apt-get update -qq && \
	    $$as_root apt-get install -qq -y --no-install-recommends $(CROSS) >/dev/null; }

demo: setup
	$(BIN)/edgeprune run examples/digit-pairs.yaml --run-dir runs/digit-pairs

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadscope -m 'not slow' --durations=25

test-all: setup
	$(BIN)/python -m pytest -n 2 --dist loadscope

# The lowest and the newest versions that pyproject.toml allows, each in an environment of its own.
# QUICK_TESTS=tests runs them all. KEEP= tries torch's lowest, or newest, as well: without a CPU build at hand that is gigabytes.
KEEP ?= torch torchvision
TOOLS := pytest pytest-timeout pytest-xdist hypothesis jsonschema onnxscript plotly pyyaml \
	'psycopg[binary]' torch-pruning
QUICK_TESTS ?= tests/test_import.py tests/test_tensors.py tests/config tests/history \
	tests/search tests/workloads tests/pipeline/test_run.py
TRY = -m pytest -p no:cacheprovider -m 'not slow' $(QUICK_TESTS)

test-min:
	$(PYTHON) -m venv $(VENV)-min
	$(VENV)-min/bin/python -m pip install --quiet packaging
	$(VENV)-min/bin/python dependencies/floors.py --keep $(KEEP) > $(VENV)-min/lowest.txt
	sed 's/==.*//' $(VENV)-min/lowest.txt > $(VENV)-min/names.txt
	$(VENV)-min/bin/python -m pip install --quiet --constraint $(VENV)-min/lowest.txt \
	    --requirement $(VENV)-min/names.txt $(TOOLS)
	PYTHONPATH=. $(VENV)-min/bin/python $(TRY)

test-latest:
	$(PYTHON) -m venv $(VENV)-latest
	grep -E "^($$(echo $(KEEP) | tr ' ' '|'))==" constraints.txt > $(VENV)-latest/kept.txt
	$(VENV)-latest/bin/python -m pip install --quiet --constraint $(VENV)-latest/kept.txt torch
	$(VENV)-latest/bin/python -m pip install --quiet --upgrade --constraint $(VENV)-latest/kept.txt \
	    '.[bocr,detection,hf,tflite,timm]' $(TOOLS)
	PYTHONPATH=. $(VENV)-latest/bin/python $(TRY)

# Hashes of everything in constraints.txt that a package index has.
lock: setup
	$(BIN)/python dependencies/hashes.py constraints.txt constraints-hashes.txt

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint --config docker/hadolint.yaml $(wildcard docker/*.Dockerfile)
	$(BIN)/shellcheck docker/scripts/*.sh edgeprune/deploy/runner/install.sh

types: setup
	$(BIN)/mypy

# Writes the page of settings from the schemas, and the site into site/; a broken link fails.
MKDOCS ?= $(BIN)/python -m mkdocs

docs: setup
	PYTHONPATH=. $(BIN)/python -m edgeprune.config.settings_page docs/settings.md
	NO_MKDOCS_2_WARNING=1 $(MKDOCS) build --strict

# Builds the images for ARM64 with a Docker engine of its own; needs Debian, root and 10 GB.
docker-check: setup
	PYTHONPATH=. $(BIN)/python docker/check.py

bench: setup
	@for file in benchmarks/*.py; do $(BIN)/python $$file --quick --json || exit 1; done

clean:
	rm -rf $(VENV) $(VENV)-min $(VENV)-latest runs site .pytest_cache .mypy_cache .ruff_cache
