# Every target sets up what it needs: Python 3.11 or newer, venv and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH_READY := $(VENV)/.bench-ready
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --no-compile --no-deps
COUNT := 100000
LOCKED := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

# Processes come and go all the time here, and compiling every module anew doubles what starting one costs.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check chaos soak bench lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: $(READY) ## both paths over a small synthetic shop, then the report (under two minutes)
	@$(BIN)/cutover demo

test: $(READY) check ## lint, types, import contracts and every test
	@$(BIN)/pytest --numprocesses 3 --dist loadscope

check: $(READY) ## lint, types and import contracts only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

chaos: $(READY) ## ten minutes of killed, frozen and restarted processes and servers, then the balance sheet
	@$(BIN)/python -m tests.chaos

bench: $(READY) $(BENCH_READY) ## every benchmark beside its peers, into docs/performance.md (about an hour)
	@$(BIN)/python -m benchmarks

soak: $(READY) ## 100,000 simulated schedules over all cores (an hour and a half; COUNT=1000: a minute)
	@$(BIN)/python -m tests.simulation --count $(COUNT)

lock: $(READY) ## resolve the constraints anew from pyproject.toml (needs uv in the venv: pip install uv)
	@$(BIN)/uv pip compile pyproject.toml --group dev $(LOCKED) --upgrade -o constraints.txt
	@$(BIN)/uv pip compile pyproject.toml --group bench $(LOCKED) --constraints constraints.txt \
		-o benchmarks/constraints.txt

clean: ## stop the embedded servers, delete .venv and .cutover
	@if [ -x $(BIN)/cutover ]; then $(BIN)/cutover down || true; fi
	rm -rf $(VENV) .cutover

# pip checks every hash; --no-deps because constraints.txt already is the whole closure.
$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cutover needs Python 3.11 or newer, found " + sys.version.split()[0])'
	@echo "Setting up $(VENV) (once, about half a minute) ..." >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r constraints.txt
	@$(BIN)/python $(PIP_INSTALL) --no-build-isolation --editable .
	@touch $(READY)

$(BENCH_READY): benchmarks/constraints.txt $(READY)
	@echo "Adding what the benchmarks compare with ..." >&2
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r benchmarks/constraints.txt
	@touch $(BENCH_READY)
