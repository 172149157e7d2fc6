"""The pages of sync: liveness, readiness and metrics. Nothing here changes anything."""

from __future__ import annotations

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

from services import http, problems
from services.sync.gauges import Gauges
from shared.runtime.sync import Sync


def create_app(sync: Sync, gauges: Gauges) -> FastAPI:
    app = FastAPI(
        title="Puente sync",
        summary="Reads the log and brings systems to agree.",
        version="1",
        redoc_url=None,
        telemetry=http.NO_TELEMETRY,
    )
    problems.install(app)

    @app.get("/healthz", tags=["health"])
    async def healthz() -> JSONResponse:
        """The process is alive."""
        return JSONResponse({"ok": True})

    @app.get("/readyz", tags=["health"], responses={503: {"description": "It is not."}})
    async def readyz() -> JSONResponse:
        """Whether this process holds shards and reaches its store. A spare process is alive and not ready."""
        state = {"ready": sync.ready, "shards": len(sync.shards), "store": not sync.store_away}
        return JSONResponse(state, status_code=200 if sync.ready else 503)

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Numbers for Prometheus."""
        return Response(gauges.page(), media_type=CONTENT_TYPE_LATEST)

    return app
