# `make` lists the targets. Everything runs in .venv, which the first target makes.
SHELL := /bin/bash
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# So that a shell's own settings can't leak another installation's packages into the environment.
unexport PYTHONPATH PYTHONHOME

# Written last, so that an installation that was cut off is taken up again.
INSTALLED := .venv/installed
# Of disk that it takes, with what pip unpacks on the way.
GIGABYTES := 9

.PHONY: help install app repro pretrained test test-fast soak lint bench osmesa serve system-packages clean

help:  ## List the targets
	@grep -hE '^[a-z.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

install: $(INSTALLED)  ## Make the environment in .venv, or bring it up to date

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; make PYTHON=python3.12"; exit 1; }
	@test -d .venv || $(PYTHON) -c 'import shutil; print(shutil.disk_usage(".").free // 10**9)' | { read free; \
	  [ $$free -ge $(GIGABYTES) ] || { echo ".venv takes $(GIGABYTES) GB of disk, and $$free GB are free in $(CURDIR)"; exit 1; }; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	touch $@

app: install  ## Open the page where pictures or a scan become a jaw, and print its address
	tenview app

repro: install  ## Run what is out of date in the pipeline; ends with reports/index.html
	@mkdir -p .tenview  # runs from the UI hold this lock, and wait for it
	flock .tenview/run.lock sh -c 'python -m flows.torn_files && exec dvc --wait-for-lock repro'
	@echo "Open reports/index.html in a browser."

pretrained: install  ## Train the model in pretrained/ anew, by five presets one after another; best in a clone of its own
	for preset in pretrained pretrained_longer pretrained_mirrored pretrained_jittered pretrained_all; do \
	  tenview preset $$preset && dvc --wait-for-lock repro evaluate && tenview export --out pretrained --half --no-onnx \
	  || exit 1; done

serve: install  ## Put the pipeline into the Prefect UI and print its address
	tenview serve

# Two processes of one core each; tests/conftest.py says which tests stay together.
PYTEST := OMP_NUM_THREADS=1 pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder

test: install  ## Run every test that this machine can run
	$(PYTEST) --durations 20

test-fast: install  ## Run the tests without the slow ones
	$(PYTEST) -m "not slow"

KILLS := 200
soak: install  ## Kill the pipeline at random moments, run it twice at once and on a full disk; takes half an hour
	python -m tests.soak --kills $(KILLS)

lint: install  ## Check style, types, import directions, and that dvc.lock is of this code
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	python .ci/check_lock.py

bench: install  ## Run the benchmarks beside their peers; ends with one table
	python benchmarks

osmesa: .venv-osmesa/installed  ## Make the environment of one of the benchmarks' peers; needs libosmesa6

.venv-osmesa/installed: benchmarks/osmesa/requirements.txt
	$(PYTHON) -m venv .venv-osmesa
	.venv-osmesa/bin/python -m pip install --quiet --requirement $<
	.venv-osmesa/bin/python -m pip install --quiet PyOpenGL==3.1.10 2>&1 | grep -v "^ERROR: pip's\|pyrender 0.1.45 requires" || true
	touch $@

# Chromium for the tests of the UI; EGL with Mesa for the `pyrender` backend; the last two for Open3D, which makes
# surfaces anew (`prepare.surface: poisson`). Nothing else needs them.
SYSTEM_PACKAGES := chromium libegl1 libgl1 libgl1-mesa-dri libgomp1 libusb-1.0-0

system-packages:  ## Install what some tests need from the system (Debian; as root or by sudo)
	@command -v apt-get >/dev/null || { echo "no apt-get here; install by hand: $(SYSTEM_PACKAGES)"; exit 1; }
	$(if $(filter 0,$(shell id -u)),,sudo )env DEBIAN_FRONTEND=noninteractive sh -c \
	  'apt-get -qq update && apt-get -qq install --no-install-recommends $(SYSTEM_PACKAGES) >/dev/null'

clean:  ## Delete the environment, caches and shards kept for resuming; results and DVC's cache stay
	rm -rf .venv .venv-osmesa .tenview .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
