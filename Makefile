# The front door. `make demo` and `make test` work from a clean clone on a machine with nothing but Rust and gcc.

CARGO ?= cargo
# One profile for tests, lints and docs: each profile compiles llama.cpp again.
CI := --profile ci
.PHONY: help setup build demo test bench install clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what the build needs and is missing: cmake, libclang, a C++ compiler
	@sh .ci/setup

build: setup ## Build target/release/codesage
	$(CARGO) build --release --locked

demo: build ## Show what the model in the binary writes: ghost text, an edit, an explanation
	@$(CARGO) run --release --locked --quiet -- demo

test: setup ## Formatting, lints, documentation, every test
	$(CARGO) fmt --check
	$(CARGO) clippy $(CI) --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(CI) --locked --no-deps --document-private-items
	$(CARGO) test $(CI) --locked

bench: build ## Measure this machine
	@$(CARGO) run --release --locked --quiet -- bench engine

install: setup ## Install codesage into cargo's bin folder
	$(CARGO) install --locked --path .

clean: ## Remove everything that was built
	$(CARGO) clean
