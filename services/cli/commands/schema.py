"""`puente schema`: what the topic holds, for whoever reads it with tools of their own."""

from __future__ import annotations

import json

import typer


def register(app: typer.Typer) -> None:
    app.command("schema")(schema)


def schema() -> int:
    """Print the AsyncAPI document of the topic, as JSON."""
    from services.ingress import asyncapi  # noqa: PLC0415 - a service's module: only where it is asked for

    print(json.dumps(asyncapi.document(), indent=2))
    return 0
