# Weir's front door. `make help` lists the targets; each is a few lines over a script of scripts/ that can be read alone.
# Options are variables: ARGS (for weir serve), ONLY (a name or several, with commas), SECONDS_EACH (fuzz).

ARGS ?=
ONLY ?=
SECONDS_EACH ?= 60

.DEFAULT_GOAL := help
.PHONY: help run build test examples bench fuzz format lint asan tsan soak fresh conformance package clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: ## Build the broker and start it (ARGS="--data DIR --kafka-port N ...")
	@exec scripts/run $(ARGS)

build: ## Build the broker: build/release/weir
	@scripts/packages run
	@scripts/build release weir

test: ## Run every test, end with one line of counts (ONLY=unit,format runs some steps; ONLY=list names them)
	@scripts/packages run test
	@scripts/test --only "$(ONLY)"

examples: ## Start a fresh broker and run the example programs against it (ONLY=name)
	@scripts/packages run examples
	@scripts/build release weir
	@examples/run $(ONLY)

bench: ## Build and run the benchmarks (ONLY=name)
	@scripts/packages run bench
	@scripts/build bench
	@bench/run $(ONLY)

fuzz: ## Fuzz every target for SECONDS_EACH seconds (default 60; ONLY=name)
	@scripts/packages run fuzz
	@scripts/fuzz --seconds $(SECONDS_EACH) --only "$(ONLY)"

format: ## Format the C++ sources in place
	@scripts/packages format
	@scripts/format

lint: ## House rules, formatting and clang-tidy over everything (ONLY=FILE,... for some files)
	@scripts/packages run lint
	@scripts/lint --only "$(ONLY)"

asan: ## Unit tests of every room under address and undefined-behaviour sanitizers
	@scripts/packages run test
	@scripts/test --only asan --everything

tsan: ## Unit tests of every room under the thread sanitizer
	@scripts/packages run test
	@scripts/test --only tsan --everything

soak: ## The long runs: simulation, crashes, power cuts, sanitizers, second compiler, clang-tidy everywhere (ONLY=name)
	@scripts/packages run test soak
	@scripts/soak --only "$(ONLY)"

fresh: ## Prove in an empty Debian 12 that a clone needs git and make only (needs root)
	@scripts/packages fresh
	@scripts/fresh

conformance: ## Run the public conformance suites (ONLY=name)
	@scripts/packages run test conformance
	@scripts/build release weir
	@tests/conformance/run $(ONLY)

package: ## Build the Debian package and the tarball: build/package
	@scripts/packages run package
	@scripts/build release weir
	@scripts/package

clean: ## Remove everything that was built
	rm -rf build
