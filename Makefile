# The tasks of this project, for people and for CI. make without a target lists them.

# The race detector needs a C compiler. Without one, the tests run without the race detector.
RACE := $(shell command -v $${CC:-cc} >/dev/null 2>&1 && echo -race)
# Most tests wait for timers and servers of their own, so more of them run at once than there are cores.
WAITING := -p 3 -parallel 6
LINT := go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint
# The packages whose results are equal on every processor, to the last bit.
NUMBERS := ./fit ./align ./episode ./signature ./model
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
# A Python that has numpy, scipy, zstandard, pyarrow, duckdb, pandas and scikit-learn.
PYTHON ?= python3
# Images are named $(IMAGE_PREFIX)/<name>:$(IMAGE_TAG).
IMAGE_PREFIX ?= ghcr.io/cis490
IMAGE_TAG ?= dev
# The folder where make images-push writes a component of kustomize with the digests of the images.
PUSHED ?= bin/images/pushed
# The folder of Kubernetes manifests, and the objects that exist without a manifest: Kind/name,Kind/name.
MANIFESTS ?= k8s
MANIFESTS_GIVEN ?= Secret/nats-server,Secret/nats-operator,Secret/nats-worker,Secret/nats-streamer,Secret/nats-dashboard,Secret/dashboard-publish
KO = PUSHED='$(PUSHED)' IMAGE_PREFIX='$(IMAGE_PREFIX)' IMAGE_TAG='$(IMAGE_TAG)' VERSION='$(VERSION)' REVISION='$(REVISION)' CREATED='$(CREATED)' \
	SOURCE_DATE_EPOCH='$(SOURCE_DATE_EPOCH)' LDFLAGS='$(LDFLAGS)' tools/ko/images.sh

.DEFAULT_GOAL := help
.PHONY: help up test test-all lint vet fmt tidy build images images-push images-test manifests-test rules-test bench bench-once fuzz stalls-test fma-test oracle-test browser-test e2e store-test fault-test fault-brief hostile-test fault-soak k8s-secrets k8s-test k8s-scaling-test ci clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Binaries are static.
up build: export CGO_ENABLED = 0

up: ## run the whole system in one process, on the recorded episodes; Ctrl-C ends it
	@tools/build.sh bin/profiles ./cmd/profiles $(BUILD_FLAGS) && exec bin/profiles up

test: ## the tests without the slow ones, with the race detector
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

build: ## static binaries in bin/, and the licences of what is in them
	go build $(BUILD_FLAGS) -o $(OUT) ./cmd/...
	@tools/licences.sh $(OUT)THIRD-PARTY-LICENSES ./cmd/... github.com/nats-io/nats-server/v2

images: ## the five container images: archives in bin/images, loaded into Docker where it runs
	$(KO) archive
	@if docker info >/dev/null 2>&1; then for archive in bin/images/*.tar; do docker load --input $$archive || exit 1; done; fi

images-push: ## the images, pushed to the registry of IMAGE_PREFIX; their digests in PUSHED
	$(KO) push

images-test: images ## check the archives, run their binaries, push to a registry
	go test -C tools/ko -count 1 ./...

manifests-test: ## build and check all kustomizations of MANIFESTS, without a cluster
	go test -C tools/manifests -count 1 ./...
	@# Check a copy with its own secrets.
	rm -rf bin/manifests && mkdir -p bin && cp -R $(MANIFESTS) bin/manifests && rm -rf bin/manifests/secrets
	go run ./cmd/profiles credentials --out bin/manifests/secrets
	go run -C tools/manifests . -code $(CURDIR) -given '$(MANIFESTS_GIVEN)' $(CURDIR)/bin/manifests

rules-test: bin/promtool ## test alerts and recording rules: each alert fires and ends
	@# promtool takes what is below spec.
	@rm -rf bin/rules && mkdir -p bin/rules && sed '1,/^spec:/d; s/^  //' $(MANIFESTS)/monitoring/rules.yaml > bin/rules/rules.yaml
	bin/promtool check rules --lint=all --lint-fatal bin/rules/rules.yaml
	bin/promtool test rules test/rules/*.yaml

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

fma-test: ## no product of the numbers may be fused with a sum: in the listing for arm64, and in tests if this processor can do it
	tools/fused.sh $(NUMBERS)
	@if grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo; then \
		GOAMD64=v3 go test $(NUMBERS); \
	else echo "this processor can't run GOAMD64=v3: not tested"; go test $(NUMBERS); fi

stalls-test: ## archives that cannot be read, of every kind, without the race detector: they keep nobody out
	go test -count 1 -run TestUnreadable ./worker

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

k8s-test: images k8s-secrets ## test the system in the cluster of KUBECONFIG (see k8s/README.md)
	go test -count 1 -timeout 40m -tags k8s -v -run 'TestDryRun|TestKubernetes' ./test/k8s/

k8s-scaling-test: images k8s-secrets ## test scaling by KEDA in the cluster of KUBECONFIG (see k8s/README.md)
	go test -count 1 -timeout 40m -tags k8s -v -run TestScaling ./test/k8s/

k8s-secrets: ## create keys, certificates and rights of NATS in k8s/secrets; existing files are kept
	go run ./cmd/profiles credentials --out k8s/secrets $(CREDENTIALS)

# remove_all_sd leaves service discovery out: half of the build.
bin/promtool: tools/promtool/go.mod tools/promtool/go.sum
	CGO_ENABLED=0 go build -C tools/promtool -tags remove_all_sd $(BUILD_FLAGS) -o $(CURDIR)/$@ github.com/prometheus/prometheus/cmd/promtool

bin/versitygw: test/s3/go.mod test/s3/go.sum
	CGO_ENABLED=0 go build -modfile=test/s3/go.mod -o $@ github.com/versity/versitygw/cmd/versitygw

ci: lint vet test-all stalls-test fma-test oracle-test browser-test bench-once fuzz e2e store-test fault-brief images-test manifests-test rules-test ## everything that CI checks

clean: ## remove bin/
	rm -rf bin
