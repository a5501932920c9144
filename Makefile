# The two commands for newcomers are `make run` and `make test`; each does its own set-up.

# All crates but the viewer (the workspace's default members) are always built together: another selection would resolve other
# features and compile dependencies anew. The viewer, whose bevy takes a quarter of an hour, is asked for by name.
export CARGO_TARGET_DIR ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/bitdust/target
BITDUST := $(CARGO_TARGET_DIR)/debug/bitdust
# BITDUST_CARGO_FLAGS is how CI builds otherwise than people do (.ci/cargo.toml).
FLAGS := --locked $(BITDUST_CARGO_FLAGS)

.PHONY: run test build setup lint soak flight flight-drawn bench fuzz world world-build world-test

run: build ## Start a network on this machine and show what it does; Ctrl-C ends it
	$(BITDUST) devnet --demo

test: setup ## Every test, as CI runs them
	scripts/test.sh

build: setup
	cargo build $(FLAGS)

setup:
	@scripts/setup.sh

lint: setup ## Formatting, and clippy with warnings denied
	cargo fmt --all --check
	cargo clippy $(FLAGS) --all-targets -- --deny warnings

soak: setup ## Fifty kills at random moments; about ten minutes
	BITDUST_KILLS=50 NEXTEST_PROFILE=soak scripts/test.sh --test crash

flight: setup ## Three minutes over 48 built places while every second supplier dies; about five minutes
	BITDUST_FLIGHT_SECONDS=180 NEXTEST_PROFILE=soak scripts/test.sh --test flight

flight-drawn: build world-build ## The same for a minute, drawn at 320 x 180 by a software renderer
	BITDUST_FLIGHT_VIEWER=1 NEXTEST_PROFILE=soak scripts/test.sh --test flight

bench: setup ## Throughput of the pipeline, of worlds, the devnet and the chain; of the viewer where it has been built
	scripts/bench.sh

world: build world-build ## A first look at a world kept on 8 suppliers of this machine, in a window
	$(CARGO_TARGET_DIR)/debug/bitdust-world --devnet

world-build: setup
	@scripts/setup-viewer.sh
	cargo build $(FLAGS) -p bitdust-viewer

world-test: setup ## Tests of the viewer's systems, a golden picture and a first look, without a window
	@# With one test, so that features are those of `make test`, and nothing is compiled a second time after it.
	cargo build $(FLAGS) --bins --test layers
	@scripts/setup-viewer.sh
	cargo clippy $(FLAGS) -p bitdust-viewer --all-targets -- --deny warnings
	cargo test $(FLAGS) -p bitdust-viewer

fuzz: setup ## A minute for each decoder of foreign bytes; needs the nightly toolchain and cargo-fuzz
	scripts/fuzz.sh
