# `make quickstart` and `make test` work on a bare machine with Python 3.11 or newer, pip, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS ?= runs

.PHONY: install quickstart test tables lint types format clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

quickstart: install
	$(BIN)/attnbench run -m experiment=quickstart out=$(RUNS)

test: export OMP_NUM_THREADS := 1  # two workers on two cores: threads of their own would only get in each other's way
test: install lint types
	$(BIN)/python -m pytest -n 2 --dist worksteal

tables: install
	for folder in benchmarks/results/*/; do $(BIN)/attnbench compare $$folder || exit 1; done
	$(BIN)/python -m attnbench.benchmarks.readme README.md docs/results.md docs/speed.md

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
