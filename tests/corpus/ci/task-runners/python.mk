# Shared by the Makefiles of several projects.
ifdef CI
UV_FLAGS := --locked
else ifeq ($(OS),Windows_NT)
UV_FLAGS :=
endif

VERSION := $(shell uv sync --dry-run 2>/dev/null | head -n 1)

define install-all
uv sync --all-extras --dev
pip install -r requirements.txt
endef

define message =
uv sync --all-extras --dev
endef

.PHONY: all-of-it
all-of-it:
	$(install-all)
ifdef CI
	uv sync --all-extras --dev
else
	uv sync $(UV_FLAGS)
endif
	$(info $(message))

%.env: %/pyproject.toml
	uv sync --directory $*

old:: ; uv sync --all-extras --dev
old::
	uv sync --all-extras --dev

.RECIPEPREFIX = >
prefixed:
> uv sync --all-extras --dev
> pip install -r requirements.txt
.RECIPEPREFIX =
