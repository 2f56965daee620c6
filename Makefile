# Everything that people and machines do with this repository. `make help` lists it.

CARGO ?= cargo
# The rooms' own settings; `make play BOTS=8 MAP=foundry` changes them.
BOTS ?= 6
MAP ?= crossfire

.DEFAULT_GOAL := help
.PHONY: help play server web race race-real test test-web lint api-fuzz packages

help: ## Lists what can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

play: packages ## Builds, starts a local server with bots and flies against them. Without a display: the server alone.
	$(CARGO) build --workspace --bins
	@scripts/play "$(BOTS)" "$(MAP)"

server: ## Builds and runs the headless server alone, optimised, for everybody on the network.
	$(CARGO) run --release -p server -- --data server-data --bots "$(BOTS)" --map "$(MAP)"

web: packages ## Builds the game for browsers; servers started afterwards offer it. The first time takes a while.
	$(CARGO) build --workspace --bins
	@scripts/web

race: packages ## Races every wire in every weather, 20 s each, and writes race.html with plots.
	$(CARGO) build --workspace --bins
	@"$${CARGO_TARGET_DIR:-target}/debug/lab" race --report race.html

race-real: packages ## Races the promised weathers over the model and over a real link, 3 minutes per row (Linux, root; about an hour).
	$(CARGO) build --workspace --bins
	@"$${CARGO_TARGET_DIR:-target}/debug/lab" race --weathers acceptance --seconds 180 --compare --report race-real.html

test: packages ## Runs every test: rules, protocol, transports, server, client on a virtual display, end to end.
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace

test-web: web ## Plays the game in Chromium against a server of its own; pictures go to artifacts/web.
	@scripts/packages web
	@scripts/test-web

lint: packages ## Checks format, clippy and documentation, warnings denied.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

api-fuzz: ## Asks the lobby's API things nobody thought of (schemathesis); fails on faults and undocumented answers.
	$(CARGO) build --workspace --bins
	@scripts/api-fuzz

packages: ## Installs the few system libraries that building and the client need, if they are missing.
	@scripts/packages
