#!/bin/sh
# Fetches wheels where there is a network, installs them where there is none.
set -eu

mode=${1:?usage: offline.sh fetch|install}

case "$mode" in
  fetch)
    rm -rf wheels
    pip download -r requirements.txt -d wheels
    pip download \
      --dest wheels \
      --platform manylinux2014_x86_64 \
      --only-binary=:all: \
      --python-version 3.12 \
      -r requirements.txt
    ;;
  install)
    pip install --no-index --find-links wheels -r requirements.txt
    pip install \
      --no-index \
      --find-links wheels \
      -r requirements.txt
    uv sync --offline --frozen
    uv sync --all-extras --dev --offline
    ;;
  *) echo "usage: offline.sh fetch|install" >&2; exit 2 ;;
esac
