# Everything that people and CI do with this project. `make` lists it.

# The race detector needs a C compiler; without one the tests run without it.
RACE := $(shell command -v $${CC:-cc} >/dev/null 2>&1 && echo -race)
# Most tests wait for timers and servers of their own, so more of them run at once than there are cores.
WAITING := -p 4 -parallel 8
LINT := go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint
# Programs for the build alone, each a module of its own.
TOOLS := tools/bench tools/ko tools/manifests
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
REVISION = $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# The time that images bear: the commit's, so that one commit gives the same bytes.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
CREATED = $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null)
LDFLAGS := -s -w -X github.com/cis490/profiles/internal/service.version=$(VERSION)
OUT ?= bin/
# Debug information is left out of the packages, not only of the binaries: that saves a tenth of a first build.
BUILD_FLAGS = -trimpath -gcflags=all=-dwarf=false -ldflags '$(LDFLAGS)'
FUZZTIME ?= 10s
# Of a system in Kubernetes.
NAMESPACE ?= profiles
# A Python that has numpy, scipy, zstandard, pyarrow, duckdb, pandas and scikit-learn.
PYTHON ?= python3
# Images are named $(IMAGE_PREFIX)/<name>:$(IMAGE_TAG).
IMAGE_PREFIX ?= ghcr.io/cis490
IMAGE_TAG ?= dev
# The folder of Kubernetes manifests, and what a part of it may name without
# having it: Kind/name,Kind/name.
MANIFESTS ?= k8s
MANIFESTS_GIVEN ?= Secret/nats-server,Secret/nats-operator,Secret/nats-worker,Secret/nats-streamer,Secret/nats-dashboard
KO = IMAGE_PREFIX='$(IMAGE_PREFIX)' IMAGE_TAG='$(IMAGE_TAG)' VERSION='$(VERSION)' REVISION='$(REVISION)' CREATED='$(CREATED)' \
	SOURCE_DATE_EPOCH='$(SOURCE_DATE_EPOCH)' LDFLAGS='$(LDFLAGS)' tools/ko/images.sh

.DEFAULT_GOAL := help
.PHONY: help up test test-all lint vet fmt tidy build images images-push images-test manifests-test bench bench-once fuzz fma-test oracle-test browser-test e2e store-test fault-test fault-brief hostile-test fault-soak k8s-secrets k8s-keda k8s-test ci clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Binaries are static.
up build: export CGO_ENABLED = 0

up: ## run the whole system in one process, on the recorded episodes; Ctrl-C ends it
	@tools/build.sh bin/profiles ./cmd/profiles $(BUILD_FLAGS) && exec bin/profiles up

test: ## the tests that take minutes in all, with the race detector; test-all has the slow ones, too
	go test $(RACE) -short $(WAITING) -timeout 10m ./...

test-all: ## every test, with the race detector: what CI runs
	go test $(RACE) $(WAITING) -timeout 20m ./...

lint: ## golangci-lint, pinned in tools/go.mod
	$(LINT) run --build-tags browser,faults ./...
	@set -e; for dir in $(TOOLS); do echo "lint $$dir"; (cd $$dir && $(LINT) run ./...); done

vet: ## go vet, and go.mod as go mod tidy would leave it
	go vet -tags faults ./...
	go mod tidy -diff
	@set -e; for dir in $(TOOLS); do echo "vet $$dir"; go vet -C $$dir ./...; go mod tidy -C $$dir -diff; done

fmt: ## format the code
	$(LINT) fmt ./...
	@set -e; for dir in $(TOOLS); do (cd $$dir && $(LINT) fmt ./...); done

tidy: ## bring go.mod and go.sum up to date
	go mod tidy
	@set -e; for dir in $(TOOLS); do go mod tidy -C $$dir; done

build: ## static binaries in bin/
	go build $(BUILD_FLAGS) -o $(OUT) ./cmd/...

images: ## the five container images: archives in bin/images, loaded into Docker where it runs
	$(KO) archive
	@if docker info >/dev/null 2>&1; then for archive in bin/images/*.tar; do docker load --input $$archive || exit 1; done; fi

images-push: ## the images, pushed to the registry of IMAGE_PREFIX
	$(KO) push

images-test: images ## check the archives, run their binaries, push to a registry
	go test -C tools/ko -count 1 ./...

manifests-test: ## every kustomization of MANIFESTS, decoded strictly and held to the rules, without a cluster
	go test -C tools/manifests -count 1 ./...
	@# A copy, with secrets of its own.
	rm -rf bin/manifests && mkdir -p bin && cp -R $(MANIFESTS) bin/manifests && rm -rf bin/manifests/secrets
	go run ./cmd/profiles credentials --out bin/manifests/secrets
	go run -C tools/manifests . -code $(CURDIR) -given '$(MANIFESTS_GIVEN)' $(CURDIR)/bin/manifests

bench: ## the table of docs/PERFORMANCE.md (PYTHON=...; ONLY=a package; PROFILES_SCALE_EPISODES=10000 for less)
	@PROFILES_PYTHON=$(PYTHON) PROFILES_SCALE_EPISODES=$${PROFILES_SCALE_EPISODES:-1000000} go run -C tools/bench . -code $(CURDIR) -only '$(ONLY)'

bench-once: ## each benchmark once, and the test of what prints the table
	go test -run '^$$' -bench . -benchtime 1x -timeout 20m ./...
	go test -C tools/bench ./...

fuzz: ## each fuzz target for FUZZTIME
	@set -e; for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "fuzz $$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$pkg; \
		done; \
	done

fma-test: ## the numbers, compiled so that Go may fuse multiply and add
	@if grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo; then \
		GOAMD64=v3 go test ./fit ./align; \
	else echo "this processor can't run GOAMD64=v3: not tested"; fi

oracle-test: ## goldens and parquet against numpy, scikit-learn, pyarrow and DuckDB (PYTHON=...)
	PROFILES_PYTHON=$(PYTHON) go test -count 1 -run 'Python|Oracles' ./...

browser-test: ## the page in a headless Chromium; it says what to install where there is none
	go test $(RACE) -count 1 -timeout 15m -tags browser ./dashboard/browsertest/

e2e: build ## the binaries themselves, from accepted episodes to the saved fit
	test/e2e.sh bin examples/recorded

fault-test: ## every fault once, under real processes (PROFILES_FAULT_SEED=... repeats a schedule)
	go test -count 1 -timeout 20m -tags faults -v -run TestFaults ./test/faults/

fault-brief: ## some faults, all of one seed, and some hostile archives, in a few minutes
	PROFILES_FAULT_SEED=$${PROFILES_FAULT_SEED:-1} PROFILES_FAULT_PATIENCE=$${PROFILES_FAULT_PATIENCE:-4} PROFILES_FAULT_ARCHIVES=$${PROFILES_FAULT_ARCHIVES:-500} \
		go test -count 1 -timeout 40m -tags faults -v -run 'TestBrief|TestHostile' ./test/faults/

hostile-test: ## a worker reads PROFILES_FAULT_ARCHIVES archives that are meant to harm it, 10,000 by default
	go test -count 1 -timeout 60m -tags faults -v -run TestHostile ./test/faults/

fault-soak: ## faults at random for PROFILES_FAULT_TIME, an hour by default
	PROFILES_FAULT_TIME=$${PROFILES_FAULT_TIME:-1h} go test -count 1 -timeout 0 -tags faults -v -run TestSoak ./test/faults/

store-test: bin/versitygw ## stores of archives, with a real S3 server
	PROFILES_S3_SERVER=$(CURDIR)/bin/versitygw go test $(RACE) -count 1 -timeout 5m -run 'S3|Store' ./store ./worker ./cmd/profiles

k8s-keda: ## the consumer that KEDA shall look at, asked of a running worker, into k8s/overlays/keda
	@set -e; pod=$$(kubectl -n $(NAMESPACE) get pods -l app.kubernetes.io/name=profile-worker --field-selector=status.phase=Running -o jsonpath='{.items[0].metadata.name}'); \
	generation=$$(kubectl get --raw "/api/v1/namespaces/$(NAMESPACE)/pods/$$pod:8448/proxy/metrics" | sed -n 's/^profiles_worker_generation_info{.*generation="\([a-z0-9]*\)".*/\1/p'); \
	test -n "$$generation" || { echo "$$pod works on no generation yet: see its /readyz" >&2; exit 1; }; \
	echo "consumer=align-$$generation" | tee k8s/overlays/keda/consumer.env

k8s-test: images k8s-secrets ## the system in the cluster of KUBECONFIG (k8s/README.md says what it needs)
	@if [ -n "$$K8S_LOAD" ]; then for archive in bin/images/*.tar; do $$K8S_LOAD $(CURDIR)/$$archive || exit 1; done; fi
	go test -count 1 -timeout 40m -tags k8s -v ./test/k8s/

k8s-secrets: ## keys, certificates and rights of NATS in k8s/secrets; what is there stays
	go run ./cmd/profiles credentials --out k8s/secrets $(CREDENTIALS)

bin/versitygw: test/s3/go.mod test/s3/go.sum
	CGO_ENABLED=0 go build -modfile=test/s3/go.mod -o $@ github.com/versity/versitygw/cmd/versitygw

ci: lint vet test-all fma-test oracle-test browser-test bench-once fuzz e2e store-test fault-brief images-test manifests-test ## all that CI checks

clean: ## remove what was built
	rm -rf bin
