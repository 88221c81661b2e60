# CPU image with the preview engine. For a GPU, see docs/operations.md.
#   docker build -t livehead .
#   docker run --rm -v livehead:/var/lib/livehead/data livehead keys new NAME    # others come in with this key
#   docker run --rm --network host -v livehead:/var/lib/livehead/data livehead
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt hatch_build.py README.md LICENSE ./
COPY server server
COPY web web
RUN python -m venv /opt/livehead \
 && /opt/livehead/bin/pip install --no-cache-dir -c constraints.txt .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/livehead livehead \
 && install -d -o livehead -m 700 /var/lib/livehead/data
COPY --from=build /opt/livehead /opt/livehead
ENV PATH=/opt/livehead/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LIVEHEAD_HOST=0.0.0.0 \
    LIVEHEAD_DATA_DIR=/var/lib/livehead/data
USER livehead
WORKDIR /var/lib/livehead
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["livehead"]
CMD ["serve"]
