# What to run, and when. "make test" is enough before a change is handed in.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help test lint fuzz bench bench-peers bench-pages compat accuracy soak monitor-scale crash build setup clean

# Empty where there is no C compiler, which the race detector needs.
RACE ?= race
export RACE
# How long each fuzz target runs.
FUZZTIME ?= 5s
# How many times the long crash suite kills and cuts.
ROUNDS ?= 300
# How many records monitoring is measured with.
EVENTS ?= 10000000
# How long the soak takes.
SOAK ?= 1h

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: setup ## Install what the tests need, check format and vet, run every test under the race detector
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w on:" $$unformatted >&2; exit 1; fi
	go vet ./...
	go test $(if $(RACE),-race) -v -timeout 25m ./... 2>&1 | scripts/summary
	$(if $(RACE),go test -v -run 'PDF|Viewers' ./door/viewer ./door/console 2>&1 | scripts/summary)

lint: ## gofmt, go vet and staticcheck (a pinned version, fetched as a Go module)
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w on:" $$unformatted >&2; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

fuzz: ## Fuzz every target for FUZZTIME (5s) each
	FUZZTIME=$(FUZZTIME) scripts/fuzz

bench: ## Measure against the performance budget, beside fsync and other servers
	go run ./internal/bench

bench-peers: ## Measure every kind of request beside MinIO with SSE-KMS and versitygw
	go run ./internal/bench -set peers

bench-pages: ## Measure every page of the console in a room of 100,000 objects
	go test -run '^$$' -bench Pages -benchtime 300x ./door/console

monitor-scale: ## Count EVENTS (10000000) made-up records, and ask every kind of question of the counts: each within a second
	STRONGROOM_MONITOR_EVENTS=$(EVENTS) go test -count=1 -v -timeout 120m -run TestScale ./internal/rollup

compat: ## Run public S3 suites against a served room, MinIO and versitygw, and write docs/s3-compatibility.md
	go run ./internal/compat -write docs/s3-compatibility.md

accuracy: ## Measure what the detectors find and miss in the corpora, and write docs/classification.md
	go run ./internal/accuracy -write docs/classification.md

soak: ## Run the server under a mixed load for SOAK (1h), and say whether anything gave way
	go run ./internal/soak -for $(SOAK)

crash: ## The long crash suite: kill and cut the power ROUNDS (300) times
	STRONGROOM_CRASH_ROUNDS=$(ROUNDS) go test -count=1 -v -timeout 120m ./internal/crash

build: ## The static binary, bin/strongroom
	CGO_ENABLED=0 go build -trimpath -o bin/strongroom ./cmd/strongroom

setup: ## Install what the tests need beside Go (as root on Debian), and say what is missing
	@scripts/setup

clean: ## Remove what make built
	rm -rf bin
