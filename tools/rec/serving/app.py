"""The service's paths."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from rec.errors import UserError
from rec.serving.gate import Gate
from rec.serving.metrics import Observed, exposition
from rec.serving.routes import ERRORS, add_requests
from rec.serving.schemas import Ready
from rec.serving.service import Service
from rec.serving.watch import watch

_PAGE = Path(__file__).with_name("page.html")

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
"""Of the page: nothing comes from elsewhere, and nothing goes there."""

_PATHS = frozenset({"/", "/rank", "/score", "/model", "/healthz", "/readyz", "/metrics", "/openapi.json"})


def create_app(service: Service) -> Any:
    """The application (ASGI's) of a worker."""
    app = FastAPI(
        title="Ranker",
        description=service.served.says(),
        version="1",
        docs_url=None,
        redoc_url=None,
        lifespan=_watching,
    )
    app.state.service = service
    _add_errors(app)
    add_requests(app, service)
    _add_probes(app, service)
    return Observed(Gate(app, service), _PATHS)


@asynccontextmanager
async def _watching(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    task = asyncio.create_task(watch(service))
    yield
    task.cancel()


def _add_probes(app: FastAPI, service: Service) -> None:
    page = _PAGE.read_text(encoding="utf-8")

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})

    @app.get("/healthz")
    async def alive() -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "ok"}

    @app.get("/readyz", response_model=Ready, responses={503: {"model": Ready, "description": "About to end"}})
    async def ready() -> JSONResponse:
        """Whether requests may come, with which model."""
        content = {
            "ready": not service.draining,
            "version": service.served.version,
            "refused": service.refused,
        }
        return JSONResponse(content, 503 if service.draining else 200)

    @app.get("/metrics", responses={200: {"content": {"text/plain": {}}}, 401: ERRORS[401]}, response_class=Response)
    async def metrics() -> Response:
        """Counts and times for Prometheus, of all workers."""
        return Response(exposition(), media_type=CONTENT_TYPE_LATEST)


def _add_errors(app: FastAPI) -> None:
    async def invalid(_: Request, error: Any) -> JSONResponse:
        return JSONResponse({"error": "; ".join(map(_said, error.errors()[:3]))}, 422)

    async def refused(_: Request, error: Any) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 422)

    async def other(_: Request, error: Any) -> JSONResponse:
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(UserError, refused)
    app.add_exception_handler(HTTPException, other)


def _said(problem: Any) -> str:
    """`candidates: row 4: Input should be a valid dictionary`."""
    where = problem["loc"][1:]
    if problem["type"] == "json_invalid":
        return f"the body is no JSON: {problem['ctx']['error']} at character {where[0]}"
    names = [f"row {each + 1}" if isinstance(each, int) else str(each) for each in where]
    return ": ".join([*(names or ["the body"]), problem["msg"]])
