# CRM Connector. `make help` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help run demo test format vet lint race once simulate soak bench fuzz build validate local invoke-all rehearse suites coldstart checks vuln ci

SEEDS ?= 500
HOURS ?= 2
DELIVERIES ?= 20000
DEFECTS ?= 200
FUZZTIME ?= 5s
GOVULNCHECK ?= v1.9.0
ROUNDS ?= 101
RUNNER ?= docker

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## run the whole suite on 127.0.0.1 between two sandbox CRMs; prints what to try
	@echo 'building …'
	@go run ./pkg/desk/cmd/sandbox

demo: ## play a day in scenes, check each, print a table
	@go run ./pkg/desk/cmd/sandbox -demo

test: format vet lint race once ## format, vet, staticcheck, every test under the race detector, and every benchmark once

format:
	@out=$$(gofmt -l functions pkg) || exit 1; if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi

vet:
	@go vet ./...

lint:
	@go tool staticcheck ./...

race:
	@go test -race ./...

# A benchmark checks what it measures: one that fails is a fault like another. Memory's need minutes.
once:
	@out=$$(go test -run '^$$' -bench . -skip BenchmarkMemory -benchtime 1x ./pkg/desk/bench) || { echo "$$out"; exit 1; }

simulate: ## run the real handlers through SEEDS=500 seeded days of each configuration, and a short soak
	@go run ./pkg/desk/cmd/simulate -seeds $(SEEDS)
	@$(MAKE) --no-print-directory soak HOURS=1 DELIVERIES=5000 DEFECTS=10

soak: ## let the real handlers work for HOURS=2 of messages and DELIVERIES=20000 of conversions, and report DEFECTS=200 spoiled tables (in full: 72, 1000000)
	@go run ./pkg/desk/cmd/soak messages --hours $(HOURS)
	@go run ./pkg/desk/cmd/soak conversions --deliveries $(DELIVERIES)
	@go run ./pkg/desk/cmd/soak report --defects $(DEFECTS)

bench: ## measure operations a second, the door, CRM calls an operation, memory a pair
	@go test -run '^$$' -bench . -benchmem ./pkg/desk/bench

fuzz: ## fuzz every parser of foreign bytes for FUZZTIME=5s each (or a count: 1000x)
	@set -e; log=$$(mktemp); trap 'rm -f "$$log"' EXIT; for pkg in $$(grep -rl --include='*_test.go' '^func Fuzz' pkg | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -h '^func Fuzz' $$pkg/*_test.go | sed 's/func \(Fuzz[A-Za-z0-9_]*\).*/\1/'); do \
	    echo "fuzz $$pkg $$f"; go test ./$$pkg -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) >"$$log" 2>&1 || { cat "$$log"; exit 1; }; \
	  done; done

build: ## build every function for Lambda into .aws-sam/
	@.ci/tools sam
	@SAM_CLI_TELEMETRY=0 CGO_ENABLED=0 GOFLAGS="-tags=lambda.norpc -trimpath -ldflags=-s -buildvcs=false" .tools/sam/bin/sam build

validate: ## check the template as CloudFormation will read it; needs neither an account nor a network
	@.ci/tools sam
	@SAM_CLI_TELEMETRY=0 .tools/sam/bin/sam validate --lint

local: build ## run what functions need under `sam local`: an emulator of AWS, sandbox CRMs and WhatsApp; prints what to try
	@.ci/tools ministack docker base-image
	@go run ./pkg/desk/cmd/local

invoke-all: build ## run every file of events/ through the SAM CLI in Docker, compare answer and effect (ONLY=webhook.*, RUNNER=process)
	@.ci/tools ministack $(if $(filter docker,$(RUNNER)),docker base-image)
	@go run ./pkg/desk/cmd/invoke --runner '$(RUNNER)' --only '$(ONLY)'

suites: ## put the suites of tables, queues, mails, secrets and functions to two emulators; five minutes
	@.ci/tools ministack elasticmq
	@go run ./pkg/desk/cmd/suites

coldstart: ## start each function through Lambda's Runtime API against a bare one, ROUNDS=101 times; weigh its archive
	@go run ./pkg/desk/cmd/coldstart -rounds $(ROUNDS)

checks: ## golangci-lint over the code, checkov over the template; each exception has its reason beside it
	@.ci/tools golangci-lint checkov
	@.tools/golangci-lint/golangci-lint run ./...
	@.tools/checkov/bin/checkov --config-file .ci/checkov.yaml -f template.yaml

vuln: ## look for known holes in what is used; needs a network to vuln.go.dev
	@go run golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK) ./... || { echo 'govulncheck needs its module from the Go proxy and its database from https://vuln.go.dev;'; \
	  echo 'where they cannot be reached, the workflow in .github/ runs it at every push.'; exit 1; }

rehearse: ## deploy the template as it is to an emulator of AWS and play the stack's first days (ARGS=--help)
	@go run ./pkg/desk/cmd/rehearse $(ARGS)

ci: ## everything that the gate runs
	@.ci/run
