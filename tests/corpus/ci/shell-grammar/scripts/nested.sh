#!/bin/bash
# Substitutions inside quotes inside substitutions.
version="$(uv --version | awk '{ print $2 }')"
echo "with $version: $(cd app && uv sync --all-extras --dev 2>&1 | tail -n "$(tput lines)")"
result=$(
    # a comment with a ' in it
    case $version in
        0.7*) echo old ;;
        *) uv sync --all-extras --dev ;;
    esac
)
array=(
    uv sync          # elements, not a command
    --all-extras --dev
)
"${array[@]}"
declare -A commands=([sync]="uv sync --all-extras --dev" [pip]='pip install -r requirements.txt')
${commands[sync]}
printf '%s\n' "${result:-uv sync}" "${result/uv sync/pip install}"
if [ -n "$(find . -name requirements.txt -print -quit)" ]; then pip install -r requirements.txt; fi
find . -name requirements.txt -execdir pip install -r requirements.txt \;
coproc uv sync --all-extras --dev
wait
