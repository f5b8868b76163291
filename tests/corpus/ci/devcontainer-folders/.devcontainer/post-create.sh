#!/usr/bin/env bash
set -euo pipefail

sudo chown -R vscode: .venv 2>/dev/null || true
if ! command -v uv &>/dev/null; then
  curl -LsSf https://astral.sh/uv/0.9.1/install.sh | sh
fi

uv python install 3.12
UV_LINK_MODE=copy uv sync --all-extras --dev

cat >> ~/.bashrc <<'RC'
alias s='uv sync --all-extras --dev'
RC

(cd docs && pip install -r requirements.txt)
echo "run uv sync when the lock changes"
