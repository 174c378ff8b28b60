# Each target is what a person would type. `make run` and `make test` need Rust, Node 20, Python 3 and make; the rest is installed on the way.
.PHONY: run test check sim fuzz soak bench client fast slow wrong outside

SEED ?=
SEEDS ?= 2000
SECONDS ?= 60
ROUNDS ?= 300
CUTS ?= 100
FLIPS ?= 100000

run: client
	cargo run --release --bin slotcast -- serve --dev --pages demos --config demos/slotcast.toml

test: check fast slow

# Seconds once everything is built: units, vectors, the model, the doors, the simulation, the client.
fast: client
	cargo build --workspace
	cargo test --workspace
	npm --prefix client-js test

# Minutes. What is outside waits more than it computes, so the wrong builds have the cores beside it, but behind it.
slow:
	$(MAKE) --jobs=2 wrong outside

# Wrong versions of the server that the tests must catch.
wrong:
	nice -n 19 python3 tests/wrong/run.py

# Autobahn's cases, other makers' proxies, and the pages in a real browser.
outside: client
	python3 tests/conformance/run.py
	tests/browser/setup.sh
	cargo build --bin slotcast
	python3 tests/proxies/run.py
	SLOTCAST_BIN=$(CURDIR)/target/debug/slotcast npm --prefix tests/browser test

check: client-js/node_modules
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings
	npm --prefix client-js run check

# One seed with its whole log, or many: make sim SEED=42, make sim SEEDS=20000
sim:
	SLOTCAST_SEED=$(SEED) SLOTCAST_SEEDS=$(SEEDS) cargo test --test simulation -- --nocapture

# Looks for bytes that one of the readers does not stand, so long for each: make fuzz SECONDS=600
fuzz:
	python3 fuzz/run.py --seconds $(SECONDS)

# About an hour of fuzzing, crashes, power cuts (as root), every point at which the store writes, flipped bits, and pages that are cut: make soak ROUNDS=3000,
# make soak FLIPS=0 for every bit, which takes hours.
soak: fuzz client
	tests/browser/setup.sh
	cargo build --release --bin slotcast
	SLOTCAST_TEST_ROUNDS=$(ROUNDS) SLOTCAST_TEST_CUTS=$(CUTS) SLOTCAST_TEST_POINTS=0 SLOTCAST_TEST_FLIPS=$(FLIPS) SLOTCAST_TEST_HOSTILE_S=60 \
		cargo test --release --test restart --test write_points --test corruption --test hostile -- --nocapture
	SLOTCAST_TEST_CUTS=$(CUTS) SLOTCAST_BIN=$(CURDIR)/target/release/slotcast npm --prefix tests/browser test -- --test-timeout=3600000 cuts.test.mjs

bench:
	python3 bench/run.py

client: client-js/node_modules
	npm --prefix client-js run build
	cp client-js/dist/slotcast.js demos/slotcast.js

client-js/node_modules: client-js/package-lock.json
	npm --prefix client-js ci
	touch $@
