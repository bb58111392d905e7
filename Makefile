# The tasks of CONTRIBUTING.md. `make` alone lists them.
#
# They use the virtual environment that is active, else .venv, which `make setup` makes:
# `make test VENV=/other/place` names another one.
VENV ?= $(or $(VIRTUAL_ENV),.venv)
BIN = $(VENV)/bin
ROOT = $(if $(filter 0,$(shell id -u)),,sudo)

.DEFAULT_GOAL = help
.PHONY: help setup test netns lint format type all fuzz bench pages golden news dist

help:
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 10

setup: ## an environment with all that the tasks need, and the hooks of git
	test -x $(BIN)/pip || python3 -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e '.[test,plot,dev]'
	$(BIN)/pre-commit install -t pre-commit -t pre-push

test: ## tests that need no privilege
	$(BIN)/pytest -q -n auto --dist loadfile -m "not netns and not qemu and not bench"

netns: ## tests against this kernel, in network namespaces (as root)
	$(ROOT) $(BIN)/pytest -q -n 3 --dist loadfile -m "netns and not bench" --require-netns

lint: ## style and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: ## write the code in its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

type: ## types, tests included
	$(BIN)/mypy

all: ## all of it, as CI does
	sh scripts/with-venv tox

fuzz: ## every door to the outside for a minute (docs/fuzzing.md)
	$(BIN)/tox run -e fuzz

bench: ## measurements, as ratios in one run
	$(BIN)/tox run -e bench

pages: ## print the pages of docs/ that come from tables
	$(BIN)/python -m docs.tools.rules_page > docs/rules.md.new
	mv docs/rules.md.new docs/rules.md
	$(BIN)/python -m docs.tools.host_page docs/measured/agreement.json > docs/host-behaviour.md.new
	mv docs/host-behaviour.md.new docs/host-behaviour.md
	$(BIN)/python -m docs.tools.trace_page > docs/trees.md.new
	mv docs/trees.md.new docs/trees.md

golden: ## write what `analyze` is expected to say anew; read the difference
	$(BIN)/python -m tests.golden.test_analysis_of_captures

news: ## show what the next release will say
	$(BIN)/towncrier build --draft --version next

dist: ## wheel and source archive, in dist/
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build
