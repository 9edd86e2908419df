# The front door. `make demo` and `make test` work from a clean clone on a machine with nothing but Rust and gcc.

CARGO ?= cargo
# One profile for tests, lints and docs: each profile compiles llama.cpp again.
CI := --profile ci
# The kernels for processors with AVX-512: Intel since Ice Lake, AMD since Zen 4.
AVX512 := GGML_AVX512=ON GGML_AVX512_VBMI=ON GGML_AVX512_VNNI=ON
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
.PHONY: help setup build avx512 demo test bench install clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what the build needs and is missing: cmake, libclang, a C++ compiler
	@sh .ci/setup

build: setup ## Build target/release/codesage
	$(CARGO) build --release --locked

avx512: build ## Build it for AVX-512 too, beside the other one, which then starts it where it runs
	$(AVX512) $(CARGO) build --release --locked --target-dir target/avx512
	cp target/avx512/release/codesage target/release/codesage-$(VERSION)-avx512

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
