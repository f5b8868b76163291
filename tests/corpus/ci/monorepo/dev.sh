#!/usr/bin/env bash
set -e
for project in backend worker; do
	(
		cd "$project"
		uv sync --all-extras --dev
	)
done
uv sync --project backend
uv sync --package worker --all-extras
(cd docs; python3 -m pip install -r requirements.txt)
