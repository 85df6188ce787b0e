# Everything there is to do here. Needs a Rust toolchain and a C compiler; the tests,
# PostgreSQL too, and for the pages Node.js and Chromium.

.PHONY: help run test test-api test-browser test-faults test-crowd flood check bench bench-queue

help: ## Says what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

run: ## Starts a server with the demo in it, on http://127.0.0.1:8080
	cargo run --locked --package server --bin stagedoor -- serve --demo

test: ## Runs all tests
	@tests/prepare
	cargo test --locked --workspace
	@tests/api/run --if-possible
	@tests/browser/run --if-possible

test-api: ## Generates requests from the OpenAPI document and holds the answers to it (Python 3.10 or newer)
	@tests/api/run

flood: ## Measures what others feel of one client that asks for as much as it can
	@tests/prepare
	cargo test --locked --release --package server --test on_sqlite flood -- --ignored --nocapture

test-browser: ## Drives the pages in Chromium; STAGEDOOR_PICTURES=1 also takes pictures of them
	cargo build --locked --package server
	@tests/browser/run

test-faults: ## Breaks servers, database, network and payment provider, at length
	@tests/prepare
	STAGEDOOR_FAULT_ROUNDS=$${STAGEDOOR_FAULT_ROUNDS:-20} cargo test --locked --package server \
		--test on_postgres faults -- --nocapture
	STAGEDOOR_HISTORY_ROUNDS=$${STAGEDOOR_HISTORY_ROUNDS:-20} cargo test --locked --package server \
		--test on_sqlite --test on_postgres -- --nocapture postgres::history postgres::interruptions \
		postgres::stuck postgres::standby held_up crashes::an_outage
	STAGEDOOR_RUSH_CLIENTS=$${STAGEDOOR_RUSH_CLIENTS:-5000} \
		cargo test --locked --package server --test on_sqlite --test on_postgres rush -- --nocapture
	STAGEDOOR_PLANS=$${STAGEDOOR_PLANS:-1000} STAGEDOOR_PLAN_KILLS=$${STAGEDOOR_PLAN_KILLS:-50} \
		cargo test --locked --package server --test on_sqlite --test on_postgres plans -- --nocapture

check: ## Format, lints, documentation, licences
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet
	@if command -v cargo-deny >/dev/null; then cargo deny --locked check bans licenses sources; \
	else echo "cargo-deny is not installed: licences and bans are not checked"; fi

bench: ## Measures beside hand-written SQL, and writes docs/benchmarks.md
	@tests/prepare wrk
	cargo build --locked --release --package server --package bench
	target/release/bench target/release/stagedoor docs/benchmarks.md sale

bench-queue: ## Measures the waiting room with up to a million in line, and writes docs/benchmarks.md
	@tests/prepare wrk
	cargo build --locked --release --package server --package bench
	target/release/bench target/release/stagedoor docs/benchmarks.md queue

test-crowd: ## A hundred thousand people before a small door, on three servers
	@tests/prepare
	STAGEDOOR_CROWD=$${STAGEDOOR_CROWD:-100000} STAGEDOOR_CROWD_CAPACITY=500 STAGEDOOR_CROWD_SECONDS=60 \
		cargo test --locked --release --package server --test on_postgres crowd -- --nocapture
