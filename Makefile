# Each target is one line into tools/, which needs nothing but Python's standard library.
PYTHON ?= python3

.PHONY: run test bench lint compat chaos pictures shell clean

run: ; @$(PYTHON) -m tools run
test: ; @$(PYTHON) -m tools test $(ARGS)
bench: ; @$(PYTHON) -m tools bench
lint: ; @$(PYTHON) -m tools lint
chaos: ; @$(PYTHON) -m tools chaos
compat: ; @$(PYTHON) -m tools compat
pictures: ; @$(PYTHON) -m tools pictures
shell: ; @$(PYTHON) -m tools shell
clean: ; @$(PYTHON) -m tools clean
