# Needs Python 3.11 and make; everything else is fetched. `make help` lists the targets.
PYTHON ?= python3
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)

INPUTS ?= 20000
MUTANTS ?= 300
SEED ?= 0

.PHONY: help setup demo test tests lint fuzz mutation check-types check-slow check-real check-lowest check-frameworks check-stores check-distributed stores site check-wheel sbom licences check-workflows tour check-page check-training bench shape \
  record record-real lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

.tools/bin/uv:
	$(PYTHON) -m pip install --quiet --target .tools uv

.venv/ready: requirements/dev.txt pyproject.toml setup.py $(wildcard src/anglewise/nearest_neighbours/*.[ch]) $(filter .tools/bin/uv,$(UV))
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	$(UV) pip sync --quiet --python $(BIN)/python --compile-bytecode requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

setup: .venv/ready ## make .venv with everything that the tests need

demo: setup ## the main job on generated data: fit, compare, audit; then the page of it, or what opens it
	$(BIN)/anglewise demo --open

# Two workers on two cores: linear algebra on further threads would wait more than it works.
test tests check-types check-slow check-real fuzz mutation: export OPENBLAS_NUM_THREADS ?= 1

# What Python has compiled is kept: compiling is half of what it takes to collect the tests.
unexport PYTHONDONTWRITEBYTECODE

# Types are checked by one process: beside the tests, that no core waits.
test: setup ## every check that a change must pass
	$(MAKE) --jobs 2 lint tests

tests: setup ## the tests alone
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow and not real"

# Checked at every call, the annotations take as long as the tests themselves. Of lists one element
# is looked at by chance, which hypothesis takes for a strategy that draws by itself.
check-types: setup ## the tests again, with arguments and results held to their annotations
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow and not real and not wrong_kinds" \
	  --jaxtyping-packages=anglewise,typechecker.check \
	  -W "ignore:Do not use the:hypothesis.errors.HypothesisDeprecationWarning"

lint: setup ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright

# FILES=tests/fuzz/corpus/*.json replays inputs that were kept instead; ONLY=reader,page runs some targets.
fuzz: setup ## strange inputs in great numbers: INPUTS=200000 SEED=0; findings go to build/fuzz
	PYTHONPATH=tests $(BIN)/python -m fuzz --inputs $(INPUTS) --seed $(SEED) --only "$(ONLY)" $(FILES)

# What tests enter and what became of each mutant stands in build/mutation: a run goes on where it was.
# MORE="--again --seconds 30" asks more tests about those that survived; MORE=--report only tells.
mutation: setup ## mutants of six rooms against their fast tests: MUTANTS=300 SEED=0 ROOMS=statistics,measures
	PYTHONPATH=tests $(BIN)/python -m mutation --mutants $(MUTANTS) --seed $(SEED) $(if $(ROOMS),--rooms "$(ROOMS)") $(MORE)

check-slow: setup ## the simulations that take minutes
	$(BIN)/pytest -n 2 -m "slow and not real"

check-real: setup ## the tests that read real data from ../shared/data, the slow ones too
	$(BIN)/pytest -n 2 --dist worksteal -m real

check-frameworks: $(filter .tools/bin/uv,$(UV)) ## retrievers, trackers and the server for agents under their libraries, in .frameworks
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .frameworks
	$(UV) pip sync --quiet --python .frameworks/bin/python requirements/frameworks.txt
	$(UV) pip install --quiet --python .frameworks/bin/python --no-deps --editable .
	.frameworks/bin/python -m pytest -p no:cacheprovider -o filterwarnings=default \
	  -o asyncio_mode=auto -o asyncio_default_fixture_loop_scope=function tests/frameworks

# zvec has a process to itself: beside the libraries of other stores, opening one has ended it.
check-stores: export OPENBLAS_NUM_THREADS ?= 1
check-stores: $(filter .tools/bin/uv,$(UV)) ## vector stores, each really run, in .stores
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .stores
	$(UV) pip sync --quiet --python .stores/bin/python requirements/stores.txt
	$(UV) pip install --quiet --python .stores/bin/python --no-deps --editable .
	.stores/bin/python -m pytest -n 2 -p no:cacheprovider -o filterwarnings=default -k "not zvec" tests/stores
	.stores/bin/python -m pytest -p no:cacheprovider -o filterwarnings=default -k zvec tests/stores

# Workers find by the path what the tests hand to them.
check-distributed: export OPENBLAS_NUM_THREADS ?= 1
check-distributed: $(filter .tools/bin/uv,$(UV)) ## work on many files by Apache Spark (needs Java) and Ray, in .distributed
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .distributed
	$(UV) pip sync --quiet --python .distributed/bin/python requirements/distributed.txt
	$(UV) pip install --quiet --python .distributed/bin/python --no-deps --editable .
	PYTHONPATH=$(CURDIR)/tests .distributed/bin/python -m pytest -p no:cacheprovider -o filterwarnings=default tests/distributed

stores: check-stores ## what each vector store makes of each measure, into docs/how-to/stores.md, and how long it takes
	.stores/bin/python benchmarks/stores.py -w docs/how-to/stores.md
	.stores/bin/python benchmarks/stores_speed.py

# PyTorch comes by pip: some indexes offer it a build for the CPU alone, where uv finds the large one.
check-training: $(filter .tools/bin/uv,$(UV)) ## what needs PyTorch: the trainings, sentence-transformers, MTEB, in .training
	$(UV) venv --quiet --allow-existing --seed --python $(PYTHON) .training
	$(UV) pip install --quiet --python .training/bin/python --requirement requirements/dev.txt
	.training/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 \
	  "sentence-transformers[train]>=6" "mteb>=2"
	$(UV) pip install --quiet --python .training/bin/python --no-deps --editable .
	OMP_NUM_THREADS=1 .training/bin/python -m pytest -n 2 -p no:cacheprovider tests/training

LOWEST_TESTS := tests/test_cli_program.py tests/test_cli_commands.py tests/test_cli_spaces.py \
  tests/test_cli_audit.py tests/test_cli_context.py tests/test_numbers_typed.py tests/test_walkthroughs.py \
  tests/test_search_laws.py tests/test_compare.py tests/test_compare_gate.py tests/test_compare_history.py \
  tests/test_interop_vectors.py tests/test_interop_space_folder.py tests/test_interop_judgements.py \
  tests/test_interop_outputs.py tests/test_models_estimator.py tests/test_report_page.py

check-lowest: export OPENBLAS_NUM_THREADS ?= 1
check-lowest: $(filter .tools/bin/uv,$(UV)) ## a quick part of the tests with the lowest versions allowed, in .lowest
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .lowest
	$(UV) pip sync --quiet --python .lowest/bin/python --compile-bytecode requirements/lowest.txt
	$(UV) pip install --quiet --python .lowest/bin/python --no-deps --editable .
	.lowest/bin/python -m pytest -n 2 -p no:cacheprovider -o filterwarnings=default -m "not slow and not real" $(LOWEST_TESTS)

# From the source distribution to the wheel, as an index would build it; then used with nothing else.
check-wheel: $(filter .tools/bin/uv,$(UV)) ## the package as it is installed, with its smallest set of libraries, in .wheel
	rm -rf .wheel build/dist
	$(UV) build --quiet --python $(PYTHON) --out-dir build/dist
	$(UV) venv --quiet --python $(PYTHON) .wheel
	$(UV) pip install --quiet --python .wheel/bin/python build/dist/*.whl
	cd .wheel && bin/anglewise --version && bin/anglewise demo --quiet -o demo >demo.txt && tail -n 1 demo.txt

# What one depends on, in build/inventory: names, versions and hashes of all that is locked, and licences.
.inventory/ready: requirements/inventory.txt $(filter .tools/bin/uv,$(UV))
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .inventory
	$(UV) pip sync --quiet --python .inventory/bin/python requirements/inventory.txt
	@mkdir -p build/inventory && touch $@

sbom: export PYTHONWARNINGS := ignore
sbom: .inventory/ready ## what is locked as CycloneDX, one file for each of requirements/, in build/inventory
	for file in requirements/*.txt; do case $$file in */not-*) continue;; esac; \
	  .inventory/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --sv 1.6 \
	    -o build/inventory/$$(basename $$file .txt).cdx.json $$file || exit 1; done

licences: setup .inventory/ready ## the licence of each library in .venv, in build/inventory
	.inventory/bin/pip-licenses --python $(BIN)/python --from mixed --order license --with-urls --format markdown \
	  --ignore-packages anglewise --output-file build/inventory/licences.md

check-workflows: .inventory/ready ## the files in .github by their schemas
	.inventory/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	.inventory/bin/check-jsonschema --builtin-schema vendor.github-issue-forms \
	  $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	.inventory/bin/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	.inventory/bin/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

check-page: $(filter .tools/bin/uv,$(UV)) ## the page in a real browser (Debian's chromium), in .page
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .page
	$(UV) pip sync --quiet --python .page/bin/python --compile-bytecode requirements/page.txt
	$(UV) pip install --quiet --python .page/bin/python --no-deps --editable .
	.page/bin/python -m pytest -p no:cacheprovider -o addopts= -o filterwarnings=default \
	  --confcutdir=tests/page tests/page

tour: setup $(filter .tools/bin/uv,$(UV)) ## the pictures of the tour anew, of what the demo makes, in docs/images (Debian's chromium)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .page
	$(UV) pip sync --quiet --python .page/bin/python --compile-bytecode requirements/page.txt
	$(UV) pip install --quiet --python .page/bin/python --no-deps --editable .
	mkdir -p build && cd build && $(CURDIR)/$(BIN)/anglewise demo --quiet
	.page/bin/python tests/page/tour.py build/demo docs/images

# An environment of its own; the package itself is read from src. The warning is of mkdocs-material's end in 2027.
site: export NO_MKDOCS_2_WARNING := 1
site: $(filter .tools/bin/uv,$(UV)) ## the documentation as a site, in build/site: strict, with every link checked, in .site
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .site
	$(UV) pip sync --quiet --python .site/bin/python requirements/site.txt
	PYTHONPATH=$(CURDIR)/src .site/bin/python -m mkdocs build --quiet
	.site/bin/python website/check.py build/site

# `python benchmarks/goals.py --record` keeps the ratios of a quiet machine in benchmarks/ratios.json.
bench: setup ## the benchmarks, rivals in the same run (installs the rivals), and their goals; those of stores need .stores: `make stores`
	$(UV) pip install --quiet --python $(BIN)/python --requirement requirements/bench.txt
	rm -f build/bench.json
	for script in $(filter-out benchmarks/stores.py benchmarks/stores_speed.py benchmarks/tune.py benchmarks/goals.py benchmarks/pages.py,$(wildcard benchmarks/*.py)); do $(BIN)/python $$script || exit 1; done
	$(BIN)/python benchmarks/goals.py

shape: setup ## rooms, arrows, files, names, and how far each job goes, beside the goals
	$(BIN)/python tests/shape.py

record: setup ## renew tests/golden: what the jobs put out, which tests hold later code to
	$(BIN)/python tests/record.py made

record-real: setup ## the same on ../shared/data, into .golden-real.json, which stays here
	$(BIN)/python tests/record.py real

lock: $(filter .tools/bin/uv,$(UV)) ## renew the pinned requirements
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	  --excludes requirements/not-locked.txt \
	  --excludes requirements/not-in-tests.txt --all-extras --group dev pyproject.toml --output-file requirements/dev.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	  --excludes requirements/not-locked.txt \
	  --all-extras --group dev --group bench pyproject.toml --output-file requirements/bench.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	  --extra langchain --extra llama-index --extra haystack --extra mcp --group test --group frameworks \
	  pyproject.toml --output-file requirements/frameworks.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	  --extra faiss --extra lancedb --extra qdrant --extra pgvector --extra usearch --extra hnswlib --extra chroma --extra duckdb --extra sqlite-vec \
	  --extra milvus --extra qdrant-edge --extra zvec \
	  --group test --group stores \
	  pyproject.toml --output-file requirements/stores.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	  --extra spark --extra ray --extra pandas --group test pyproject.toml --output-file requirements/distributed.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	  --excludes requirements/not-locked.txt \
	  --extra inspect --group page pyproject.toml --output-file requirements/page.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	  --group inventory pyproject.toml --output-file requirements/inventory.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	  --group site pyproject.toml --output-file requirements/site.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	  --resolution lowest-direct --extra sklearn --extra plot --extra pandas --extra safetensors --extra inspect \
	  --extra images --extra text --group test pyproject.toml --output-file requirements/lowest.txt

clean:
	rm -rf .venv .inventory .frameworks .stores .distributed .lowest .page .site .training .tools build demo
