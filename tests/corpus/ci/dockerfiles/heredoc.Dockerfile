# syntax=docker/dockerfile:1
FROM python:3.12-alpine3.20

COPY <<EOF /etc/motd
uv sync --all-extras --dev
EOF

RUN <<EOF
set -e
pip install --upgrade pip
pip install -r requirements.txt
EOF

RUN --mount=type=cache,target=/root/.cache <<-'SCRIPT'
	if [ -f uv.lock ]; then
		uv sync --all-extras --dev
	fi
	cat <<INNER
	uv sync --old
	INNER
SCRIPT

RUN <<EOT bash -ex
uv sync \
  --all-extras \
  --dev
EOT

RUN <<PY python3
import subprocess
subprocess.run("uv sync".split(), check=True)
PY

RUN python3 - <<'PY' && pip install -r requirements.txt
print("uv sync --all-extras --dev")
PY

COPY --chmod=755 <<'SH' /usr/local/bin/entry
#!/bin/sh
uv sync --all-extras --dev
exec "$@"
SH
ENTRYPOINT ["entry"]
