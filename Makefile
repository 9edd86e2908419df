# The front door. `make demo` and `make test` work from a clean clone on a machine with nothing but Rust and gcc.

CARGO ?= cargo
# One profile for tests, lints and docs: each profile compiles llama.cpp again.
PROFILE := --profile ci
# The kernels for processors with AVX-512: Intel since Ice Lake, AMD since Zen 4.
AVX512 := GGML_AVX512=ON GGML_AVX512_VBMI=ON GGML_AVX512_VNNI=ON
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# The build for AVX-512: the first one starts it, under this name, where it runs.
WIDE := codesage-$(VERSION)-avx512
# Where there are such processors.
WIDEST := $(if $(filter x86_64,$(shell uname -m)),avx512,build)
.PHONY: help setup setup-editors build avx512 demo test test-editors test-vulkan bench install packaging deb rpm docker clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what the build needs and is missing: cmake, libclang, a C++ compiler
	@sh .ci/setup

setup-editors: setup ## Install the editors and the Python that the tests drive: Neovim, Vim, Emacs
	@sh .ci/setup editors

build: setup ## Build target/release/codesage
	$(CARGO) build --release --locked

avx512: build ## Build it for AVX-512 too, beside the other one, which then starts it where it runs
	$(AVX512) $(CARGO) build --release --locked --target-dir target/avx512
	cp target/avx512/release/codesage target/release/$(WIDE)

demo: build ## Show what the model in the binary writes: ghost text, an edit, an explanation
	@$(CARGO) run --release --locked --quiet -- demo

# Nobody's machine gets editors that were not asked for; one that is missing is skipped, and the tests say so.
test: $(if $(CI),setup-editors,setup) ## Formatting, lints, documentation, every test; real editors, as far as they are there
	$(CARGO) fmt --check
	$(CARGO) clippy $(PROFILE) --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(PROFILE) --locked --no-deps --document-private-items
	$(CARGO) test $(PROFILE) --locked
	$(CARGO) build $(PROFILE) --locked
	tests/editors/run --tiers 0,1 -n 3

test-editors: setup ## Every editor: newer and older ones too, unpacked beside the system's
	$(CARGO) build $(PROFILE) --locked
	-tests/editors/get-editor.sh all
	-tests/editors/get-vscode.sh all
	tests/editors/run

test-vulkan: setup ## A build with Vulkan, on the first device there is: Mesa's driver in software is one
	$(CARGO) test $(PROFILE) --locked --features vulkan --test gpu -- --nocapture

bench: build ## Measure this machine
	@$(CARGO) run --release --locked --quiet -- bench engine

install: setup ## Install codesage into cargo's bin folder
	$(CARGO) install --locked --path .

# What packages hold: the program, in as many builds as there are for this architecture, and what it makes itself.
packaging: $(WIDEST)
	rm -rf target/packaging
	mkdir -p target/packaging/bin
	cp target/release/codesage target/packaging/bin/
	if [ $(WIDEST) = avx512 ]; then cp target/release/$(WIDE) target/packaging/bin/; fi
	target/release/codesage man --out target/packaging/man
	target/release/codesage completions bash >target/packaging/codesage.bash
	target/release/codesage completions fish >target/packaging/codesage.fish
	target/release/codesage completions zsh >target/packaging/_codesage

deb: packaging ## Build a package for Debian and Ubuntu, target/debian/*.deb, with cargo-deb
	$(CARGO) deb --no-build

rpm: packaging ## Build one for Fedora and openSUSE, target/generate-rpm/*.rpm, with cargo-generate-rpm
	$(CARGO) generate-rpm

docker: ## Build the image codesage:VERSION
	docker build --tag codesage:$(VERSION) .

clean: ## Remove everything that was built
	$(CARGO) clean
