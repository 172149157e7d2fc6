"""Settings of one account: a wrong one pauses its flows with the sentence that says what to correct."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from shared import errors
from shared.connectors.contract import Access, Credential, Limits


def setting(access: Access, name: str, default: str, *, allowed: Sequence[str]) -> str:
    """An account's setting. Raises NeedsOperator for a value that is not allowed."""
    value = access.settings.get(name, "").strip().lower() or default
    if value not in allowed:
        raise errors.NeedsOperator(
            f"The account's setting {name!r} must be one of {', '.join(allowed)}.", way_out="Correct the setting."
        )
    return value


def switch(access: Access, name: str, *, default: bool) -> bool:
    """A yes or no setting of an account."""
    words = {
        "yes": True,
        "true": True,
        "1": True,
        "on": True,
        "no": False,
        "false": False,
        "0": False,
        "off": False,
    }
    return words[setting(access, name, "yes" if default else "no", allowed=tuple(words))]


def needed(credentials: Sequence[Credential], given: Collection[str]) -> list[str]:
    """The names of the values that make a login: the one that stands for all if it was given, else the others."""
    alone = [each.name for each in credentials if each.alone]
    return [name for name in alone if name in given][:1] or [each.name for each in credentials if not each.alone]


def renewed(credentials: Sequence[Credential], old: Mapping[str, str], fresh: Mapping[str, str]) -> dict[str, str]:
    """Credentials of which some were given anew: one that stood alone goes when others take its place."""
    alone = {each.name for each in credentials if each.alone}
    kept = {name: value for name, value in old.items() if name not in alone or not fresh.keys() - alone}
    return {**kept, **fresh}


# No vendor lives on this machine: a sandbox is not asked to bear what a vendor's limits protect.
_HERE_PER_MINUTE = 60_000
_HERE_AT_ONCE = 16


def limits_of(limits: Limits, access: Access) -> Limits:
    """The vendor's limits as the account's settings change them: calls a minute, calls at once, seconds a call,
    rows a page (fewer than usual, never more).

    Raises NeedsOperator for any setting of an account that is no number in its range.

    An account on this machine's loopback has wide limits unless its settings say otherwise.
    """
    if _is_here(access.base_url):
        limits = replace(limits, per_minute=_HERE_PER_MINUTE, concurrent=_HERE_AT_ONCE)
    visible_after(timedelta(0), access.settings)
    return replace(
        limits,
        per_minute=_number(access.settings, "calls_per_minute", limits.per_minute, most=600_000),
        concurrent=_number(access.settings, "calls_at_once", limits.concurrent, most=200),
        timeout=timedelta(
            seconds=_number(access.settings, "seconds_per_call", int(limits.timeout.total_seconds()), most=300)
        ),
        page_size=_number(access.settings, "rows_per_page", limits.page_size, most=limits.page_size),
    )


def visible_after(declared: timedelta, settings: Mapping[str, str]) -> timedelta:
    """How long after a write an account may still not show it: what its connector declares, or longer, as the
    account's setting says. Never shorter: looking too early would find nothing and make a second record.
    """
    return max(declared, timedelta(seconds=_number(settings, "visible_after_seconds", 0, most=3600)))


def _is_here(base_url: str) -> bool:
    try:
        host = urlsplit(base_url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _number(settings: Mapping[str, str], name: str, default: int, *, most: int) -> int:
    text = settings.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise errors.NeedsOperator(
            f"The account's setting {name!r} must be a number from 1 to {most}.", way_out="Correct the setting."
        )
    return int(text)


def token_of(access: Access) -> str:
    """The account's token without stray white space. Raises NeedsOperator for one that cannot be sent."""
    token = access.credentials.get("token", "").strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise errors.NeedsOperator("The account has no usable token.", way_out="Add the account's token again.")
    return token
