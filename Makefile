# Each target makes its own virtual environment and installs what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench bench-service bench-svd proto released example clean
.DEFAULT_GOAL := demo

$(VENV)/.installed: setup.cfg constraints.txt
	@$(PYTHON) -c 'import sys; (3, 10) <= sys.version_info[:2] <= (3, 13) or sys.exit("relumix needs Python 3.10 to 3.13, this is " + sys.version.split()[0] + ": make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(VENV)/.installed  ## relight the example shot; results in demo/
	$(BIN)/relumix relight examples/shot/plate -r 1001=examples/shot/truth/example.1001.exr -o demo/relit \
		--gain-out demo/gain/example.####.exr --contact-sheet demo/contact_sheet.png --preview demo/before_after.mp4 \
		--progress bar --overwrite

test: $(VENV)/.installed  ## run the tests
	$(BIN)/python -m pytest

lint: $(VENV)/.installed  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed  ## measure speed and memory; minutes
	$(BIN)/python tests/benchmarks/bench_relight.py

proto: $(VENV)/.installed  ## generate relumix/v1/ from proto/
	$(BIN)/python -m grpc_tools.protoc -I proto --python_out=. --pyi_out=. --grpc_python_out=. proto/relumix/v1/relight.proto

released: $(VENV)/.installed  ## at a release: keep proto/ as what later ones must be compatible with
	$(BIN)/python -m grpc_tools.protoc -I proto --descriptor_set_out=proto/released.binpb relumix/v1/relight.proto

bench-service: $(VENV)/.installed  ## measure the server; minutes
	$(BIN)/python tests/benchmarks/bench_service.py

MINUTES ?= 4
bench-svd: $(VENV)/.installed  ## measure Stable Video Diffusion's network on a GPU, in MINUTES=4
	$(BIN)/python tests/benchmarks/bench_svd.py --minutes $(MINUTES)

example: $(VENV)/.installed  ## render the example shot again; half an hour
	$(BIN)/python -m pip install --quiet --constraint constraints.txt '.[dataset]'
	$(BIN)/python examples/shot/render.py --out examples/shot --overwrite

clean:  ## remove what these targets made
	rm -rf demo $(VENV)
