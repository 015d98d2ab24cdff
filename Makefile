# Two commands: `make demo` runs the main job, `make test` passes the tests.
# Both get what they need first and say what they do.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
ENV := . third_party/env.sh;
RUN ?= runs/demo
PACKAGES := ./...
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0

.PHONY: man dist dist-check dist-twice cuda-check gpu-check gpu-bundle compiler mpi install-check paper experiment bench-peers bench-trl bench-pass bench-mpi memory-mpi bench-drafts check-lm-eval build setup demo resume-check kill-check slurm-check test tests fetched zig tiers \
  race portable arm64 browser-check check fmt vet lint generated fuzz goldens clean

build: setup
	@$(ENV) echo "Building bin/stele" >&2; go build -ldflags "$$STELE_LDFLAGS $$(third_party/commit.sh)" -o bin/stele ./cmd/stele

setup:
	@third_party/setup.sh

demo: build
	@examples/demo.sh $(RUN)

# Manual pages of all commands: man -l bin/man/stele-train.1.
man: build
	@bin/stele man bin/man

# Archives and Python wheels of this clone's commit that need no building, for ARCHES (amd64, arm64), in bin/dist;
# dist-check tries them where nothing else is; dist-twice builds again elsewhere, from nothing, and compares bytes.
ARCHES ?=
dist: setup
	@third_party/dist.sh bin/dist $(ARCHES)

dist-check:
	@third_party/dist-check.sh bin/dist

dist-twice: setup
	@third_party/dist-twice.sh bin/dist $(ARCHES)

# go install of this clone's commit by its path, as a user has it where libtokenizers.a is.
install-check: setup
	@third_party/install-check.sh

# The paper's three studies in miniature, from nothing, and one page of them: PAPER/report/report.html.
PAPER ?= runs/paper
WORKERS ?= 2
paper: build
	@bin/stele study examples/studies/miniature.yaml --out $(PAPER) --workers $(WORKERS)

# What is learned, over SEEDS seeds: EXPERIMENT is builtin, arithmetic (MODEL is
# SmolLM2-135M's folder) or languages.
SEEDS ?= 3
experiment: build
	@MODEL=$(MODEL) examples/experiments.sh $(EXPERIMENT) runs/experiment-$(EXPERIMENT) $(SEEDS)

# Kills an evaluation of MODEL, a model's folder, at random moments and compares what
# comes out with a run left alone; DATA is a folder of benchmarks with mgsm in it.
# FLAGS="--limit 2 -n 2 --max-tokens 48" makes it small.
resume-check: build
	@examples/resume-check.sh $(MODEL) $(DATA) runs/resume-check $(FLAGS)

# Kills GRPO runs on XLA, and a study, with signal 9, KILLS times each, resumes them, and
# compares what they leave with runs that were let alone, byte for byte. Then ROUNDS evaluations, studies and trainings
# of random settings, by 2 to 4 processes of MPICH's or Open MPI's launcher: one is killed or gets a signal, or the
# launcher does, up to three times, others go on, and the files are compared with one process's.
KILLS ?= 12
ROUNDS ?= 20
kill-check: setup mpi
	@$(ENV) go test ./cmd/stele -count 1 -v -timeout 0 -kills $(KILLS) -rounds $(ROUNDS) \
	  -run 'TestTrainKilled|TestStudyKilled|TestTrainTogetherKilled|TestRounds'

# The same under Slurm's srun on this machine, as root on Debian or Ubuntu, whose packages of Slurm it fetches.
slurm-check: setup mpi
	@third_party/slurm-check.sh $(ROUNDS)

# What is checked without running, the tests as this machine runs them, what is computed again
# on every other tier of instructions that it has and without any, what runs side by side again
# under the race detector, and the module as arm64 has it. At the end it says how long each part took, and what of the
# tests took longest: CI ends it after half an hour.
PARTS := check tests tiers portable race arm64
test:
	@took=; part() { local began=$$SECONDS; $(MAKE) --no-print-directory "$$@"; took+=", $${*: -1} $$((SECONDS - began)) s"; }; \
	  part -j4 -O fetched; for name in $(PARTS); do part $$name; done; \
	  cat $(SLOWEST); echo "test: passed in $$SECONDS s: $${took#, }"

# All that is fetched, at once: it is the network that takes the time, and of setup one core's compiler.
fetched: setup compiler mpi zig

# go vet, a part of check, finds what it would find again before each package's tests.
SLOWEST := bin/slowest-tests.txt
tests: setup compiler mpi
	@$(ENV) export STELE_TEST_PROGRAMS=$$STELE_CACHE/test-programs; rm -rf "$$STELE_TEST_PROGRAMS"; \
	  go test -json -vet=off -timeout 25m $(PACKAGES) | go run ./third_party/testtimes $(SLOWEST)

# Programs compiled for GPUs that are not here, GPUS, with the weights' shapes alone: tiny models and those of
# docs/memory.md, or MODELS, names between commas. FLAGS=-update notes anew what they take.
GPUS ?= sm_80,sm_89,sm_90,sm_100
MODELS ?= tiny,models
# CUDNN=1 has cuDNN plan its calls for them, too.
cuda-check: setup
	@$(ENV) third_party/fetch-cuda.sh "$$STELE_CUDA" && \
	  $(if $(CUDNN),third_party/fetch-cudnn.sh "$$STELE_CUDNN_DIR" &&) \
	  go test ./trainer/cudacheck -count 1 -timeout 0 -v -gpus '$(GPUS)' -models '$(MODELS)' $(if $(CUDNN),-cudnn) $(FLAGS)

# What those are compiled with; without it their tests are skipped.
compiler:
	@$(ENV) third_party/fetch-cuda.sh "$$STELE_CUDA" || \
	  echo "NO PROGRAM WILL BE COMPILED FOR CUDA: XLA's plugin could not be fetched" >&2

# What tests of several processes run with; without it they are skipped.
mpi:
	@$(ENV) third_party/fetch-mpi.sh "$$STELE_MPI_DIR" || \
	  echo "NO TEST WILL RUN UNDER MPI: MPICH and Open MPI could not be fetched" >&2

# What builds for arm64; without it that is not built.
zig:
	@third_party/fetch-zig.sh >/dev/null || true

# STELE_CPU=avx2 go test ./... is all tests as on a machine that has no more.
tiers: setup
	@third_party/test-tiers.sh

# Packages that start goroutines of their own, without tests that only take long.
# GoMLX's backend does arithmetic with pointers that the detector's other check refuses.
RACE ?= ./kernels/host ./internal/hub ./internal/progress ./internal/diskcache ./internal/threads ./engine/text ./eval ./eval/langid ./eval/answer \
  ./internal/command ./trainer/reward
RACE_ENGINE ?= TestCancel|TestRefuses|TestFindStop
RACE_TRAINER ?= TestDroppedWithAnError|TestCommandThatFails
race: setup
	@$(ENV) echo "Tests under the race detector" >&2; \
	  raced() { go test -race '-gcflags=github.com/gomlx/...=-d=checkptr=0' -vet=off -short -timeout 15m "$$@"; }; \
	  raced $(RACE) && raced -run '$(RACE_ENGINE)' ./engine && raced -run '$(RACE_TRAINER)' ./trainer

# Kernels in plain Go, which processors without a tier of their own run.
portable: setup
	@third_party/test-portable.sh

arm64: setup
	@third_party/check-arm64.sh

# Pages of reports in a Chromium without a window, at 420 and at 1,400 pixels: part of make test, aloud by itself.
browser-check: setup
	@$(ENV) go test ./eval/report -run TestBrowser -count=1 -v

# What needs no run: each says what it looked at.
check: fmt vet lint generated

fmt:
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "fmt: not as gofmt writes them: "$$files >&2; exit 1; fi; \
	  echo "fmt: files are as gofmt writes them"

vet: setup
	@$(ENV) go vet $(PACKAGES) && echo "vet: nothing found"

lint: setup
	@$(ENV) go run $(STATICCHECK) $(PACKAGES) && echo "lint: staticcheck found nothing"

generated: setup
	@third_party/check-generated.sh

# Goldens, the same tokens, a run that is killed and speeds on a machine with a GPU and without a network, in one report:
# docs/gpu.md. Without Go it runs what make gpu-bundle put into bin/gpu-check. FLAGS="--backend xla:cpu --small" tries it.
gpu-check:
	@if command -v go >/dev/null; then $(MAKE) --no-print-directory gpu-bundle; fi
	@bin/gpu-check/gpu-check $(FLAGS)

gpu-bundle: setup
	@third_party/gpu-bundle.sh bin/gpu-check

# Stele against transformers and llama.cpp, which it installs; a part of it by
# FLAGS="--model smollm2 --batch 1 --context 256".
bench-peers: build
	@third_party/bench-peers.sh $(FLAGS)

# A GRPO step against TRL's, which it installs; FLAGS="--dtype float32 --rounds 1" is a part.
bench-trl: build
	@third_party/bench-trl.sh $(FLAGS)

# GRPO's steps in two processes of one core each against one process of one core; MODEL is a folder, QUESTIONS how many
# a step has.
memory-mpi: build
	@third_party/memory-mpi.sh $(MODEL) $(CASES)
bench-mpi: build
	@QUESTIONS=$(QUESTIONS) third_party/bench-mpi.sh $(MODEL) $(PAIRS) $(FLAGS)

# An update on one sequence of 4,096 tokens against torch's; FLAGS="--dtype float32 --rounds 1" is a part.
bench-pass: build
	@third_party/bench-pass.sh $(FLAGS)

# lm-evaluation-harness, which it installs, through stele serve and stele eval: the same outputs and log-probabilities.
check-lm-eval: build
	@third_party/check-lm-eval.sh $(MODEL)

# Generation with guesses of repeated tokens and without; MODEL is a folder.
bench-drafts: build
	@third_party/bench-drafts.sh $(MODEL) $(FLAGS)

# Every fuzz target for FUZZTIME each.
FUZZTIME ?= 20s
fuzz: setup
	@$(ENV) for package in $$(go list $(PACKAGES)); do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package; \
	  done; done

# Reference values anew; needs verl 0.9.1, torch, transformers 5.24.0 and Jinja2 3.1.6 in
# python3, which nothing else does.
goldens:
	@python3 third_party/objective-goldens.py testdata/objective.json
	@python3 third_party/variant-goldens.py testdata/variants
	@python3 third_party/template-goldens.py engine/text/jinja/testdata

clean:
	rm -rf bin runs
