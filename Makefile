# The commands of odometer. run, test, simulate, chaos and kafka need nothing done before them: each first installs what is missing.
#
#   make run      build, then the tour: a generator, the daemon over files, and its totals on the screen until Ctrl-C
#   make test     all tests, those on a real Kafka broker included
#   make simulate SEEDS=100000
#                 the commit protocol under faults from so many seeds, with how often each fault came at the end
#   make chaos MINUTES=30 SEED=7
#                 three processes and a broker of their own under faults for so long, every revision held against the oracle;
#                 the moments are the machine's, so the same seed is not quite the same run
#   make kafka    the same on Kafka: a broker, a generator, the daemon, and its totals
#   make fuzz     libFuzzer on one decoder: TARGET=event SECONDS=60; needs a nightly compiler (puts cargo-fuzz beside cargo-deny)
#   make deny     licences and sources of the dependencies, by deny.toml (puts cargo-deny into ~/.cache/odometer/tools)
#   make audit    their known advisories; fetches the database of them, so it needs the internet: .ci/audit says where that
#                 is not to be had, and goes on
#
# One profile and one target folder for every command, so that RocksDB's C++ is compiled once (a quarter of an hour).

SHELL := /bin/bash
export CARGO_TARGET_DIR ?= $(HOME)/.cache/odometer/target
CARGO_FLAGS := --release --locked
SEEDS ?= 10000
MINUTES ?= 30
SEED ?= 1
ODOMETER := $(CARGO_TARGET_DIR)/release/odometer
TOOLS := $(HOME)/.cache/odometer/tools
CARGO_DENY := $(TOOLS)/bin/cargo-deny
CARGO_FUZZ := $(TOOLS)/bin/cargo-fuzz
TARGET ?= event
SECONDS ?= 60

.PHONY: run test simulate chaos kafka build setup setup-test fmt lint docs fuzz deny audit advisories clean

run: build
	examples/tour/run $(ODOMETER)

test: setup-test
	cargo test $(CARGO_FLAGS)
	cargo test $(CARGO_FLAGS) --no-default-features

simulate: setup
	ODOMETER_SEEDS=$(SEEDS) cargo test $(CARGO_FLAGS) --test pure -- rough_runs --nocapture

chaos: setup-test
	ODOMETER_MINUTES=$(MINUTES) ODOMETER_SEED=$(SEED) cargo test $(CARGO_FLAGS) --test live -- chaos::faults_without_end --nocapture

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

# What it finds new goes to data/fuzz. No sanitizer: decoders have no unsafe code, so that only panics and hangs are left.
fuzz: $(CARGO_FUZZ)
	@mkdir -p data/fuzz/$(TARGET)
	RUSTUP_TOOLCHAIN=nightly $(CARGO_FUZZ) run --fuzz-dir fuzz --sanitizer none \
		$(if $(filter settings,$(TARGET)),--features daemon) $(TARGET) data/fuzz/$(TARGET) fuzz/corpus/$(TARGET) \
		-- -max_total_time=$(SECONDS) -timeout=10 -max_len=16384

deny: $(CARGO_DENY)
	$(CARGO_DENY) --locked check licenses bans sources

audit: $(CARGO_DENY)
	$(CARGO_DENY) --locked check advisories

# The database alone, to see whether it can be had.
advisories: $(CARGO_DENY)
	$(CARGO_DENY) --locked fetch db

$(CARGO_DENY):
	CARGO_TARGET_DIR=$(TOOLS)/target cargo install --locked cargo-deny --root $(TOOLS)
	@rm -rf $(TOOLS)/target

$(CARGO_FUZZ):
	CARGO_TARGET_DIR=$(TOOLS)/target cargo install --locked cargo-fuzz --root $(TOOLS)
	@rm -rf $(TOOLS)/target

# What run and kafka made; what is compiled goes by cargo clean.
clean:
	rm -rf data
