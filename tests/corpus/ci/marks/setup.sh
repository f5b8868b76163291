#!/bin/sh
# instep: ignore
uv sync --old
uv sync --older # instep: ignore
uv sync --all-extras --dev

# instep: use docs
uv sync --group docs && \
  pip install -r docs/requirements.txt

PYTHON_VERSION=3.11 # instep: ignore
uv python install "$PYTHON_VERSION"
uv python install 3.11 # instep: ignore
