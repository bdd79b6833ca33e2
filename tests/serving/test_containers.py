"""The Dockerfiles: built where there is Docker, and everywhere read as it would read them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support import ROOT

FILES = sorted((ROOT / "docker").glob("*.Dockerfile"))

KNOWN = {"FROM", "ENV", "COPY", "RUN", "WORKDIR", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


def instructions(path: Path) -> list[tuple[str, str]]:
    lines = [line.strip() for line in path.read_text().splitlines()]
    found = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in found]


def running(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


docker = pytest.mark.skipif(
    shutil.which("docker") is None or not running(["docker", "info"]), reason="no Docker that runs"
)


def test_there_are_both():
    assert [path.stem for path in FILES] == ["serve", "train"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_dockerfile_names_is_there(path):
    found = instructions(path)
    assert {name for name, _ in found} <= KNOWN
    assert found[0][0] == "FROM"
    assert re.fullmatch(r"python:3\.\d+-slim", found[0][1])  # a version, and not whatever is newest
    assert [rest for name, rest in found if name == "USER"] == ["1000"]  # not root
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    inside = set()
    for name, rest in found:
        if name == "COPY":
            *sources, target = rest.split()
            for source in sources:
                assert (ROOT / source).exists(), source
                assert source in allowed or ("requirements*.txt" in allowed and Path(source).match("requirements*.txt"))
                inside.add(target + source if target.endswith("/") else target)
        if name == "RUN":
            assert rest.startswith("pip install --no-cache-dir ")
            assert set(re.findall(r"-r (\S+)", rest)) <= inside
        if name in ("ENTRYPOINT", "CMD"):  # as lists: SIGTERM reaches the tool itself, and no shell
            for word in json.loads(rest):
                if word.startswith("/ranker/"):
                    assert (ROOT / word.removeprefix("/ranker/")).is_file(), word
                    assert any(word.startswith(each) for each in inside)
    # The line that says how it is used names the entry's arguments as they are.
    assert f"docker build -f docker/{path.name} " in path.read_text()


def test_a_service_needs_what_training_needs_in_the_same_versions():
    """Its own file is enough for it, so that its image has no Paddle."""
    needed = {}
    for name in ("requirements.txt", "requirements-export.txt", "requirements-serve.txt"):
        lines = [line for line in (ROOT / name).read_text().splitlines() if not line.startswith("#")]
        for line in lines:
            package = re.split(r"[=>]=", line)[0]
            assert needed.setdefault(package, line) == line
    assert "paddlepaddle" not in (ROOT / "requirements-serve.txt").read_text()


@docker
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_builds_and_says_how_it_is_used(path):
    image = f"ranker-{path.stem}-test"
    subprocess.run(["docker", "build", "-f", path, "-t", image, ROOT], check=True)
    arguments = ["/ranker/tools/trainer.py", "--help"] if path.stem == "train" else ["--help"]
    done = subprocess.run(["docker", "run", "--rm", image, *arguments], capture_output=True, text=True, check=True)
    assert "usage:" in done.stdout
