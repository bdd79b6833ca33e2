"""The service as its callers see it: over HTTP, in a process of its own, under load, at faults, and at its end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import (
    booleans,
    data,
    dictionaries,
    floats,
    integers,
    lists,
    none,
    recursive,
    sampled_from,
    text,
)
from schemathesis.checks import CHECKS

from http_load import load, post
from rec.fuse.formula import Formula
from rec.fuse.into import Exported
from rec.scoring import delta
from rec.scoring.manifest import read_export, write_export
from rec.serving.served import Served

WAIT = 60.0

VALUES = recursive(
    none() | booleans() | integers() | floats() | text(), lambda each: lists(each) | dictionaries(text(), each)
)
"""Of JSON, and some that is none."""


def until(true: Callable[[], Any], what: str) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_ranks_as_infer_predicts(trained, running):
    status, answer = post(running.port, "/rank", {"candidates": trained.rows})
    assert status == 200
    order = [each["candidate"] for each in answer["ranking"]]
    for name, values in trained.expected.items():
        assert [each["predictions"][name] for each in answer["ranking"]] == pytest.approx(values[order], abs=1e-5)
        assert np.std(values) > 1e-4
    product = trained.expected["pctr"] * trained.expected["pcvr"]
    assert [each["score"] for each in answer["ranking"]] == pytest.approx(product[order], abs=1e-5)
    assert answer["formula"] == "pctr^1 * pcvr^1"
    # What all candidates have is said once, and weights order them otherwise.
    user = {name: value for name, value in trained.rows[0].items() if name < "2"}
    own = [
        {**{n: v for n, v in row.items() if n >= "2"}, "price": 1 + k % 7} for k, row in enumerate(trained.rows[:50])
    ]
    status, answer = post(running.port, "/rank", {"user": user, "candidates": own, "a": 0, "b": 2, "c": -1})
    scored = post(running.port, "/score", {"rows": [{**user, **row} for row in own]})[1]["predictions"]
    expected = np.square(scored["pcvr"]) / [row["price"] for row in own]
    assert status == 200
    assert [each["score"] for each in answer["ranking"]] == pytest.approx(sorted(expected, reverse=True), rel=1e-5)


def test_a_worker_that_is_killed_is_replaced(trained, running):
    until(lambda: len(running.workers()) == 2, "two workers")
    killed = running.workers()[0]
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(running.workers()) == 2 and killed not in running.workers(), "another worker")
    for _ in range(10):
        assert post(running.port, "/rank", {"candidates": trained.rows[:1]})[0] == 200


def test_a_new_export_is_taken_under_load_and_a_wrong_one_is_not(trained, running, tmp_path):
    wrong = shutil.copytree(trained.exports[0], tmp_path / "wrong")
    with np.load(wrong / "sample.npz") as kept:  # as if what it computes had changed
        arrays = {name: kept[name] + np.float32(0.1) if name == "output.pctr" else kept[name] for name in kept.files}
    np.savez(wrong / "sample.npz", **arrays)
    write_export(wrong, read_export(trained.exports[0]))
    with_formula = shutil.copytree(trained.exports[1], tmp_path / "formula")
    Exported(with_formula, 1).take(Formula(form="power", terms={"pctr": 0.5, "price": 1.0}, missing={"price": 2.0}))
    delta.make(trained.exports[0], with_formula, tmp_path / "delta")
    rows = trained.rows[:20]
    until(lambda: len(running.workers()) == 2, "two workers")  # one that starts meanwhile refuses nothing
    old = post(running.port, "/rank", {"candidates": rows})[1]
    with load(running.port, {"candidates": rows}) as clients:

        def newest() -> set[tuple[str, str]]:
            return {(client.answers[-1]["version"], client.answers[-1]["formula"]) for client in clients}

        def refusals() -> int:
            text = get(running.port, "/metrics")
            return sum(int(float(n)) for n in re.findall(r'ranker_reloads_total{result="refused"} (\S+)', text))

        until(lambda: all(client.answers for client in clients), "a first answer")
        running.replace(wrong)
        until(lambda: refusals() == 2, "a refusal by each worker")
        assert "predicts otherwise than the trained model, by 0.1," in get(running.port, "/readyz")
        assert newest() == {(old["version"], old["formula"])}
        damaged = running.folder / "model.onnx"
        damaged.write_bytes(damaged.read_bytes()[:-1])
        until(lambda: refusals() == 4, "a refusal by each worker")
        running.replace(trained.exports[0])
        delta.apply(tmp_path / "delta", running.folder)
        until(lambda: {formula for _, formula in newest()} == {"pctr^0.5 * price^1"}, "the new formula")

    def versions() -> set[str]:
        return {post(running.port, "/rank", {"candidates": rows})[1]["version"] for _ in range(12)}

    until(lambda: old["version"] not in versions(), "the new export by each worker")
    answer = post(running.port, "/rank", {"candidates": rows})[1]
    assert answer["version"] != old["version"]
    assert '"refused":""' in get(running.port, "/readyz")
    new = {each["candidate"]: each["predictions"]["pctr"] for each in answer["ranking"]}
    before = {each["candidate"]: each["predictions"]["pctr"] for each in old["ranking"]}
    assert max(abs(new[place] - before[place]) for place in before) > 1e-4
    scores = {each["candidate"]: each["score"] for each in answer["ranking"]}
    assert scores == pytest.approx({place: 2 * np.sqrt(value) for place, value in new.items()})


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return answer.read().decode()


def test_sigterm_under_load_loses_nothing(trained, running):
    """The last test: it ends the service."""
    with load(running.port, {"candidates": trained.rows[:100]}) as clients:
        until(lambda: all(len(client.answers) > 5 for client in clients), "answers")
        running.process.send_signal(signal.SIGTERM)
        until(lambda: not any(client.is_alive() for client in clients), "refused connections")
    until(lambda: running.process.poll() is not None and running.said[-1].endswith("ended\n"), "the end")
    assert running.process.returncode == 0
    assert not [line for line in running.said if "Traceback" in line or "killed" in line]


def test_what_is_wrong_is_said_by_name(app):
    client = app(max_candidates=1000, max_body=100_000)

    def refused(content: Any, path: str = "/rank") -> tuple[int, str]:
        text = content if isinstance(content, str) else json.dumps(content)
        answer = client.post(path, content=text, headers={"Content-Type": "application/json"})
        assert answer.headers["content-type"] == "application/json"
        return answer.status_code, answer.json()["error"]

    rows = {"candidates": [{}, {"101": "x"}]}
    assert refused(rows) == (422, "rows: row 2: field 101 should be a whole number of at least 0, found 'x'")
    assert refused({"rows": [{"205": 5000}]}, "/score")[1].startswith("rows: row 1: id 5000 of field 205 is outside")
    assert refused({"user": {"101": 5}}) == (422, "candidates: Field required")
    assert refused({"candidates": [{}, 3]}) == (422, "candidates: row 2: Input should be a valid dictionary")
    assert refused({"candidates": [], "prices": 1}) == (422, "prices: Extra inputs are not permitted")
    assert refused({"candidates": [{}] * 10_000})[0] == 422
    assert "candidates: List should have at most 1000 items" in refused({"candidates": [{}] * 10_000})[1]
    assert refused('{"candidates": [') == (422, "the body is no JSON: Expecting value at character 16")
    assert refused({"candidates": [{"101": list(range(50_000))}]}) == (413, "the body is larger than 100000 bytes")
    assert refused({"candidates": [{}], "c": 1}) == (422, "the ranking formula needs price, which is empty in row 1")
    assert refused({"candidates": [{"price": "dear"}], "c": 1})[1].endswith(
        "should be a number to be ranked by, found 'dear'"
    )
    assert refused('{"candidates": [{}], "a": 1e999}') == (422, "a: Input should be a finite number")
    assert refused("[" * 50_000)[0] == 400
    assert refused({}, "/nothing") == (404, "Not Found")
    # What nothing is known of is scored.
    found = client.post("/rank", json={"candidates": [{"101": 4999, "new": "?"}, {}, {"205": []}]}).json()
    assert [len(found["ranking"]), found["ranking"][0]["score"] > 0] == [3, True]
    assert client.post("/rank", json={"candidates": []}).json()["ranking"] == []


def test_time_is_limited(app, monkeypatch):
    client = app(timeout=0.2)
    released = threading.Event()
    own = Served.predict
    monkeypatch.setattr(Served, "predict", lambda *given: released.wait(WAIT) and own(*given))
    answer = client.post("/rank", json={"candidates": [{}]})
    assert (answer.status_code, answer.json()["error"]) == (
        503,
        "there was no answer within 0.2 seconds: too many requests",
    )
    assert client.get("/healthz").json() == {"status": "ok"}
    released.set()


def test_a_key_is_asked_for(app):
    client = app(host="0.0.0.0", key="secret")
    content = {"candidates": [{}]}
    for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "secret"}):
        answer = client.post("/rank", json=content, headers=headers)
        assert (answer.status_code, "Authorization" in answer.json()["error"]) == (401, True)
    assert client.get("/metrics").status_code == 401
    assert client.post("/rank", json=content, headers={"Authorization": "Bearer secret"}).status_code == 200
    for path in ("/", "/healthz", "/readyz"):
        assert client.get(path).status_code == 200


def test_the_page_and_the_model(app):
    client = app()
    page = client.get("/").text
    assert "http" not in page.replace("http-equiv", "")  # nothing from another host
    model = client.get("/model").json()
    assert model["outputs"] == {"pctr": "p(click)", "pcvr": "p(conversion | click)", "pctcvr": "p(conversion)"}
    ranked = client.post("/rank", json=model["example"]).json()["ranking"]
    assert len({each["score"] for each in ranked}) == len(model["example"]["candidates"]) > 2
    assert 'ranker_requests_total{path="/rank",status="200"}' in client.get("/metrics").text


def test_what_is_sent_by_chance_is_no_error_of_the_server(app):
    client = app()
    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
    checks = [check for check in CHECKS.get_all() if check.__name__ != "positive_data_acceptance"]

    @settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(data())
    def by_schema(drawn: Any) -> None:
        for operation in schema.get_all_operations():
            case = drawn.draw(operation.ok().as_strategy())
            case.call_and_validate(checks=checks)

    @settings(max_examples=50, deadline=None, database=None, derandomize=True)
    @given(dictionaries(sampled_from(["101", "109_14", "205", "price"]), VALUES))
    def by_column(row: Any) -> None:
        answer = client.post("/rank", content=json.dumps({"user": row, "candidates": [row, {}], "c": 1}))
        assert answer.status_code in (200, 400, 422), answer.text

    by_schema()
    by_column()
