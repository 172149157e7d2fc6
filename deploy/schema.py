"""The description of the topic as a file of the docs: `python -m deploy.schema` writes docs/asyncapi.yaml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import yaml

from services.ingress import asyncapi

FILE: Final = Path(__file__).parents[1] / "docs" / "asyncapi.yaml"
_HEAD: Final = (
    "# Made by `make schema`. `puente schema` prints the same, and every door serves it at /asyncapi.json.\n"
)


def text() -> str:
    """What the file holds."""
    plain = json.loads(json.dumps(asyncapi.document()))  # YAML would point to parts that occur twice
    return _HEAD + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=110)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
