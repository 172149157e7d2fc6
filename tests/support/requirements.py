"""Which parts of the outside world a test run must have: the variable `PUENTE_TEST_REQUIRE`.

A part that is named there and missing fails the tests that need it. A part that is not named and missing
skips them, with the reason.
"""

import os
from typing import Literal, NoReturn, get_args

import pytest

Part = Literal["kafka", "postgres", "browser", "prometheus"]

VARIABLE = "PUENTE_TEST_REQUIRE"


class Unavailable(Exception):
    """This machine lacks what is needed to start a server; the message says what and how to get it."""


def required() -> frozenset[str]:
    """The parts named in the environment. Raises `pytest.UsageError` for a name that means nothing."""
    named = frozenset(word.strip() for word in os.environ.get(VARIABLE, "").split(",") if word.strip())
    unknown = sorted(named - set(get_args(Part)))
    if unknown:
        known = ", ".join(get_args(Part))
        raise pytest.UsageError(f"{VARIABLE} names {', '.join(unknown)}; known are: {known}")
    return named


def missing(part: Part, reason: str) -> NoReturn:
    """End the test that asks for `part`: a failure where it is required, else a skip."""
    if part in required():
        pytest.fail(f"{VARIABLE} asks for {part}, but: {reason}", pytrace=False)
    pytest.skip(f"{part}: {reason}")
