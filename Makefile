# Thin: each target sets up .venv by itself, then calls one tool.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

export OMP_NUM_THREADS ?= $(shell nproc 2>/dev/null || echo 2)
# threads that wait must not spin: on a busy machine that costs torch more than ten times its own work
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo lab test lint unit notebooks browser bench clean

demo: $(READY)        ## fit two methods on rendered images and write one HTML report
	$(BIN)/distoolkit demo

lab: $(READY)         ## open the first tutorial in JupyterLab
	$(BIN)/distoolkit lab

test: lint unit notebooks browser   ## everything that CI runs

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not browser"

notebooks: $(READY)   ## every notebook runs and prints what it printed when it was written
	OMP_NUM_THREADS=1 PYTHONHASHSEED=0 $(BIN)/python -m pytest -n 2 --dist loadfile --nbval \
		--nbval-sanitize-with notebooks/sanitize.cfg notebooks

browser: $(READY)     ## JupyterLab, the dashboard and the report in a real Chromium
	$(BIN)/python -m pytest -m browser tests/browser

bench: $(READY)       ## speeds and sizes against their bars
	$(BIN)/python -m bench

# flit_core first: the distributions here are then built without a download each
$(READY): requirements.txt constraints.txt pyproject.toml $(wildcard plugins/*/pyproject.toml)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt flit_core
	$(BIN)/python -m pip install --no-build-isolation -c constraints.txt -r requirements.txt
	touch $(READY)

clean:
	rm -rf $(VENV) out
