"""Loaded by schemathesis (`SCHEMATHESIS_HOOKS`): what it cannot know of our apps, and what it does not ask.

Half of the requests to a hook carry a token, and half of those its secret: made-up ones are all refused alike. The
environment's `PUENTE_TEST_HOOKS` holds them: `{"/hooks/system/{token}": {"token", "secret_key", "secret"}}`.
"""

from __future__ import annotations

import json
import os
from typing import Any

import schemathesis

_HOOKS: dict[str, dict[str, str]] = json.loads(os.environ.get("PUENTE_TEST_HOOKS", "{}"))
# Refusals that are about no field: a hook that is not there, too many of them, and nothing to store it in.
_ABOUT_NO_FIELD = frozenset({"unknown-hook", "too-many-refusals", "not-stored"})
_turn = [0]


@schemathesis.hook
def before_call(_: Any, case: Any, __: Any) -> None:
    known = _HOOKS.get(case.operation.path)
    if known is None:
        return
    _turn[0] += 1
    if _turn[0] % 2 and case.path_parameters is not None and "token" in case.path_parameters:
        case.path_parameters["token"] = known["token"]
    if _turn[0] % 4 == 1 and known["secret_key"] and isinstance(case.body, dict):
        case.body[known["secret_key"]] = known["secret"]


@schemathesis.check
def names_its_field(_: Any, response: Any, __: Any) -> None:
    """Every refusal of ours is a body that says what is wrong, and with what."""
    if not 400 <= response.status_code < 500:
        return
    said = json.loads(response.content)
    kind = said.get("type", "").rpartition(":")[2]
    assert said["detail"], "the refusal says nothing"
    assert said.get("field") or kind in _ABOUT_NO_FIELD, f"the refusal names no field: {said}"
