# Two images: `cpu` with the preview engine, the default, and `cuda` with FlashHead.
#   docker build -t livehead .                          docker build -t livehead:cuda --target cuda .
# The root may be read-only: what is written goes to /tmp, /models, /var/lib/livehead and /var/cache/livehead.
# deploy/README.md runs them with all that a public server needs.

# The PyPI builds of torch bring the CUDA libraries, so that both images have the same base; the driver's part comes
# from the NVIDIA container toolkit. This one has Python's headers, which Triton's launchers are compiled with.
ARG BASE=docker.io/library/python:3.12-slim-bookworm

# Every package is at one version and its file has a hash that is written down: docs/operations/supply-chain.md.
FROM ${BASE} AS wheel
COPY deploy/supply/build.txt /
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /build \
 && /build/bin/pip install --require-hashes -r /build.txt
WORKDIR /src
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY server server
COPY web web
RUN /build/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheel .

FROM ${BASE} AS packages
COPY deploy/supply/cpu.txt /
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/livehead \
 && /opt/livehead/bin/pip install --require-hashes -r /cpu.txt
COPY --from=wheel /wheel /wheel
RUN /opt/livehead/bin/pip install --no-index --no-deps /wheel/*.whl \
 && /opt/livehead/bin/pip check

FROM packages AS packages-cuda
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
COPY deploy/supply/cuda.txt /
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/livehead/bin/pip install --require-hashes -r /cuda.txt \
 && /opt/livehead/bin/pip check
# yes: FlashAttention 2 too, whose hash `vendor fetch` checks. The build ends where no wheel fits this Python and torch, or
# where the ABI is another.
ARG FLASH_ATTENTION=no
RUN if [ "$FLASH_ATTENTION" = yes ]; then \
      /opt/livehead/bin/livehead vendor fetch wheel --vendor-dir /tmp/vendor \
      && /opt/livehead/bin/pip install --no-index --no-deps /tmp/vendor/*.whl \
      && /opt/livehead/bin/python -c 'import torch, flash_attn' \
      && rm -r /tmp/vendor; \
    fi

FROM ${BASE} AS runtime
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends espeak-ng \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --home-dir /var/lib/livehead livehead \
 && install -d -o livehead -g livehead -m 700 /var/lib/livehead /var/lib/livehead/data /var/cache/livehead \
 && install -d -o livehead -g livehead -m 755 /models
ENV PATH=/opt/livehead/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    XDG_CACHE_HOME=/var/cache/livehead \
    LIVEHEAD_HOST=0.0.0.0 \
    LIVEHEAD_PORT=8080 \
    LIVEHEAD_DATA_DIR=/var/lib/livehead/data \
    LIVEHEAD_VENDOR_DIR=/var/lib/livehead/data/vendor \
    LIVEHEAD_MODELS=/models
WORKDIR /var/lib/livehead
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s \
  CMD ["python", "-c", "import os, urllib.request as http; http.urlopen('http://127.0.0.1:' + os.environ['LIVEHEAD_PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["livehead"]
CMD ["serve"]

FROM runtime AS cuda
# Triton compiles its launchers when the server starts first.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,video \
    TRITON_CACHE_DIR=/var/cache/livehead/triton \
    TORCHINDUCTOR_CACHE_DIR=/var/cache/livehead/inductor
COPY --from=packages-cuda /opt/livehead /opt/livehead
USER 10001:10001

FROM runtime AS cpu
COPY --from=packages /opt/livehead /opt/livehead
USER 10001:10001
