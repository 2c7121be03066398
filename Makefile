# Befit's commands. `make demo` and `make test` are all a fresh machine needs: Python 3.11
# or newer and make. Everything is installed into .venv beside this file, from locked
# requirements whose hashes are checked; nothing else on the machine is touched.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip -qq --disable-pip-version-check

# A stamp is good for one place only: a virtual environment does not survive a move.
PLACE := $(shell pwd | cksum | cut -d ' ' -f 1)
CORE := $(VENV)/stamps/core-$(PLACE)
DEV := $(VENV)/stamps/dev-$(PLACE)

# Most tests start processes and wait for them, so two files run side by side. A worker that
# crashes ends the run: what it had left would be waited for in vain.
SPREAD := -n 2 --dist loadfile --max-worker-restart 0

say = @printf '==> %s\n' "$(1)" >&2

.PHONY: help
help: ## Show what there is to run
	@printf 'make <target>:\n'
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  \1	\2/p' Makefile | expand -t 14

.PHONY: demo
demo: $(CORE) ## Install the core, fetch the small models, play the demo
	$(call say,demo: fetching the small models (once) and playing the scenes)
	@$(VENV)/bin/befit pull
	@$(VENV)/bin/befit demo $(ARGS)

.PHONY: test
test: $(DEV) ## Install the development tools, fetch the small models, run the tests
	$(call say,test: fetching the small models (once) and running the tests)
	@$(VENV)/bin/befit pull
	@$(PY) -m pytest $(SPREAD) $(ARGS)

.PHONY: heavy
heavy: $(DEV) ## Run the tests that take minutes
	$(call say,heavy: running the tests that take minutes)
	@$(VENV)/bin/befit pull
	@$(PY) -m pytest -m heavy $(SPREAD) $(ARGS)

.PHONY: lint
lint: style types ranks ## Check style, types and ranks

.PHONY: style
style: $(DEV) ## Check style and formatting (ruff)
	$(call say,style: ruff)
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check

.PHONY: types
types: $(DEV) ## Check types (basedpyright, strict)
	$(call say,types: basedpyright in strict mode)
	@$(PY) -m basedpyright

.PHONY: ranks
ranks: $(DEV) ## Check that imports only go down the ranks (import-linter)
	$(call say,ranks: import-linter over the rooms)
	@$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

.PHONY: docs
docs: $(DEV) ## Run the examples in README.md and docs/
	$(call say,docs: running the examples of README.md and docs/)
	@$(PY) -m pytest tests/docs -m 'heavy or not heavy' $(ARGS)

.PHONY: bench
bench: $(CORE) ## Print the gateway's figures (needs nginx and wrk)
	$(call say,bench: measuring the gateway beside nginx)
	@$(PY) -m benchmarks.gateway --quick $(ARGS)

.PHONY: ci
ci: ## Run everything that CI runs
	@bash .ci/run

.PHONY: exports
exports: $(DEV) ## Record the rooms' public names after a wanted change
	$(call say,exports: writing tests/structure/exports.json)
	@$(PY) tests/structure/exports.py

.PHONY: lock
lock: $(DEV) ## Resolve the requirements anew (UPGRADE=1 takes the newest versions)
	$(call say,lock: resolving requirements/core.lock and requirements/dev.lock)
	@$(PY) requirements/lock.py $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## Remove what was built here: .venv, caches, the demo's workspace
	$(call say,clean: removing .venv and caches and the demo's workspace)
	@rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist demo-workspace
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up -----------------------------------------------------------------------------

$(PY):
	$(call say,set-up: creating .venv)
	@requirements/make-venv $(VENV)

$(CORE): requirements/core.lock pyproject.toml | $(PY)
	$(call say,set-up: installing Befit's core into .venv (about a minute))
	@$(PIP) install --require-hashes -r requirements/core.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@mkdir -p $(@D) && touch $@

$(DEV): requirements/dev.lock pyproject.toml | $(PY)
	$(call say,set-up: installing Befit and the development tools into .venv (about a minute))
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@mkdir -p $(@D) && touch $@ $(CORE)
