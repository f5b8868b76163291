#!/bin/sh -e
# Called by .devcontainer.json
git config --global --add safe.directory "$PWD"
[ -d .venv ] || uv venv --python 3.12
. .venv/bin/activate
uv sync --all-extras --dev
uv pip install -r requirements.txt
exec "$@"
