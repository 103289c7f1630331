# The commands for people who work on the collection. All they write is in .venv, .venv-*, .cache and dist, in the
# temporary folder, and in ~/.ansible/test, where ansible-test keeps its virtual environments for every collection.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup demo test setup-tests lint sanity unit integration oldest truth molecule reliability bench docs build changelog clean

PYTHON_IN_VENV := .venv/bin/python
STEPS := $(PYTHON_IN_VENV) -m tests.tooling.steps

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## .venv with all tools; afterwards .venv/bin/ansible* know jdcloud.jcr from any folder (PYTHON=... to choose one)
	@python=$$(PYTHON="$(PYTHON)" sh tests/tooling/find_python.sh) && "$$python" -m tests.tooling.setup

demo: setup ## the whole way, provision to pull and run, against the emulator (KEEP=1 leaves it running for your playbooks)
	@$(PYTHON_IN_VENV) -m tests.demo $(if $(KEEP),--keep)

test: setup ## everything that has to pass; ends with one line of counts
	@$(STEPS) --counts setup-tests lint sanity unit integration oldest truth molecule build

setup-tests: setup ## programs that only the tests need (as root by apt-get), the vendor's own clients (.venv-jdc), an old Ansible (.venv-oldest)
	@$(STEPS) setup-tests

lint: setup ## ruff, yamllint, ansible-lint, antsibull-docs, antsibull-changelog, shellcheck
	@$(STEPS) setup-tests lint

sanity: setup ## ansible-test sanity, without an ignored finding
	@$(STEPS) setup-tests sanity

unit: setup ## tests without a Docker Engine: parts, emulator, conversations of both
	@$(STEPS) setup-tests unit

integration: setup ## modules and roles with a real Docker Engine
	@$(STEPS) setup-tests integration

oldest: setup ## some of these with the oldest ansible-core that the collection supports
	@$(STEPS) setup-tests oldest

truth: setup ## against the official SDK and CLI, docker, skopeo and Debian's registry
	@$(STEPS) setup-tests truth

molecule: setup ## the scenarios of extensions/molecule
	@$(STEPS) setup-tests molecule

reliability: setup ## parallel, killed and long runs
	@$(STEPS) setup-tests reliability

bench: setup ## figures beside their goals, as ratios measured in one run (CHAPTERS="tasks bulk …" for some of them)
	@$(STEPS) setup-tests
	@$(PYTHON_IN_VENV) -m tests.benchmarks $(CHAPTERS)

docs: setup ## the reference as HTML: dist/docs/html/index.html
	@$(STEPS) docs

build: setup ## the tarball for Ansible Galaxy in dist/, installed and verified once
	@$(STEPS) build

changelog: setup ## CHANGELOG.md from changelogs/fragments and the plugins
	@$(STEPS) changelog

clean: ## remove all that make wrote into the checkout
	@rm -rf .venv .venv-jdc .venv-oldest .cache dist .ansible .hypothesis tests/output
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
