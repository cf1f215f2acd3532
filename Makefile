# natter: `make up` runs it, `make test` tests it. Needs Python 3.11 or newer, make and git; asks nothing.
#   make up ARGS="--c2s 0.0.0.0:5222"      any flag of `natter up`
#   make test ARGS="tests/router -x"       any argument of pytest, in place of: two processes, everything
#   make test-image BASE=debian            built on a Debian made for it, not on the pinned base

SHELL := /bin/sh
DATA ?= data
ARGS ?=
BASE ?= pinned

# The first Python on PATH that is new enough, by its real path (a pyenv shim is a script, not an interpreter).
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; print(sys.executable) if sys.version_info >= (3, 11) else sys.exit(1)' 2>/dev/null && break; done)
BIN := .venv/bin
STAMP := .venv/.synced
TOOLS := .venv-tools
MEMBERS := $(wildcard pyproject.toml proto/pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml)

.PHONY: help up test test-k8s test-image lint bench chaos soak clean

help:
	@echo "make up      prepare everything, run natter in the foreground (ARGS= flags of natter up, DATA= folder)"
	@echo "make test    prepare everything, run the tests (ARGS= arguments of pytest)"
	@echo "make test-k8s  the chart against a real kube-apiserver, which Go builds once (a quarter of an hour)"
	@echo "make test-image  the Dockerfile built by BuildKit, every service run from it: as root, 8 GB of disk for minutes"
	@echo "             (BASE=debian where the pinned base cannot be pulled; ARGS= arguments of pytest)"
	@echo "make lint    ruff, mypy, import contracts, generated files"
	@echo "make bench   compare with other servers (ARGS= see docs)"
	@echo "make chaos   every fault under four seeds (ARGS= --seeds 5,6 --faults 'kill;freeze' --jobs 2)"
	@echo "make soak    ten minutes of steady load, the memory of every process (ARGS= --minutes 60)"
	@echo "make clean   remove what was prepared; data stays"

up: $(STAMP)
	@exec $(BIN)/natter up --data $(DATA) $(ARGS)

test: $(STAMP)
	@$(BIN)/python -m pytest $(if $(ARGS),$(ARGS),-n 2 --dist loadfile)

test-k8s: $(STAMP)
	@NATTER_K8S=1 $(BIN)/python -m pytest tests/k8s $(ARGS)

test-image: $(STAMP)
	@$(BIN)/python tests/image --base $(BASE) $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(wildcard libs/*/src services/*/src)
	$(BIN)/lint-imports
	@for tool in tools/*.py; do echo "$(BIN)/python $$tool --check"; $(BIN)/python $$tool --check || exit 1; done

bench: $(STAMP)
	@$(BIN)/python tests/bench $(ARGS)

chaos: $(STAMP)
	@$(BIN)/python tests/chaos $(ARGS)

soak: $(STAMP)
	@$(BIN)/python tests/soak $(ARGS)

clean:
	rm -rf .venv $(TOOLS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# Only when a dependency changed: a second start needs neither time nor network.
$(STAMP): uv.lock $(MEMBERS)
	@test -n "$(PYTHON)" || { echo "natter needs Python 3.11 or newer as python3 on PATH"; exit 1; }
	@echo "preparing .venv with $(PYTHON) (the first time takes a minute or two)"
	@if uv --version >/dev/null 2>&1; then uv=uv; else \
		if ! $(TOOLS)/bin/uv --version >/dev/null 2>&1; then \
			echo "installing uv into $(TOOLS)"; \
			"$(PYTHON)" -m venv $(TOOLS) && $(TOOLS)/bin/python -m pip install --quiet uv && echo '*' > $(TOOLS)/.gitignore \
			|| { echo "cannot install uv: install python3-venv, or uv itself (https://docs.astral.sh/uv)"; exit 1; }; \
		fi; uv=$(TOOLS)/bin/uv; fi; \
	UV_PYTHON="$(PYTHON)" UV_PYTHON_DOWNLOADS=never $$uv sync --frozen --all-packages
	@touch $@
