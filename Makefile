# Each target makes its own virtual environment and installs what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test lint ofx wheel bench bench-service bench-svd proto released example clean
.DEFAULT_GOAL := demo

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | expand -t 16

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; (3, 10) <= sys.version_info[:2] <= (3, 13) or sys.exit("relumix needs Python 3.10 to 3.13, this is " + sys.version.split()[0] + ": make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed-demo: $(VENV)/.made setup.cfg constraints.txt
	$(INSTALL) --editable '.[web]'
	@touch $@

# With all that the demo needs.
$(VENV)/.installed: $(VENV)/.made setup.cfg constraints.txt
	$(INSTALL) --editable '.[dev]'
	@touch $(VENV)/.installed-demo $@

demo: $(VENV)/.installed-demo  ## relight the example shot; results in demo/
	$(BIN)/relumix relight examples/shot/plate -r examples/shot/truth/example.1008.exr \
		-r examples/shot/truth/example.1014.exr -o demo/relit \
		--gain-out demo/gain/example.####.exr --contact-sheet demo/contact_sheet.png --preview demo/before_after.mp4 \
		--progress bar --overwrite
	@echo "or in a browser: $(BIN)/relumix web opens http://127.0.0.1:7860/"

test: $(VENV)/.installed  ## run the tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

wheel: $(VENV)/.made  ## build dist/relumix-VERSION-py3-none-any.whl: library, command, server, the weights of lite
	rm -rf build dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

lint: $(VENV)/.installed  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

ofx: $(VENV)/.made  ## build the OpenFX plugin for Linux, Windows and macOS, build/Relumix.ofx.bundle; minutes
	$(INSTALL) ziglang
	PYTHONPATH=ofx_plugin $(BIN)/python -m relumix_ofx.build build

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
	$(BIN)/python examples/shot/render.py --out examples/shot --overwrite

clean:  ## remove what these targets made
	rm -rf build demo dist $(VENV)
