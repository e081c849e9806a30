# The tasks of this project, for people and for CI. make without a target lists them.

# The race detector needs a C compiler. Without one, the tests run without the race detector.
RACE := $(shell command -v $${CC:-cc} >/dev/null 2>&1 && echo -race)
# Most tests wait for timers and servers of their own, so more of them run at once than there are cores.
WAITING := -p 4 -parallel 8
LINT := go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint
# Programs that only the build uses. Each is a module of its own.
TOOLS := tools/bench tools/ko tools/manifests
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
REVISION = $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# The creation time of images is that of the commit, so two builds of a commit give the same bytes.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
CREATED = $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null)
LDFLAGS := -s -w -X github.com/cis490/profiles/internal/service.version=$(VERSION)
OUT ?= bin/
# Debug information is left out of the packages, not only of the binaries: that saves a tenth of a first build.
BUILD_FLAGS = -trimpath -gcflags=all=-dwarf=false -ldflags '$(LDFLAGS)'
FUZZTIME ?= 10s
# The namespace of the system in Kubernetes.
NAMESPACE ?= profiles
# A Python that has numpy, scipy, zstandard, pyarrow, duckdb, pandas and scikit-learn.
PYTHON ?= python3
# Images are named $(IMAGE_PREFIX)/<name>:$(IMAGE_TAG).
IMAGE_PREFIX ?= ghcr.io/cis490
IMAGE_TAG ?= dev
# The folder of Kubernetes manifests, and the objects that exist without a manifest: Kind/name,Kind/name.
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

test: ## the tests without the slow ones, with the race detector; under 5 minutes on two cores
	go test $(RACE) -short $(WAITING) -timeout 10m ./...

test-all: ## all tests, with the race detector, as CI runs them
	go test $(RACE) $(WAITING) -timeout 20m ./...

lint: ## golangci-lint, pinned in tools/go.mod
	$(LINT) run --build-tags browser,faults ./...
	@set -e; for dir in $(TOOLS); do echo "lint $$dir"; (cd $$dir && $(LINT) run ./...); done

vet: ## go vet; fail if go mod tidy would change a go.mod
	go vet -tags faults ./...
	go mod tidy -diff
	go mod tidy -C test/s3 -diff
	@set -e; for dir in $(TOOLS); do echo "vet $$dir"; go vet -C $$dir ./...; go mod tidy -C $$dir -diff; done

fmt: ## format the code
	$(LINT) fmt ./...
	@set -e; for dir in $(TOOLS); do (cd $$dir && $(LINT) fmt ./...); done

tidy: ## bring go.mod and go.sum up to date
	go mod tidy
	go mod tidy -C test/s3
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

manifests-test: ## build and check all kustomizations of MANIFESTS, without a cluster
	go test -C tools/manifests -count 1 ./...
	@# Check a copy with its own secrets.
	rm -rf bin/manifests && mkdir -p bin && cp -R $(MANIFESTS) bin/manifests && rm -rf bin/manifests/secrets
	go run ./cmd/profiles credentials --out bin/manifests/secrets
	go run -C tools/manifests . -code $(CURDIR) -given '$(MANIFESTS_GIVEN)' $(CURDIR)/bin/manifests

bench: ## the table of docs/PERFORMANCE.md (PYTHON=...; ONLY=a package; PROFILES_SCALE_EPISODES=10000 for less)
	@PROFILES_PYTHON=$(PYTHON) PROFILES_SCALE_EPISODES=$${PROFILES_SCALE_EPISODES:-1000000} go run -C tools/bench . -code $(CURDIR) -only '$(ONLY)'

bench-once: ## run each benchmark once, and test the program that prints the table
	go test -run '^$$' -bench . -benchtime 1x -timeout 20m ./...
	go test -C tools/bench ./...

fuzz: ## run each fuzz target for FUZZTIME
	@set -e; for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "fuzz $$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$pkg; \
		done; \
	done

fma-test: ## test the numbers when compiled with fused multiply-add
	@if grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo; then \
		GOAMD64=v3 go test ./fit ./align; \
	else echo "this processor can't run GOAMD64=v3: not tested"; fi

oracle-test: ## compare goldens and parquet with numpy, scikit-learn, pyarrow and DuckDB (PYTHON=...)
	PROFILES_PYTHON=$(PYTHON) go test -count 1 -run 'Python|Oracles' ./...

browser-test: ## test the page in a headless Chromium
	go test $(RACE) -count 1 -timeout 15m -tags browser ./dashboard/browsertest/

e2e: build ## test the binaries, from accepted episodes to the saved fit
	test/e2e.sh bin examples/recorded

fault-test: ## inject every fault once into real processes (PROFILES_FAULT_SEED=... repeats a schedule)
	go test -count 1 -timeout 20m -tags faults -v -run TestFaults ./test/faults/

fault-brief: ## some faults of one seed and some hostile archives, in a few minutes
	PROFILES_FAULT_SEED=$${PROFILES_FAULT_SEED:-1} PROFILES_FAULT_PATIENCE=$${PROFILES_FAULT_PATIENCE:-4} PROFILES_FAULT_ARCHIVES=$${PROFILES_FAULT_ARCHIVES:-500} \
		go test -count 1 -timeout 40m -tags faults -v -run 'TestBrief|TestHostile' ./test/faults/

hostile-test: ## give a worker PROFILES_FAULT_ARCHIVES hostile archives, 10,000 by default
	go test -count 1 -timeout 60m -tags faults -v -run TestHostile ./test/faults/

fault-soak: ## inject random faults for PROFILES_FAULT_TIME, an hour by default
	PROFILES_FAULT_TIME=$${PROFILES_FAULT_TIME:-1h} go test -count 1 -timeout 0 -tags faults -v -run TestSoak ./test/faults/

store-test: bin/versitygw ## test the stores of archives with a real S3 server
	PROFILES_S3_SERVER=$(CURDIR)/bin/versitygw go test $(RACE) -count 1 -timeout 5m -run 'S3|Store' ./store ./worker ./cmd/profiles

k8s-keda: ## write the name of the running worker's consumer into k8s/overlays/keda
	@set -e; pod=$$(kubectl -n $(NAMESPACE) get pods -l app.kubernetes.io/name=profile-worker --field-selector=status.phase=Running -o jsonpath='{.items[0].metadata.name}'); \
	generation=$$(kubectl get --raw "/api/v1/namespaces/$(NAMESPACE)/pods/$$pod:8448/proxy/metrics" | sed -n 's/^profiles_worker_generation_info{.*generation="\([a-z0-9]*\)".*/\1/p'); \
	test -n "$$generation" || { echo "$$pod works on no generation yet: see its /readyz" >&2; exit 1; }; \
	echo "consumer=align-$$generation" | tee k8s/overlays/keda/consumer.env

k8s-test: images k8s-secrets ## test the system in the cluster of KUBECONFIG (see k8s/README.md)
	@if [ -n "$$K8S_LOAD" ]; then for archive in bin/images/*.tar; do $$K8S_LOAD $(CURDIR)/$$archive || exit 1; done; fi
	go test -count 1 -timeout 40m -tags k8s -v ./test/k8s/

k8s-secrets: ## create keys, certificates and rights of NATS in k8s/secrets; existing files are kept
	go run ./cmd/profiles credentials --out k8s/secrets $(CREDENTIALS)

bin/versitygw: test/s3/go.mod test/s3/go.sum
	CGO_ENABLED=0 go build -modfile=test/s3/go.mod -o $@ github.com/versity/versitygw/cmd/versitygw

ci: lint vet test-all fma-test oracle-test browser-test bench-once fuzz e2e store-test fault-brief images-test manifests-test ## everything that CI checks

clean: ## remove bin/
	rm -rf bin
