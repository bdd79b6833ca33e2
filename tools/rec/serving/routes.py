"""What requests are answered."""

# Without the import of `annotations`: FastAPI reads those of functions, and the limits are known when it is called.

from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from pydantic import Field, create_model

from rec.serving.example import example
from rec.serving.metrics import ROWS
from rec.serving.ranking import Ranking, rank
from rec.serving.schemas import Error, Model, RankAnswer, RankRequest, Row, ScoreAnswer, ScoreRequest
from rec.serving.served import Served
from rec.serving.service import Service
from rec.serving.settings import KEY

ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": Error, "description": "The body cannot be read"},
    401: {"model": Error, "description": f"The key of {KEY} is missing"},
    408: {"model": Error, "description": "The body came too slowly"},
    413: {"model": Error, "description": "The body is too large"},
    422: {"model": Error, "description": "A value is none that may stand there"},
    503: {"model": Error, "description": "Too many requests"},
}


def add_requests(app: FastAPI, service: Service) -> None:
    """The paths that ask the model."""
    most = service.settings.max_candidates
    rows = Annotated[list[Row], Field(max_length=most)]
    limited_rank: Any = create_model("RankRequest", __base__=RankRequest, candidates=(rows, ...))
    limited_score: Any = create_model("ScoreRequest", __base__=ScoreRequest, rows=(rows, ...))

    @app.post("/rank", response_model=RankAnswer, responses=ERRORS)
    async def rank_candidates(request: limited_rank) -> Response:
        """Put a user's candidates in order."""
        ROWS.labels("/rank").observe(len(request.candidates))
        found = await service.ask(lambda model: rank(model, request.user, request.candidates, request.weights))
        return JSONResponse(_ranked(found))

    @app.post("/score", response_model=ScoreAnswer, responses=ERRORS)
    async def score_rows(request: limited_score) -> Response:
        """Predict for rows."""
        ROWS.labels("/score").observe(len(request.rows))
        version, found = await service.ask(lambda model: (model.version, model.predict(request.rows)))
        return JSONResponse(
            {"predictions": {name: values.tolist() for name, values in found.items()}, "version": version}
        )

    @app.get("/model", response_model=Model, responses={401: ERRORS[401]})
    async def model() -> Model:
        """What the model takes and says."""
        return _model(service.served, most)


def _ranked(found: Ranking) -> dict[str, Any]:
    order = found.order.tolist()
    predictions = {name: values.tolist() for name, values in found.predictions.items()}
    scores = found.scores.tolist()
    ranking = [
        {
            "candidate": place,
            "score": scores[place],
            "predictions": {name: values[place] for name, values in predictions.items()},
        }
        for place in order
    ]
    return {"ranking": ranking, "formula": str(found.formula), "version": found.version}


def _model(served: Served, most: int) -> Model:
    manifest, reader = served.model.manifest, served.model.reader
    return Model(
        model=Path(manifest.model).name,
        version=served.version,
        epoch=manifest.epoch,
        step=manifest.step,
        columns=list(reader.columns),
        user_columns=list(reader.shared_columns),
        outputs={each.name: each.meaning for each in manifest.outputs},
        formula=str(served.formula),
        max_candidates=most,
        example=example(served),
    )
