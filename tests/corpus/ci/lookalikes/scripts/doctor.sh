#!/usr/bin/env bash
# Says what is wrong. Runs nothing of this:
#   uv sync --old
#   pip install -r requirements.txt
set -u

hint="uv sync --all-extras --dev"
long_hint="run
uv sync --all-extras --dev
and look again"

say() { printf '%s\n' "$*"; }

[ -d .venv ] || say "no environment; run: uv sync --all-extras --dev"
[ -f uv.lock ] || say 'no lock; run `uv sync` once'
grep -q "uv sync" README.md || say "README.md does not say uv sync"

cat <<-'EOF'
	Commands:
	  uv sync --all-extras --dev     installs
	  pip install -r requirements.txt   as well
EOF

: <<'NOT_RUN'
uv sync --all-extras --dev
pip install -r requirements.txt
NOT_RUN

if false; then
	: # uv sync --older
fi

case "${1:-}" in
	"uv sync") say "$hint" ;;
	pip\ install*) say "$long_hint" ;;
	--fix)
		# The only place where something is done.
		uv sync --all-extras --dev
		;;
esac
exit
uv sync --after-the-end
