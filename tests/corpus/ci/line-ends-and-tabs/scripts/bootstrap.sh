#!/usr/bin/env bash
# The last line has no end, and some indentations are tabs.
set -euo pipefail

cd "$(dirname "$0")/.."

if ! command -v uv >/dev/null; then
	echo "uv is missing; falling back to pip" >&2
	python3 -m venv .venv
	. .venv/bin/activate
	pip install --upgrade pip
	pip install -r requirements.txt
	exit 0
fi

uv python install 3.12  
uv sync --all-extras --dev