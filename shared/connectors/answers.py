"""What a vendor answered: JSON without surprises, the vendor's words without secrets, the error it means."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final
from urllib.parse import quote, quote_plus, urlsplit

import msgspec

from shared import errors
from shared.connectors.contract import Request, Response, StatusFate
from shared.connectors.outgoing import BadAddress

Json = str | int | float | Decimal | bool | None | list["Json"] | dict[str, "Json"]

_PARSED_IN_A_THREAD: Final = 1024 * 1024
_WORDS: Final = 300
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_LOGIN: Final = re.compile(
    rb"type=[\"']?password|sign[_ -]?in|log[_ -]?in|iniciar sesi|inicie sesi|zaloguj|inloggen", re.IGNORECASE
)
_TOKEN_IN_URL: Final = re.compile(r"((?:api_token|access_token|token|key|password)=)[^&\s\"'<>]+", re.IGNORECASE)


def redact(text: str, secrets: Sequence[str]) -> str:
    """The text without any of the secrets, in whatever form a URL or a page may quote them."""
    forms: set[str] = set()
    for secret in secrets:
        # `SECRET/PREFIX` is also taken out when only its secret half is quoted.
        for part in {secret, secret.rsplit("/", 1)[0]}:
            if len(part) >= 4:
                forms |= {part, quote(part), quote(part, safe=""), quote_plus(part), part.replace("/", "\\/")}
    for form in sorted(forms, key=len, reverse=True):
        text = re.sub(re.escape(form), "***", text, flags=re.IGNORECASE)
    return _TOKEN_IN_URL.sub(r"\1***", text)


async def json_of(response: Response, *, writes: bool = False) -> Json:
    """The body as JSON, numbers with a point as Decimal. Bodies over 1 MB are parsed in a thread.

    A body that is no JSON raises NeedsOperator if it is a login page, else Retryable; after a write InDoubt.
    """
    try:
        if len(response.body) > _PARSED_IN_A_THREAD:
            return await asyncio.to_thread(_decoded, response.body)
        return _decoded(response.body)
    except (ValueError, RecursionError, ArithmeticError):
        pass
    raise not_json(response, writes=writes)


def _decoded(body: bytes) -> Json:
    decoded: Json = _DECODER.decode(body)
    return decoded


def not_json(response: Response, *, writes: bool) -> errors.PuenteError:
    """The error for a 2xx answer that should have been JSON."""
    if is_page(response) and _LOGIN.search(response.body[:200_000]):
        return _logged_out()
    if writes:
        return errors.InDoubt("The vendor's answer cannot be read; the write may have happened.")
    return errors.Retryable("The vendor's answer is not the JSON that it should be.")


def is_page(response: Response) -> bool:
    """Whether the answer is an HTML page, whatever it says it is."""
    return response.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _logged_out() -> errors.NeedsOperator:
    return errors.NeedsOperator(
        "The vendor shows its login page: the token is not accepted.", way_out="Check the account's token."
    )


def words_of(response: Response, secrets: Sequence[str]) -> tuple[str, str]:
    """What the vendor says, redacted and cut, and the field that it names ("" if none)."""
    if is_page(response):
        return "(a page instead of an answer)", ""
    try:
        said = _decoded(response.body)
    except (ValueError, RecursionError, ArithmeticError):
        said = response.body[:_WORDS].decode("utf-8", "replace")
    field = ""
    if isinstance(said, dict):
        keys = ("message", "errors", "error_description", "error", "detail", "title")
        said = next((said[key] for key in keys if said.get(key)), "")
    if isinstance(said, dict):
        field = next((key for key in said if key.isidentifier() and len(key) <= 64), "")
    text = redact(" ".join(flat(said).split()), secrets)
    return text[:_WORDS], redact(field, secrets)


def flat(said: Json, depth: int = 0) -> str:
    """Words out of a text, or out of an object or list of texts, cut to a bearable length."""
    if isinstance(said, dict) and depth < 4:
        return "; ".join(f"{key}: {flat(value, depth + 1)}" for key, value in list(said.items())[:20])
    if isinstance(said, list) and depth < 4:
        return ", ".join(flat(value, depth + 1) for value in said[:20])
    return str(said)[: 4 * _WORDS] if isinstance(said, (str, int, Decimal)) else ""


def values_sent(request: Request) -> list[str]:
    """The texts that a request carried: a vendor that refuses a value likes to quote it, and a reason is kept."""
    found = [value for _, value in request.query]
    try:
        said = _decoded(request.body) if request.body else None
    except (ValueError, RecursionError, ArithmeticError):
        said = None
    left: list[Json] = [said]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str):
            found.append(value.strip())
    return found


def error_of(
    request: Request,
    response: Response,
    fate: StatusFate | None,
    *,
    secrets: Sequence[str],
    pause: timedelta | None,
) -> errors.PuenteError:
    """The error that a status means. Throttling is settled before, where the budget is."""
    status = response.status
    if 300 <= status < 400 and fate is None:
        return _redirected(response)
    words, field = words_of(response, [*secrets, *values_sent(request)])
    said = f"The vendor answered {status}: {words}" if words else f"The vendor answered {status}."
    match fate:
        case "operator":
            what = "token" if status == 401 else "rights, plan and base URL"
            return errors.NeedsOperator(said, way_out=f"Check the account's {what}.")
        case "rejected":
            return errors.Rejected(said, field=field)
    if request.writes and (status >= 500 or status == 408):
        return errors.InDoubt(f"{said} The write may have happened.", retry_after=pause)
    if fate == "retryable" or status >= 500:
        return errors.Retryable(said, retry_after=pause)
    if 400 <= status < 500:
        return errors.Rejected(said, field=field)
    return errors.Retryable(said, retry_after=pause)


def _redirected(response: Response) -> errors.PuenteError:
    target = response.headers.get("location", "")
    if _LOGIN.search(target.encode("utf-8", "replace")):
        return _logged_out()
    try:
        host = urlsplit(target).hostname
    except ValueError:
        host = None
    elsewhere = f" to {host}" if host and re.fullmatch(r"[a-z0-9.-]{1,253}", host) else ""
    return BadAddress(
        f"The vendor redirects{elsewhere}; redirects are not followed.", way_out="Check the account's base URL."
    )
