# One image for every role: `dramatiq quel.actors`, `periodiq quel.actors`, `alembic upgrade head`, `quel …`.
# Nothing but what a lock names by hash gets in, whatever the index serves that day; no compiler, no
# pip cache; the wheel leaves out the sandbox.
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# For an image that writes traces: --build-arg LOCK=requirements-traces.lock, which names the extra's packages too.
ARG LOCK=requirements.lock
WORKDIR /build
COPY requirements.lock requirements-traces.lock deploy/requirements-build.lock ./
# pip compiles to byte code as it installs: a process start costs 0.6 s of imports instead of 2 s.
RUN python -m venv /opt/quel \
    && /opt/quel/bin/pip install --require-hashes --no-deps -r "${LOCK}" \
    && python -m venv /opt/wheel \
    && /opt/wheel/bin/pip install --require-hashes --no-deps -r requirements-build.lock \
    && /opt/wheel/bin/pip check
COPY pyproject.toml README.md ./
COPY src ./src
RUN /opt/wheel/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/quel/bin/pip install --no-deps dist/*.whl \
    && /opt/quel/bin/pip check \
    && /opt/quel/bin/pip uninstall --yes pip setuptools

FROM python:${PYTHON_VERSION}-slim
ARG REVISION=unknown
LABEL org.opencontainers.image.title="quel" \
      org.opencontainers.image.description="Turns Quel Canvas job rows into finished, stored, paid-for images." \
      org.opencontainers.image.revision="${REVISION}"
# The base image carries ca-certificates; calls to Gemini and Storage verify against them.
RUN test -s /etc/ssl/certs/ca-certificates.crt \
    && groupadd --gid 10001 quel \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin quel
COPY --from=build /opt/quel /opt/quel
WORKDIR /app
COPY alembic.ini ./
COPY alembic ./alembic
ENV PATH=/opt/quel/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    QUEL_LOG_FORMAT=json
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
# In exec form: Dramatiq is process 1 and hears SIGTERM itself.
CMD ["dramatiq", "quel.actors"]
