# The front door. Every recipe calls one script or tool; what it does stands there.
.DEFAULT_GOAL := help
.PHONY: help run test sabotage chaos bench dev lint fmt gen model

help: ## This list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 8

run: ## Build the page and the release binary, fetch the built-in model, start on http://127.0.0.1:8080 (ARGS="--listen …")
	@scripts/run.sh $(ARGS)

test: ## Everything that proves it works; ends with one line "N passed, N failed"
	@scripts/test.sh

sabotage: ## Turns off one mechanism after the other and shows that its promise then breaks
	@scripts/test.sh failpoints sabotage

chaos: ## Hours: 3,000 kills per database, every failpoint, every failing write, an hour of generated requests (PARTS=…, SEED=… repeats a group)
	@scripts/chaos.sh

bench: ## The promises that are a matter of time, on a release build (ARGS="p10 --rounds 2 --seconds 5")
	@scripts/bench.sh $(ARGS)

dev: ## Debug server on :8080 and the page with hot reload on :5173, data in .data/
	@scripts/dev.sh

lint: ## Formatting, clippy, dependency rules, the page's linters, shell syntax
	@scripts/lint.sh

fmt: ## Format Rust and the page
	@scripts/fmt.sh

gen: ## Generated files: docs/openapi.json and the page's API types
	@scripts/gen.sh

model: ## Fetch the built-in model into the data directory (98 MB, once)
	@scripts/model.sh
