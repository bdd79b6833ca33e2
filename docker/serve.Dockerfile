# The service: docker build -f docker/serve.Dockerfile -t ranker-serve .
# The folder with the export is mounted, not the export itself: a new one that takes its name is then seen.
# docker run --rm -e RANKER_API_KEY -p 8000:8000 -v "$PWD/exports:/exports:ro" ranker-serve /exports/shop-ranker
FROM python:3.11-slim
ENV NUMBA_CACHE_DIR=/tmp/numba PYTHONDONTWRITEBYTECODE=1
COPY requirements-serve.txt /ranker/
RUN pip install --no-cache-dir -r /ranker/requirements-serve.txt
COPY tools /ranker/tools
USER 1000
EXPOSE 8000
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz')"]
ENTRYPOINT ["python", "-u", "/ranker/tools/serve.py", "--host", "0.0.0.0"]
CMD ["/exports/export"]
