# Everything from a bare clone: `make demo` and `make test` make their own environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
INSTALLED := $(VENV)/.installed
BROWSER := $(VENV)/.browser
# Libraries are not compiled ahead: only a part of them is ever imported.
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt
export OMP_NUM_THREADS ?= 1

.PHONY: help install check test test-browser test-ray test-slurm test-vllm format demo bench clean

help:
	@echo "make demo    a needle heatmap with the embedded model (makes the environment first)"
	@echo "make test    tests (makes the environment first, or completes that of make demo)"
	@echo "make test-browser  tests of the report page and of the chat's page in the system's Chromium (some 5 minutes)"
	@echo "make test-ray  tests of replicas on a local Ray (some 6 minutes)"
	@echo "make test-slurm  tests of the recipes for Slurm, where it is installed (some 3 minutes)"
	@echo "make test-vllm  tests with real vLLM, in an environment of its own (3 GB)"
	@echo "make check   formatter, linter, types, import layers"
	@echo "make bench   benchmarks of speed, by hand"

$(RUNS): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[hf]'
	touch $@

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[hf,dev]'
	touch $(RUNS) $@

$(BROWSER): $(INSTALLED)
	$(PIP) -e '.[hf,dev,browser,web]'
	touch $@

install: $(INSTALLED)

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(INSTALLED)
	$(BIN)/pytest -n 2 --ignore=tests/browser --ignore=tests/ray --ignore=tests/slurm

# A browser that stops answering is killed and its test runs once more; what still hangs ends the tests with a stack.
test-browser: $(BROWSER)
	@$(BIN)/python tests/browser/chromium.py
	$(BIN)/pytest tests/browser --reruns 1 --only-rerun TargetClosedError -o faulthandler_timeout=180 -o faulthandler_exit_on_timeout=true

# The longest takes some two minutes, a multiple of that where others use the processors too.
test-ray: $(INSTALLED)
	$(BIN)/pytest tests/ray -o faulthandler_timeout=900 -o faulthandler_exit_on_timeout=true

test-slurm: $(INSTALLED)
	$(BIN)/pytest tests/slurm

test-vllm:
	PYTHON=$(PYTHON) tests/vllm/make_environment.sh .venv-vllm
	.venv-vllm/bin/python -m pytest tests/vllm

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demo: $(RUNS)
	$(BIN)/evalkit demo

bench: $(INSTALLED)
	for file in tests/performance/bench_*.py; do $(BIN)/python $$file || exit 1; done

clean:
	rm -rf $(VENV) .venv-vllm dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
