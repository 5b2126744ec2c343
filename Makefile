# make help lists the targets. Every go command uses the flags below, so that
# building, testing and releasing share one build cache.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

GO ?= go
# Without a repository that git is willing to read there is no commit to stamp.
STAMP := $(shell git rev-parse HEAD >/dev/null 2>&1 || echo -buildvcs=false)
export GOFLAGS := -trimpath -mod=readonly $(STAMP)
export CGO_ENABLED := 0
# What setup takes out of packages.
export PATH := $(CURDIR)/build/tools:$(PATH)

BIN := bin
# go.mod's own tools are not enough for the linter: it is built from its own
# module, pinned here.
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.11.0
TOOLS := build/tools

# The Grafana datasource: its front end is built by npm, its program for each of
# PLATFORMS.
DATASOURCE := grafana-datasource
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64

# Tests that make network namespaces, start daemons (netnstest, ovstest, lldptest,
# containertest) or boot a guest skip with -short. They wait more than they work:
# three packages at a time. Those of the built programs together live in packages
# called e2e, those that break what they stand on in faults.
E2E := /e2e(/|$$)
FAULTS := /faults(/|$$)
INTEGRATION = $(shell grep -rlE --include='*_test.go' --exclude-dir=build --exclude-dir=.run --exclude-dir=node_modules 'testing\.Short\(\)|/(netns|ovs|lldp|container)test"|^package (ovs|container)test' . | xargs -r -n1 dirname | sort -u)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: run
run: build ## run topologyd and Telegraf on this host until Ctrl-C
	@exec $(BIN)/skein-run

.PHONY: build
build: ## build all programs into bin/
	@mkdir -p $(BIN)
	$(GO) build -o $(BIN)/ ./topologyd/cmd/... ./telegraf-inputs/cmd/... ./otel-receiver/cmd/... ./$(DATASOURCE)/cmd/gpx_skein
	@$(GO) build -o $(BIN)/skein-run ./deploy/local

.PHONY: test
test: setup ## everything: unit, integration, end to end, cross builds
	@.ci/summary unit:test-unit generated:test-generated 'frontend:test-frontend&' integration:test-integration 'cross:cross&' e2e:test-e2e faults:test-faults

.PHONY: test-unit
test-unit: ## vet, gofmt and the tests that need no privileges
	$(GO) vet ./...
	@unformatted=$$(find . -name node_modules -prune -o -name build -prune -o -name '*.go' -print0 | xargs -0 gofmt -l); \
		[ -z "$$unformatted" ] || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	$(GO) test -short $$($(GO) list ./... | grep -vE '$(E2E)|$(FAULTS)')
	$(GO) test -count=1 ./internal/house

.PHONY: test-generated
test-generated: ## the compiled BPF programs are those of their source; skips without clang 14
	@GO='$(GO)' .ci/generated

.PHONY: test-frontend
test-frontend: ## the datasource's front end: types, linter, tests, production build
	@if command -v npm >/dev/null; then \
		$(MAKE) --no-print-directory $(DATASOURCE)/node_modules/.package-lock.json && cd $(DATASOURCE) && \
		npm run --silent typecheck && npm run --silent lint && npm run --silent test:ci && npm run --silent build; \
	elif [ -n "$${CI:-}" ]; then echo "no npm: install Node.js 20 or later"; exit 1; \
	else echo "skipped: no npm; install Node.js 20 or later"; fi

$(DATASOURCE)/node_modules/.package-lock.json: $(DATASOURCE)/package.json $(DATASOURCE)/package-lock.json
	cd $(DATASOURCE) && npm ci --no-audit --no-fund
	@touch $@

.PHONY: plugin
plugin: $(DATASOURCE)/node_modules/.package-lock.json ## the Grafana datasource: dist, and an archive in build/ that is ready to be signed
	cd $(DATASOURCE) && npm run --silent build
	@cp LICENSE $(DATASOURCE)/dist/ && mkdir -p $(DATASOURCE)/dist/dashboards && cp dashboards/json/*.json $(DATASOURCE)/dist/dashboards/
	@for p in $(PLATFORMS); do \
		os=$${p%/*} arch=$${p#*/} ext=; [ $$os != windows ] || ext=.exe; \
		echo "gpx_skein for $$p"; \
		GOOS=$$os GOARCH=$$arch $(GO) build -ldflags '-s -w' -o $(DATASOURCE)/dist/gpx_skein_$${os}_$$arch$$ext ./$(DATASOURCE)/cmd/gpx_skein; \
	done
	@$(GO) run ./$(DATASOURCE)/cmd/bundle -dir $(DATASOURCE)/dist -out build -platforms $$(echo $(PLATFORMS) | tr ' ' ,)

.PHONY: test-integration
test-integration: ## tests in network namespaces and in a guest; they skip without root
	$(GO) test -p 3 -timeout 20m $(filter-out %/e2e %/faults,$(INTEGRATION))

.PHONY: test-e2e
test-e2e: build ## the built programs together
	@packages=$$($(GO) list ./... | { grep -E '$(E2E)' || true; }); \
		[ -n "$$packages" ] || { echo "no e2e packages"; exit 0; }; \
		SKEIN_BIN=$(CURDIR)/$(BIN) $(GO) test -count=1 -timeout 20m $$packages

.PHONY: test-faults
test-faults: build ## crashes, damage, full disks, cut networks (docs/faults.md); about 15 minutes
	SKEIN_BIN=$(CURDIR)/$(BIN) $(GO) test -count=1 -p 1 -timeout 40m ./internal/faults ./otel-receiver/faults

.PHONY: cross
cross: ## what is not Linux on amd64 compiles too, tests included
	GOOS=darwin GOARCH=arm64 $(GO) build ./...
	GOOS=darwin GOARCH=arm64 $(GO) vet ./...
	GOOS=linux GOARCH=arm64 $(GO) build ./...
	GOOS=linux GOARCH=arm64 $(GO) vet ./...

# How long each fuzz target runs.
FUZZTIME ?= 10s

.PHONY: fuzz
fuzz: ## every fuzz target, one after the other, FUZZTIME each
	@failed=; \
	while IFS=: read -r file name; do \
		name=$${name#func } package=$$(dirname "$$file"); \
		echo "== $$package $$name"; \
		$(GO) test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$package" || failed+=" $$package:$$name"; \
	done < <(grep -rEo --include='*_test.go' --exclude-dir=build --exclude-dir=node_modules '^func Fuzz[A-Za-z0-9_]+' . | sort); \
	[ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

.PHONY: bench
bench: build ## benchmarks of the packages, then figures of the built programs
	$(GO) test -run '^$$' -bench . -benchmem -timeout 60m ./...
	$(GO) run ./otel-receiver/perf -bin $(BIN)
	$(GO) run ./internal/perf -bin $(BIN)

.PHONY: lint
lint: $(TOOLS)/golangci-lint ## golangci-lint with .golangci.yml, or its replacement
	@if [ -x $(TOOLS)/golangci-lint ]; then \
		$(TOOLS)/golangci-lint run ./...; \
	else \
		echo "golangci-lint could not be installed: go vet, gofmt and the import rules only"; \
		$(GO) vet ./...; $(GO) test -count=1 ./internal/house; \
	fi

# The linter is optional: where its module cannot be had, lint does what the go
# command can.
$(TOOLS)/golangci-lint:
	@mkdir -p $(TOOLS)
	-GOBIN=$(CURDIR)/$(TOOLS) GOFLAGS=-trimpath $(GO) install $(GOLANGCI)

.PHONY: generate
generate: ## what is generated and committed
	$(GO) generate ./...

.PHONY: setup
setup: ## install what the integration tests use (Debian, root)
	.ci/setup

.PHONY: clean
clean: ## remove what is built; data below .run stays
	rm -rf $(BIN) build $(DATASOURCE)/dist $(DATASOURCE)/node_modules
