# make alone explains itself. The pipeline (.ci/run) calls these targets and nothing else.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# What may be said on the command line, as in: make run ARGS=--demo
ARGS ?=
BENCH ?= .
BENCH_HTTP ?=
BENCH_OVERLOAD ?=
BENCH_NODE ?=
BENCH_PROJECTIONS ?=
FUZZTIME ?= 30s
FAULTS ?= large
FAULTS_BUDGET ?= 10m

linter := go tool -modfile=.ci/tools.mod golangci-lint
# The packages whose tests take -update, and so have golden files.
goldens = $(shell grep -rl --include='*_test.go' 'flag\.Bool."update"' . | xargs -r dirname | sort -u)

.PHONY: help
help: ## say what there is
	@awk -F ':.*## ' '/^[a-z\/]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: postgres build ## start everything on this machine; ARGS=--demo fills it with a company
	@exec bin/crm up $(ARGS)

.PHONY: build
build: ## build bin/crm
	@command -v go > /dev/null || { echo 'Go 1.26 or newer is needed: https://go.dev/dl' >&2; exit 1; }
	go build -trimpath -o bin/crm ./cmd/crm

.PHONY: postgres
postgres: ## install the PostgreSQL programs if they are missing (Debian, Ubuntu)
	@.ci/postgres

.PHONY: nats
nats: ## install nats-server, for the tests of the relay, if it is missing (Debian, Ubuntu)
	@.ci/nats

.PHONY: chromium
chromium: ## install Chromium, for the test of the API's page, if it is missing (Debian, Ubuntu)
	@.ci/chromium

.PHONY: test
test: postgres nats chromium ## test everything: race detector, real Postgres, real event store
	@# CI, so that a test that misses something fails instead of skipping.
	CI=true go test -race -p 2 -timeout 19m ./...
	@# Again without the race detector, under which the fault tests do a tenth.
	CI=true CRM_FAULTS=small .ci/faults -p 2 -timeout 10m -skip '^TestMutants$$'
	@# Watermill's own test of it has a data race.
	CI=true go test -count 1 -run '^TestPubSub$$/^TestReconnect$$' ./eventstore
	@# What the README says, and what is generated from the contract and the binary.
	$(MAKE) --no-print-directory smoke client sbom

.PHONY: test/short
test/short: ## test what is quick; without Postgres its tests are skipped
	go test -short -timeout 5m ./...

.PHONY: conformance
conformance: ## ask the embedded event store, or the server at ESDB=esdb://…, whether it answers as EventStoreDB
	go test -count 1 -timeout 10m ./eventstore/conformance -skip '^TestMutants$$' $(if $(ESDB),-esdb '$(ESDB)')

.PHONY: lint
lint: ## vet, lint, and the contract; the first time builds the linters, which takes minutes
	go mod tidy -diff
	go vet ./...
	$(linter) run -c .ci/golangci.yml
	.ci/contract
	.ci/vuln

.PHONY: contract
contract: ## lint the OpenAPI document, and refuse what breaks the released one
	.ci/contract

.PHONY: fmt
fmt: ## format
	$(linter) fmt -c .ci/golangci.yml

.PHONY: generate
generate: ## write generated and missing golden files
	go generate ./...
	@if [ -n "$(goldens)" ]; then set -x; go test $(goldens) -update > /dev/null; fi

.PHONY: verify
verify: ## go.mod is tidy, the dependencies are unchanged, and generate changes nothing
	go mod tidy -diff
	go mod verify
	@before=$$({ git status --porcelain; git diff; } | cksum); \
	$(MAKE) --no-print-directory generate; \
	[ "$$before" = "$$({ git status --porcelain; git diff; } | cksum)" ] || \
		{ echo 'generated files were not up to date:' >&2; git status --short >&2; exit 1; }

.PHONY: bench
bench: postgres ## run the Go benchmarks; BENCH=regexp chooses
	go test -run '^$$' -bench '$(BENCH)' -benchmem -p 1 -timeout 60m ./...

.PHONY: bench/http
bench/http: postgres build ## measure commands and reads over HTTP beside plain chi and pgx; BENCH_HTTP=flags of crm bench compare
	bin/crm bench compare $(BENCH_HTTP)

.PHONY: bench/overload
bench/overload: postgres build ## offer a fresh server 4 times what it takes; BENCH_OVERLOAD=flags of crm bench overload
	.ci/with-server bin/crm bench overload $(BENCH_OVERLOAD)

.PHONY: bench/node
bench/node: build ## measure the embedded event store beside raw Pebble; BENCH_NODE=flags of crm bench node
	bin/crm bench node $(BENCH_NODE)

.PHONY: bench/projections
bench/projections: postgres build ## measure how fast read models are built and asked; BENCH_PROJECTIONS=flags of crm bench projections
	bin/crm bench projections $(BENCH_PROJECTIONS)

.PHONY: client-suite
client-suite: ## run EventStore-Client-Go's own tests against crm node; what cannot pass is listed with its reason
	CI=true go test -count 1 -v ./cmd/crm -run '^TestClientSuite$$'

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sort | while IFS=: read -r file func; do \
		(set -x; go test -run '^$$' -fuzz "^$${func#func }\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")"); \
	done

.PHONY: faults
faults: ## run the fault tests in their large sizes, or FAULTS=small; each takes new cases for at most FAULTS_BUDGET
	@CRM_FAULTS=$(FAULTS) CRM_FAULTS_BUDGET=$(FAULTS_BUDGET) .ci/faults -v -p 1 -timeout 0 | \
		grep -vE '^=== |^ +--- PASS: .*/seed='

.PHONY: smoke
smoke: postgres build ## run the README's commands as printed, against a fresh server
	.ci/with-server .ci/smoke README.md

.PHONY: client
client: postgres build ## make a Go client of the OpenAPI document, compile it, and run its smoke test against a fresh server
	.ci/with-server .ci/client/run

.PHONY: sbom
sbom: build ## write bin/sbom.cdx.json: what bin/crm is made of (CycloneDX), from the binary itself
	go run -modfile=.ci/api.mod .ci/sbom.go bin/crm > bin/sbom.cdx.json

.PHONY: vuln
vuln: ## look for known vulnerabilities that the program reaches; says so loudly where the database is out of reach
	.ci/vuln

.PHONY: up
up: ## start EventStoreDB, Postgres and crm with docker compose, and wait until they are healthy
	.ci/secrets
	docker compose up --build --detach --wait

.PHONY: down
down: ## stop what up started; the volumes stay
	docker compose down

.PHONY: clean
clean: ## remove what was built; data folders stay
	rm -rf bin coverage.out
