# One file for people and CI. `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Tests use the debug binary; `make up` and the benches the quick profile; packages the release profile.
QUICK := target/quick/agent
export CARGO_TERM_COLOR ?= auto

.PHONY: help up down test build lint unit namespaced e2e controlplane bench man deny typos deps-run deps-test clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: deps-run ## install what is missing, build, start a node and a sample pod
	@scripts/build-quick
	@scripts/up

down: ## stop what `make up` started and remove every trace of it
	@scripts/down

test: deps-test lint ## all checks and tests: format, clippy, unit, namespace, end-to-end
	@scripts/run-tests unit namespaced e2e controlplane

build: ## the debug binary
	cargo build -p agent

lint: ## format and clippy, warnings are errors
	@scripts/have-rust-tools
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings

unit: ## tests beside the code; need no root
	@scripts/run-tests unit

namespaced: deps-test ## kernel tests in private network namespaces (root)
	@scripts/run-tests namespaced

e2e: deps-test ## end-to-end tests on real containerd (root)
	@scripts/run-tests e2e

controlplane: deps-test ## the API server with real clients and real etcd
	@scripts/run-tests controlplane

bench: deps-test ## every bench, as tables (about ten minutes); see docs/benchmarks.md
	@scripts/bench

man: build ## man pages and completions under target/man and target/completions
	target/debug/agent man target/man
	@mkdir -p target/completions
	@for s in bash zsh fish; do target/debug/agent completions $$s > target/completions/agent.$$s; done

deny: ## licences, advisories and banned crates (needs cargo-deny and its database)
	cargo deny --all-features check

typos: ## spelling (needs typos)
	typos

deps-run: ## packages that a node needs
	@scripts/deps run

deps-test: ## packages that the tests need
	@scripts/deps run test

clean: ## remove build output
	cargo clean
