# The commands that train, evaluate, export: docker build -f docker/train.Dockerfile -t ranker-train .
# docker run --rm --user "$(id -u)" -v "$PWD:/work" ranker-train /ranker/tools/trainer.py -m config.yaml
FROM python:3.11-slim
# Compiled loops are kept where any user may write.
ENV NUMBA_CACHE_DIR=/tmp/numba PYTHONDONTWRITEBYTECODE=1 MPLCONFIGDIR=/tmp/matplotlib
COPY requirements.txt requirements-export.txt /ranker/
RUN pip install --no-cache-dir -r /ranker/requirements.txt -r /ranker/requirements-export.txt
COPY tools /ranker/tools
COPY models /ranker/models
WORKDIR /work
USER 1000
ENTRYPOINT ["python", "-u"]
CMD ["/ranker/tools/trainer.py", "--help"]
