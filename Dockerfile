# The gateway as an image: one virtual environment on a slim Python, no compiler, no package manager's cache, no root.
#
#   docker build --build-arg VERSION=$(git describe --always) -t voice-gateway .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL -p 8080:8080 -v $PWD/config:/etc/voice-gateway:ro voice-gateway
#
# docs/DEPLOY.md says how to pin the base by digest, how to sign the result, and where its bill of materials comes from.
ARG BASE_IMAGE=python:3.13-slim-trixie

FROM ${BASE_IMAGE} AS build
# The environment that installs; nothing of it goes into the image.
RUN python -m venv /build/tools && python -m venv --without-pip /opt/venv
COPY requirements/build.txt requirements/runtime.txt /build/
# Wheels alone, each with a hash of its own: see docs/SUPPLY_CHAIN.md. Byte code is compiled below, once for all.
RUN --mount=type=cache,target=/root/.cache/pip \
    /build/tools/bin/pip install --disable-pip-version-check --no-compile --require-hashes --only-binary :all: \
      --requirement /build/build.txt && \
    /build/tools/bin/pip --python /opt/venv/bin/python install --disable-pip-version-check --no-compile \
      --require-hashes --only-binary :all: --requirement /build/runtime.txt
COPY pyproject.toml README.md /build/src/
COPY gateway /build/src/gateway
RUN /build/tools/bin/pip --python /build/tools/bin/python wheel --disable-pip-version-check --no-deps \
      --no-build-isolation --wheel-dir /build/dist /build/src && \
    /build/tools/bin/pip --python /opt/venv/bin/python install --disable-pip-version-check --no-compile --no-deps \
      --no-index /build/dist/*.whl && \
    # Tests of packages are no use where nobody runs them. Unchecked byte code: the root is read-only, and equal
    # sources give equal files.
    find /opt/venv -type d -name tests -prune -exec rm -rf {} + && \
    /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib

FROM ${BASE_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="voice-gateway" \
      org.opencontainers.image.description="Answers phone calls from Azure Communication Services with your own model" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /tmp
# Calls come to 8080. 9464 is the operator's: metrics, probes, commands; never publish it.
EXPOSE 8080 9464
STOPSIGNAL SIGTERM
# For docker run; Kubernetes has probes of its own. Not readiness: a full or draining gateway is healthy.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9464/livez', timeout=2)"]
ENTRYPOINT ["gateway"]
CMD ["serve", "--config", "/etc/voice-gateway/gateway.yaml"]
