"""The sandbox as one FastAPI app: the vendors' APIs, the control API and the page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.sandbox import refusals
from services.sandbox.control import control_router
from services.sandbox.endpoint import VendorEndpoint
from services.sandbox.page import add_page
from services.sandbox.world import World

__all__ = ["World", "create_app"]


def create_app(state: World) -> FastAPI:
    """Serve `state`. The app closes it when it stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await state.aclose()

    app = FastAPI(title="Puente sandbox", lifespan=lifespan, docs_url="/control/docs", redoc_url=None)
    refusals.install(app)
    endpoints = {name: VendorEndpoint(state, system) for name, system in state.systems.items()}
    app.include_router(control_router(state, endpoints))
    add_page(app, state)
    for name, endpoint in endpoints.items():
        app.mount(f"/{name}", endpoint)
    return app
