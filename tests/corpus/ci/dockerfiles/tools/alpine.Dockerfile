FROM --platform=$BUILDPLATFORM ghcr.io/astral-sh/uv:0.9.1-python3.12-alpine AS builder
FROM --platform=linux/amd64 python:3.13-alpine AS runner
COPY --from=builder --chown=1000:1000 /app /app
COPY --link --from=ghcr.io/astral-sh/uv:0.9.1@sha256:76dbd233abd848f1537cac906f33573ea378e098f2c7c33c38c072539d400eb5 /uv /uvx /bin/
RUN --network=none --mount=type=secret,id=token \
  UV_LINK_MODE=copy   uv sync --locked \
      --no-install-project
FROM registry.example:5000/base/python:3.12
FROM scratch
ADD --checksum=sha256:d88167e8dfa1d0ecf9f3a70de47cade1a417565c9525eebd1037485463c80e87 https://files.example/uv-0.9.1.tar.gz /
