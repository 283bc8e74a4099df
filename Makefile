# The commands of odometer. run, test, simulate and kafka need nothing done before them: each first installs what is missing.
#
#   make run      build, then the tour: a generator, the daemon over files, and its totals on the screen until Ctrl-C
#   make test     all tests, those on a real Kafka broker included
#   make simulate SEEDS=100000
#                 the commit protocol under faults from so many seeds, with how often each fault came at the end
#   make kafka    the same on Kafka: a broker, a generator, the daemon, and its totals
#   make deny     licences and sources of the dependencies, by deny.toml (puts cargo-deny into ~/.cache/odometer/tools)
#   make audit    their known advisories; fetches the database of them, so it needs the internet, and CI does not run it
#
# One profile and one target folder for every command, so that RocksDB's C++ is compiled once (a quarter of an hour).

SHELL := /bin/bash
export CARGO_TARGET_DIR ?= $(HOME)/.cache/odometer/target
CARGO_FLAGS := --release --locked
SEEDS ?= 10000
ODOMETER := $(CARGO_TARGET_DIR)/release/odometer
TOOLS := $(HOME)/.cache/odometer/tools
CARGO_DENY := $(TOOLS)/bin/cargo-deny

.PHONY: run test simulate kafka build setup setup-test fmt lint docs deny audit clean

run: build
	examples/tour/run $(ODOMETER)

test: setup-test
	cargo test $(CARGO_FLAGS)
	cargo test $(CARGO_FLAGS) --no-default-features

simulate: setup
	ODOMETER_SEEDS=$(SEEDS) cargo test $(CARGO_FLAGS) --test pure -- rough_runs --nocapture

kafka: setup-test build
	.ci/kafka $(ODOMETER)

build: setup
	cargo build $(CARGO_FLAGS)

# What the build needs; what the tests need beside it.
setup:
	@.ci/setup build
setup-test:
	@.ci/setup test

fmt:
	cargo fmt --all

lint:
	cargo clippy $(CARGO_FLAGS) --all-targets -- -D warnings
	cargo clippy $(CARGO_FLAGS) --all-targets --no-default-features -- -D warnings

docs:
	RUSTDOCFLAGS="-D warnings" cargo doc $(CARGO_FLAGS) --no-deps --document-private-items

deny: $(CARGO_DENY)
	$(CARGO_DENY) --locked check licenses bans sources

audit: $(CARGO_DENY)
	$(CARGO_DENY) --locked check advisories

$(CARGO_DENY):
	CARGO_TARGET_DIR=$(TOOLS)/target cargo install --locked cargo-deny --root $(TOOLS)
	@rm -rf $(TOOLS)/target

# What run and kafka made; what is compiled goes by cargo clean.
clean:
	rm -rf data
