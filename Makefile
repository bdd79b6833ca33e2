# `make demo` and `make test` do all their own set-up on a machine with Python >= 3.10 and make.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
CONFIG ?= models/multitask/esmm/config.yaml
MINUTES ?= 10

.PHONY: help demo test thorough torture bench lab lint format reference clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo: $(VENV)/installed  ## train ESMM on the bundled data, evaluate it, print the table, export it, write a report
	$(BIN)/python -u tools/trainer.py -m $(CONFIG)
	$(BIN)/python -u tools/infer.py -m $(CONFIG)
	$(BIN)/python -u tools/export.py -m $(CONFIG)
	$(BIN)/python -u tools/report.py -m $(CONFIG)

test: $(VENV)/installed-dev  ## the test suite
	$(BIN)/python -m pytest -n auto --dist loadfile

thorough: $(VENV)/installed-dev  ## the long tests that it leaves out
	$(BIN)/python -m pytest -n auto --dist loadfile -m thorough

torture: $(VENV)/installed-dev  ## the fuzz and fault tests with new seeds, for MINUTES=10
	$(BIN)/python tests/robustness/torture.py --minutes $(MINUTES)

bench: $(VENV)/installed-dev  ## measure speed (9 minutes)
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/dropin.py

lab: $(VENV)/installed  ## entire-space methods in simulated worlds, to OUT=lab (2 hours; goes on where it was stopped)
	$(BIN)/python benchmarks/lab.py $(or $(OUT),lab)

lint: $(VENV)/installed-dev  ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/installed-dev  ## let ruff put code in shape
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

reference: $(VENV)/installed  ## renew the pages that a command prints
	{ echo '# Reference of the `data` section'; echo; \
	  echo 'What `python tools/trainer.py --help data` prints, written here by `make reference`. What each is for:'; \
	  echo '[features](features.md), [your table](your-table.md).'; echo; \
	  echo '```text'; $(BIN)/python tools/trainer.py --help data; echo '```'; } > docs/reference-data.md

clean:  ## remove the virtual environment, caches and the demo's output
	rm -rf $(VENV) bench output_model* .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed: make PYTHON=python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt requirements-export.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-export.txt
	touch $@

$(VENV)/installed-dev: $(wildcard requirements*.txt) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@
