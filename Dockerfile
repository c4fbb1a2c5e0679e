# cfstream's images, one target a part:
#   docker build --target producer -t cfstream-producer .
#   docker build --target worker   -t cfstream-worker .
# The base image is pinned by tag; give its digest too:
#   --build-arg PYTHON_DIGEST=sha256:…
# All that is done here is helm/image/install.sh, which the tests run without an engine.

ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm
ARG PYTHON_DIGEST=

FROM ${PYTHON_IMAGE}${PYTHON_DIGEST:+@${PYTHON_DIGEST}} AS base

FROM base AS source
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY requirements requirements
COPY helm/image helm/image
COPY cfstream cfstream
COPY plumbing plumbing
COPY processors processors
COPY producer producer
COPY schemas schemas
COPY standin standin

FROM source AS producer-files
RUN helm/image/install.sh producer /source /opt/cfstream

FROM source AS worker-files
RUN helm/image/install.sh worker /source /opt/cfstream

FROM base AS runtime
ENV PATH=/opt/cfstream/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CFSTREAM_DATA_DIR=/var/lib/cfstream \
    CFSTREAM_LOG_FORMAT=json
RUN install -d -o 10001 -g 10001 -m 0750 /var/lib/cfstream
USER 10001:10001
WORKDIR /var/lib/cfstream
ENTRYPOINT ["cfstream"]

FROM runtime AS producer
COPY --from=producer-files /opt/cfstream /opt/cfstream
CMD ["producer", "run"]

FROM runtime AS worker
COPY --from=worker-files /opt/cfstream /opt/cfstream
CMD ["processors", "run"]
