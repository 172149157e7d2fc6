"""The checks of an account that every REST vendor has in common, each with the sentence for a person.

A vendor's session runs these in order and adds what only it knows (prefix, hooks, the vendors' own link).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from shared import errors
from shared.connectors import answers, values
from shared.connectors.contract import (
    Access,
    Check,
    CheckName,
    CheckState,
    RegisteredHook,
    Response,
    StatusFate,
)
from shared.connectors.http import AddressRefused, BadAddress, NotSent
from shared.connectors.rest import Query, RestSession
from shared.connectors.values import Object
from shared.model.text import Text

_SEEN: Final[Mapping[int, StatusFate]] = dict.fromkeys((400, 401, 402, 403, 404, 422), "answer")
_CRM_HOSTS: Final = ("sugester.pl", "sugester.com", "sugester.es", "sugester.io")


@dataclass(frozen=True, slots=True, kw_only=True)
class Menus:
    """Where in the vendor's program, or at ours, something is mended."""

    base_url: Text
    token: Text
    rights: Text


def finding(name: CheckName, state: CheckState, en: str, es: str, way_out: Text | None = None) -> Check:
    return Check(name=name, state=state, says=Text(en=en, es=es), way_out=way_out)


async def access_checks(session: RestSession, path: str, query: Query, menus: Menus) -> Sequence[Check]:
    """Host, certificate, token and the right to read, by one list call. Ends at the first that failed."""
    try:
        response = await session.call("GET", path, query=query, fates=_SEEN)
    except errors.PuenteError as problem:
        return not_reached(session.access, problem, menus.base_url, failed=token_failed(menus))
    found = reached(session.access)
    if response.status == 401 or answers.is_page(response):
        return [*found, token_failed(menus)]
    if response.status in {404, 422}:
        return [not_this_api(menus)]
    accepted = finding("token", "ok", "The token is accepted.", "El token es válido.")
    return [*found, accepted, await _read_found(response, menus)]


def not_this_api(menus: Menus) -> Check:
    return finding(
        "host",
        "failed",
        "The address answers, but not as this account's API: no such account or path.",
        "La dirección responde, pero no como la API de esta cuenta: no existe la cuenta o la ruta.",
        menus.base_url,
    )


def reached(access: Access) -> Sequence[Check]:
    """What is known once a vendor answered at all: its host, and whether the way is encrypted."""
    return [_host_found(access), _certificate_found(access)]


def _host_found(access: Access) -> Check:
    host = urlsplit(access.base_url).hostname or ""
    return finding("host", "ok", f"{host} answers.", f"{host} responde.")


def _certificate_found(access: Access) -> Check:
    if urlsplit(access.base_url).scheme == "https":
        return finding("certificate", "ok", "The certificate is valid.", "El certificado es válido.")
    return finding(
        "certificate",
        "warning",
        "The address is plain http: nothing is encrypted on the way.",
        "La dirección usa http sin cifrar.",
    )


def token_failed(menus: Menus) -> Check:
    return finding("token", "failed", "The token is not accepted.", "El token no es válido.", menus.token)


async def _read_found(response: Response, menus: Menus) -> Check:
    if 200 <= response.status < 300:
        try:
            listed = await answers.json_of(response)
        except errors.PuenteError:
            listed = None
        if isinstance(listed, list):
            return finding("read", "ok", "Clients can be read.", "Se pueden leer los clientes.")
        return finding(
            "read", "failed", "The answer is not a list.", "La respuesta no es una lista.", menus.base_url
        )
    return finding(
        "read",
        "failed",
        f"The token may not read clients (status {response.status}).",
        f"El token no puede leer los clientes (estado {response.status}).",
        menus.rights,
    )


def not_reached(access: Access, problem: errors.PuenteError, base_url: Text, *, failed: Check) -> Sequence[Check]:
    """The findings of a call that was not answered. `failed` is the one for a credential that is not accepted."""
    host = urlsplit(access.base_url).hostname or ""
    if isinstance(problem, AddressRefused):
        way_out = Text(
            en="The operator of this installation adds its network to PUENTE_OUTGOING_ALLOW.",
            es="El operador de esta instalación añade su red a PUENTE_OUTGOING_ALLOW.",
        )
        en, es = f"{host} may not be called from here.", f"Desde aquí no se permite llamar a {host}."
        return [finding("host", "failed", en, es, way_out)]
    if isinstance(problem, BadAddress):
        en = "The address of the account is not the one of its API."
        es = "La dirección de la cuenta no es la de su API."
        return [finding("host", "failed", en, es, base_url)]
    if isinstance(problem, NotSent) and problem.reason == "certificate":
        en, es = f"The certificate of {host} is not valid.", f"El certificado de {host} no es válido."
        return [_host_found(access), finding("certificate", "failed", en, es, base_url)]
    if isinstance(problem, NotSent):
        en, es = f"{host} cannot be reached.", f"No se puede llegar a {host}."
        return [finding("host", "failed", en, es, base_url)]
    if isinstance(problem, errors.Throttled):
        en, es = (
            "The vendor asks for fewer calls; try again.",
            "El proveedor pide menos llamadas; repítalo después.",
        )
        return [_host_found(access), _certificate_found(access), finding(failed.name, "not checked", en, es)]
    if isinstance(problem, errors.NeedsOperator):
        # A login page, or a token that cannot even be sent.
        return [_host_found(access), failed]
    en, es = f"{host} did not give a usable answer.", f"{host} no dio una respuesta utilizable."
    return [finding("host", "failed", en, es, base_url)]


async def write_check(session: RestSession, path: str, body: Object, menus: Menus) -> Check:
    """The right to write, by a create that the vendor refuses for its content.

    Anything but the expected refusal, or a refusal of the right, is "not checked". Should the vendor make a record
    all the same, it is deleted again.
    """
    try:
        response = await session.call("POST", f"{path}.json", body=body, writes=True, fates=_SEEN)
        if 200 <= response.status < 300:
            made = await answers.json_of(response, writes=True)
            if isinstance(made, dict) and made.get("id"):
                await session.call("DELETE", f"{path}/{values.record_id(made['id'], 'id')}.json", writes=True)
    except errors.PuenteError:
        return write_not_checked()
    if response.status == 422:
        return finding("write", "ok", "Clients can be written.", "Se pueden escribir los clientes.")
    if response.status in {401, 402, 403}:
        return finding(
            "write",
            "failed",
            f"The token may not write clients (status {response.status}).",
            f"El token no puede escribir clientes (estado {response.status}).",
            menus.rights,
        )
    return write_not_checked()


def write_not_checked() -> Check:
    return finding(
        "write",
        "not checked",
        "The right to write is not checked: no harmless write is known for this vendor's answer.",
        "El permiso de escritura no se ha comprobado: no se conoce una escritura inofensiva.",
    )


def prefix_check(token: str, base_url: str, told: str, way_out: Text) -> Check:
    """Whether the token's account, the address and what the vendor says of itself are one.

    `told` is the prefix that the vendor named, "" if it named none.
    """
    known = {name.lower() for name in (prefix_of_token(token), prefix_of_host(base_url), told) if name}
    if len(known) > 1:
        return finding(
            "prefix",
            "failed",
            "The token, the address and the account do not belong together.",
            "El token, la dirección y la cuenta no corresponden entre sí.",
            way_out,
        )
    if not known:
        return finding(
            "prefix",
            "not checked",
            "Neither the token nor the address names the account.",
            "Ni el token ni la dirección indican la cuenta.",
        )
    return finding("prefix", "ok", "The account is the expected one.", "La cuenta es la esperada.")


def prefix_of_token(token: str) -> str:
    """`acme` of `SECRET/acme`, "" of a plain token."""
    return token.rsplit("/", 1)[1].strip() if "/" in token else ""


def prefix_of_host(base_url: str) -> str:
    """`acme` of `https://acme.vendor.com`; "" where the host is an address, the vendor's own, or no such name."""
    host = urlsplit(base_url).hostname or ""
    labels = host.split(".")
    if len(labels) < 3 or labels[-1].isdigit() or ":" in host or labels[0] in {"www", "app", "api"}:
        return ""
    return labels[0]


def identity_of(token: str, base_url: str) -> str:
    """One name for an account, whichever of its tokens was given."""
    prefix = prefix_of_host(base_url) or prefix_of_token(token)
    if prefix:
        return prefix.lower()
    parts = urlsplit(base_url)
    return f"{parts.netloc}{parts.path.rstrip('/')}".lower()


def hooks_check(rows: Sequence[RegisteredHook], system: str, way_out: Text) -> Check:
    """Whether our rows are there and on. Which rows should be there is the caller's to know."""
    ours = [row for row in rows if is_ours(row, system)]
    off = [row for row in ours if not row.active]
    if off:
        return finding(
            "hooks",
            "failed",
            f"{len(off)} of our {len(ours)} webhooks are switched off.",
            f"{len(off)} de nuestros {len(ours)} webhooks están desactivados.",
            way_out,
        )
    if not ours:
        return finding(
            "hooks",
            "warning",
            "No webhook of ours is registered.",
            "No hay ningún webhook nuestro registrado.",
            way_out,
        )
    return finding("hooks", "ok", f"{len(ours)} webhooks are active.", f"Hay {len(ours)} webhooks activos.")


def shipped_link_check(rows: Sequence[RegisteredHook], system: str, way_out: Text) -> Check:
    """Whether the vendors' own link is on: it would double whatever both of us make."""
    foreign = [row for row in rows if row.active and not is_ours(row, system) and _points_at_crm(row.url)]
    if foreign:
        return finding(
            "shipped link",
            "failed",
            f"The vendors' own link is on: {len(foreign)} webhooks point at Sugester.",
            f"La integración propia de los proveedores está activa: {len(foreign)} webhooks apuntan a Sugester.",
            way_out,
        )
    return finding(
        "shipped link",
        "ok",
        "The vendors' own link is off.",
        "La integración propia de los proveedores está apagada.",
    )


def is_ours(row: RegisteredHook, system: str) -> bool:
    return f"/hooks/{system}/" in urlsplit(row.url).path


def _points_at_crm(url: str) -> bool:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    at_crm = any(host == name or host.endswith(f".{name}") for name in _CRM_HOSTS)
    return at_crm or parts.path.endswith("/external_update.json")
