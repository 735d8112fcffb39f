# Every target sets up what it needs: Python 3.11 or newer, venv and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCKED := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test check bench lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: $(READY) ## both paths over a small synthetic shop, then the report (under two minutes)
	@$(BIN)/cutover demo

test: $(READY) check ## lint, types, import contracts and every test
	@$(BIN)/pytest --numprocesses 3 --dist loadfile

check: $(READY) ## lint, types and import contracts only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY) ## the Monday benchmark at 100,000 users
	@$(BIN)/python -m benchmarks.monday --users 100000

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
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --no-build-isolation --editable .
	@touch $(READY)
