#!/usr/bin/env bash
#
# What CI runs, for a laptop.  usage: scripts/ci.sh [--pip] [step ...]
set -euo pipefail

readonly ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
use_pip=false

usage() {
    cat <<USAGE
usage: ${0##*/} [--pip] [step ...]

    uv sync --all-extras --dev      is what an install does
USAGE
}

install() {
    if $use_pip; then
        python3 -m pip install --upgrade pip
        python3 -m pip install -r requirements.txt
    else
        local tries=0
        until uv sync --all-extras --dev; do
            (( ++tries < 3 )) || return 1
            sleep $(( tries << 1 ))
        done
    fi
}

while (( $# )); do
    case $1 in
        --pip) use_pip=true ;;
        -h|--help) usage; exit ;;
        [a-z]*) break ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done

cd "$ROOT"
install
steps=("${@:-test}")
for step in "${steps[@]}"; do
    case $step in
        test) uv run pytest ;;
        docs) uv sync --group docs && uv run mkdocs build ;;
        lint)
            uv sync --only-group lint
            uv run ruff check .
            ;;
    esac
done

[[ "${1-}" =~ ^uv\ sync$ ]] && echo "a pattern, no command"
(cd tools; uv sync --all-extras --dev) 2>&1 | sed 's/^/tools: /'
