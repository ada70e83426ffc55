# Each target creates what it needs: a virtual environment of its own, the native module, the packages.
# Needed beforehand: Python 3.11 or newer with venv, make, a C and C++ compiler.
#
#   make demo                 the whole way once on handwritten digits   (DATA=mnist: on MNIST)
#   make demo-federated       a federation of processes on this machine through Flower   (ARGS='--data mnist.npz --rounds 30')
#   make demo-factorizations  every kind of factorization on LeNet-300-100 (ARGS="--data mnist": on MNIST)
#   make test                 the whole suite                            (WITH=torch: the torch front end too)
#   make test-edge            the part that needs numpy and msgpack only
#   make test-floor           the suite on the oldest supported TensorFlow, with TensorFlow Compression's coders
#   make test-flower          the tests of the Flower adapter on Flower itself
#   make check                lint, format, types
#   make libwcz               the decoder for devices as two files in build/libwcz (no packages needed)
#   make bench-coders PEERS=...  coders; PEERS is the python of an environment with NNCodec, constriction, zstandard, zipnn
#   make bench-ptq PEERS=...  post-training coding; PEERS as above
#   make vectors | fuzz | clean

DATA ?= digits
TORCH ?= torch==2.13.0
WITH ?=
ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export TF_CPP_MIN_LOG_LEVEL ?= 3
# Keep bytecode: a process that compiles all of Keras and TensorFlow before it starts takes six seconds more.
export PYTHONDONTWRITEBYTECODE :=

# The first interpreter that runs, is new enough and can make a virtual environment; prints where it is.
PYTHON_CANDIDATES := python3 python3.12 python3.11 python3.13 python3.14 python
PYTHON_PROBE := import sys, venv, ensurepip; sys.version_info >= (3, 11) and print(sys.executable)
ifndef PYTHON
PYTHON := $(firstword $(foreach name,$(PYTHON_CANDIDATES),$(shell $(name) -c '$(PYTHON_PROBE)' 2>/dev/null)))
endif

# What the installed package is made from; Python files are used where they lie (editable install).
BUILT_FROM := pyproject.toml CMakeLists.txt $(wildcard wcodec/native/*.* wcodec/native/posttrain/*)

, := ,

# $(call install,VENV,WHAT,PACKAGES): quiet unless it fails.
define install
@echo "$(1): installing $(2) ..."
@log=$$($(1)/bin/python -m pip install --no-compile --progress-bar off $(3) 2>&1) || { printf '%s\n' "$$log"; exit 1; }
@touch $@
endef

.PHONY: libwcz demo demo-federated demo-factorizations test test-edge test-floor test-flower check bench-coders bench-ptq vectors fuzz clean
.DELETE_ON_ERROR:

demo: .venv/.demo
	@.venv/bin/wcz demo --data $(DATA) $(ARGS)

demo-federated: .venv-flower/.flower
	@.venv-flower/bin/python tools/bench/flower_loopback.py --rounds 5 --warm $(ARGS)

test: .venv/.test $(if $(WITH),.venv/.$(WITH))
	@.venv/bin/python -m pytest $(ARGS)

test-edge: .venv-edge/.test
	@.venv-edge/bin/python -m pytest tests/edge $(ARGS)

# C code, its compilers and its sanitizers do not depend on TensorFlow: once is enough.
test-floor: .venv-floor/.test
	@.venv-floor/bin/python -m pytest --ignore=tests/device --ignore=tests/fuzz $(ARGS)

test-flower: .venv-flower/.flower
	@.venv-flower/bin/python -m pytest tests/federated $(ARGS)

check: .venv-check/.check
	@.venv-check/bin/ruff check --quiet
	@.venv-check/bin/ruff format --check --quiet
	@.venv-check/bin/mypy --no-error-summary

demo-factorizations: .venv/.factor
	@.venv/bin/python tools/bench/factorizations.py $(ARGS)

bench-coders: .venv/.test
	@.venv/bin/python tools/bench/coders.py $(if $(PEERS),--peers $(PEERS)) $(ARGS)

bench-ptq: .venv/.torch
	@.venv/bin/python tools/bench/ptq.py $(if $(PEERS),--peers $(PEERS)) $(ARGS)

libwcz:
	@$(PYTHON) tools/amalgamate.py build/libwcz

vectors: .venv/.test
	@.venv/bin/python tools/make_vectors.py $(ARGS)

fuzz: .venv/.test
	@.venv/bin/python tools/fuzz/mutate.py $(ARGS)

clean:
	rm -rf .venv .venv-* build dist wcodec/*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/.demo: $(BUILT_FROM) | .venv/pyvenv.cfg
	$(call install,.venv,wcodec and TensorFlow,-e '.[demo]')

.venv/.test: $(BUILT_FROM) | .venv/pyvenv.cfg
	$(call install,.venv,wcodec$(,) TensorFlow and the test tools,-e '.[test]')
	@touch .venv/.demo

.venv/.factor: pyproject.toml | .venv/.demo
	$(call install,.venv,SciPy and scikit-learn for fitting,-e '.[demo$(,)factor]')

.venv/.torch: pyproject.toml | .venv/.test
	$(call install,.venv,$(TORCH),'$(TORCH)')

.venv-edge/.test: $(BUILT_FROM) | .venv-edge/pyvenv.cfg
	$(call install,.venv-edge,wcodec on numpy and msgpack,-e '.[test-edge]')

.venv-floor/.test: $(BUILT_FROM) tests/floor.txt | .venv-floor/pyvenv.cfg
	$(call install,.venv-floor,wcodec and the oldest TensorFlow,-r tests/floor.txt -e '.[test-edge$(,)cli]')

.venv-flower/.flower: $(BUILT_FROM) | .venv-flower/pyvenv.cfg
	$(call install,.venv-flower,wcodec and Flower,-e '.[flower$(,)test-edge]' scikit-learn)

.venv-check/.check: pyproject.toml Makefile | .venv-check/pyvenv.cfg
	$(call install,.venv-check,the linters,mypy ruff click ml_dtypes msgpack numpy rich)

.PRECIOUS: %/pyvenv.cfg
%/pyvenv.cfg:
	@$(if $(PYTHON),,echo "no Python 3.11 or newer with venv among: $(PYTHON_CANDIDATES). Name one: make PYTHON=/path/to/python3" >&2; exit 1;)
	@$(PYTHON) -m venv $*
