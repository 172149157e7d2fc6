"""The page on which a person plays the shop owner at every vendor, side by side."""

from dataclasses import asdict
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader

from services.sandbox.world import World

_HERE = Path(__file__).parent


def add_page(app: FastAPI, world: World) -> None:
    """`GET /` and its static files. The page works through the control API alone."""
    templates = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True)
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="sandbox-static")

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def index(request: Request) -> str:
        systems = [
            {
                "name": system.name,
                "title": system.title,
                "base_url": f"{str(request.base_url).rstrip('/')}/{system.name}",
                "token": world.token(world.account(system.name)),
                "panels": [asdict(panel) for panel in system.panels],
            }
            for system in world.systems.values()
        ]
        return templates.get_template("index.html").render(systems=systems)
