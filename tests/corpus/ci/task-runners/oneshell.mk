.ONESHELL:
SHELL = bash
.SHELLFLAGS = -ec

install:
	set -x
	if [ -f uv.lock ]; then
	  uv sync --all-extras --dev
	else
	  pip install -r requirements.txt
	fi
	cat <<-EOF
	uv sync --old
	EOF

code: SHELL = python3
code: .SHELLFLAGS = -c
code:
	import subprocess
	subprocess.run("uv sync".split(), check=True)
