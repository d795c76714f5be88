# `make` lists the targets. CI runs `make lint` and `make test` (.ci/run), nothing else.

CARGO ?= cargo

# One folder per HAProxy branch, each with a binary (tests/haproxy.sh). A folder given in
# the environment is used as it is; otherwise `make haproxy` prepares our own.
ifeq ($(strip $(GW_HAPROXY_DIR)),)
override GW_HAPROXY_DIR := $(CURDIR)/target/haproxy
PREPARE_HAPROXY := tests/haproxy.sh "$(GW_HAPROXY_DIR)"
endif
export GW_HAPROXY_DIR

# How much `make soak` does: pairs of random states that must converge, calamities that a change must
# survive, and for how many seconds `gw watch` follows a repository while everything happens that may
# happen.
SOAK_PAIRS ?= 2000
SOAK_KILLS ?= 2000
SOAK_SECONDS ?= 3600

.DEFAULT_GOAL := help
.PHONY: help demo test bench soak lint schema haproxy

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: ## show gw at work on a real HAProxy, from start to end
	@tests/setup.sh demo
	@$(CARGO) build --quiet --bin gw --example demo
	@$(CARGO) run --quiet --example demo

test: haproxy ## run all tests, on every HAProxy branch in GW_HAPROXY_DIR
	$(CARGO) test

bench: haproxy ## measure on estates of growing size
	$(CARGO) bench --bench estate

soak: haproxy ## many more random pairs (SOAK_PAIRS) and calamities (SOAK_KILLS), an hour of gw watch
	GW_CONVERGENCE_PAIRS=$(SOAK_PAIRS) $(CARGO) test --release --test suite -- convergence --nocapture
	@# A release has no points to end gw at.
	GW_KILL_RUNS=$(SOAK_KILLS) $(CARGO) test --test suite -- kills::random --nocapture
	GW_SOAK_SECONDS=$(SOAK_SECONDS) $(CARGO) test --release --test suite -- soak:: --nocapture

# cargo-deny is checked when it is installed; CI installs it.
lint: ## formatting, clippy, documentation, licences
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps
	@if command -v cargo-deny >/dev/null; then \
	  echo "$(CARGO) deny"; $(CARGO) deny --offline --log-level error check bans licenses sources; \
	else echo "cargo-deny is not installed: licences not checked"; fi

# Written beside and renamed, so that a failed build does not leave an empty schema.
schema: ## write schema/*.json, the JSON Schema of the manifests and of what gw writes
	@mkdir -p schema
	@$(CARGO) build --quiet --bin gw
	@set -e; for of in manifests plan report drift saved-plan settings status problems history record \
	    watch-status notification doctor; do \
	  $(CARGO) run --quiet -- schema $$of >schema/$$of.json.new; \
	  mv schema/$$of.json.new schema/$$of.json; \
	done

haproxy: ## prepare the HAProxy binaries for the tests
	@tests/setup.sh test
	@$(PREPARE_HAPROXY)
