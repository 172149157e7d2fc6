"""A Clientify account as a whole: its webhook slots, and the checks of activation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from shared import errors
from shared.connectors import answers, checks, rest, values
from shared.connectors.clientify import mapping
from shared.connectors.clientify.session import ClientifyContacts
from shared.connectors.clientify.wire import NO_SITES, NotThisVersion, Probe, account_in
from shared.connectors.contract import (
    Access,
    Check,
    CheckState,
    Connector,
    OwnField,
    RegisteredHook,
    StatusFate,
    Wire,
)
from shared.connectors.values import Object
from shared.model.text import Text

REST: Final = rest.Rest(
    resources={
        "contacts": rest.RestResource(
            path="/contacts",
            wrapper="",
            row=mapping.customer_from_contact,
            wire=mapping.scalars_from,
            reference=lambda _found: "",
        ),
    },
    suffix="/",
)

MENUS: Final = checks.Menus(
    base_url=Text(
        en="Leave the address out, or give https://api-plus.clientify.com: every account of Clientify shares it.",
        es="No indique dirección, o ponga https://api-plus.clientify.com: es la misma para todas las cuentas.",
    ),
    token=Text(
        en="Copy the API key of an administrator from Clientify (Ajustes), whole.",
        es="Copie de Clientify (Ajustes) la clave de API de un administrador, completa.",
    ),
    rights=Text(
        en="The key has the rights of its user, who must be an administrator; the plan needs the API.",
        es="La clave tiene los permisos de su usuario, que debe ser administrador; el plan debe incluir la API.",
    ),
)
_HOOKS_MENU: Final = Text(
    en="Sweeps carry the changes meanwhile. Clientify: Ajustes > Integraciones > Webhooks: free the slot of "
    "contacts, then register ours with `puente hooks ACCOUNT --register`.",
    es="Mientras tanto los barridos llevan los cambios. Clientify: Ajustes > Integraciones > Webhooks: libere el "
    "de contactos y registre el nuestro con `puente hooks CUENTA --register`.",
)
_SLOT: Final = "/webhooks/{}/"
_SLOT_FATES: Final[Mapping[int, StatusFate]] = {403: "answer", 404: "answer", 409: "answer"}
_SEEN: Final[Mapping[int, StatusFate]] = dict.fromkeys((400, 401, 402, 403, 404, 405), "answer")


class ClientifySession(ClientifyContacts):
    """One Clientify account."""

    def __init__(self, connector: Connector, access: Access, wire: Wire) -> None:
        super().__init__(connector, REST, access, wire)

    # Webhooks: one slot an entity, which whoever came first holds

    async def hooks(self) -> Sequence[RegisteredHook] | None:
        """The slots that are taken, by us or others. None in version 1, and where the key may not manage them."""
        if await self.version() == "v1":
            return None
        found: list[RegisteredHook] = []
        for kind in self._connector.hooks.kinds:
            slot = await self._slot(kind)
            if slot is None:
                return None
            if slot.url:
                found.append(slot)
        return found

    async def _slot(self, kind: str) -> RegisteredHook | None:
        """A slot as it stands, with an empty address if it is free; None where we may not look."""
        response = await self.call("GET", _SLOT.format(kind), fates=_SLOT_FATES)
        if response.status == 403:
            return None
        if response.status != 200:
            self._is_missing(response)
            return RegisteredHook(hook_id=kind, hook_kind=kind, url="", active=False)
        found = await self._words_in(await answers.json_of(response))
        return RegisteredHook(
            hook_id=kind,
            hook_kind=kind,
            url=(values.text(found.get("target"), "target") or "").strip(),
            active=values.flag(found.get("is_active"), "is_active") is not False,
        )

    async def _words_in(self, found: answers.Json) -> Object:
        if not isinstance(found, dict):
            raise errors.Retryable("The vendor's answer is not the webhook that it should be.")
        return found

    async def register_hook(self, hook_kind: str, url: str, secret: str) -> RegisteredHook:
        """Take a free slot; one that points elsewhere stays. `secret` is not sent: the address holds one."""
        if await self.version() == "v1":
            raise self._no_hooks()
        slot = await self._slot(hook_kind)
        if slot is not None and slot.url and not _same(slot.url, url):
            raise _taken(slot)
        if slot is None:
            raise self._no_hooks()
        if not slot.url:
            body: Object = {"target": url}
            response = await self.call("POST", _SLOT.format(hook_kind), body=body, writes=True, fates=_SLOT_FATES)
            if response.status in {403, 404}:
                raise self._no_hooks()
            slot = await self._slot(hook_kind)
            if slot is None or not _same(slot.url, url):
                raise _taken(slot)
        return slot if slot.active else await self.activate_hook(slot, secret)

    async def activate_hook(self, hook: RegisteredHook, secret: str) -> RegisteredHook:
        response = await self.call("POST", f"{_SLOT.format(hook.hook_kind)}activate/", body={}, writes=True)
        if response.status == 404:
            raise errors.Retryable("The webhook slot is free again: it is registered anew.")
        slot = await self._slot(hook.hook_kind)
        if slot is None or not _same(slot.url, hook.url):
            raise _taken(slot)
        return slot

    async def remove_hook(self, hook: RegisteredHook) -> None:
        """Free a slot that still points where we made it point."""
        slot = await self._slot(hook.hook_kind)
        if slot is not None and slot.url and _same(slot.url, hook.url):
            await self.call("DELETE", _SLOT.format(hook.hook_kind), writes=True, fates={404: "answer"})

    # Checks

    async def checks(self) -> AsyncIterator[Check]:
        """Host, certificate, key and version by asking who we are; then each right by itself, and our field."""
        try:
            probe = await self._probed()
        except errors.PuenteError as problem:
            for each in checks.not_reached(
                self.access, problem, MENUS.base_url, failed=checks.token_failed(MENUS)
            ):
                yield each
            return
        if probe.version is None and not probe.token_refused:
            yield checks.not_this_api(MENUS)
            return
        for each in checks.reached(self.access):
            yield each
        if probe.version is None:
            yield checks.token_failed(MENUS)
            return
        self._version = probe.version
        yield checks.finding("token", "ok", "The key is accepted.", "La clave es válida.")
        yield _version_found(probe)
        read = await self._read_check()
        yield read
        if read.state != "ok":
            return
        yield await self._write_check()
        yield await self._field_check()
        yield await self._hooks_check()
        yield checks.finding(
            "shipped link",
            "not checked",
            "Clientify does not show whether its own Factusol integration is on: it would double everything.",
            "Clientify no muestra si su propia integración con Factusol está activa: lo duplicaría todo.",
            Text(
                en="Clientify: Integraciones > FACTUSOL: it must be off.",
                es="Clientify: Integraciones > FACTUSOL: debe estar desactivada.",
            ),
        )

    async def _probed(self) -> Probe:
        """Which version takes the key; the one that the settings name is believed if it does."""
        probe = await self.probe()
        version = self.named_version() or probe.version
        if probe.version is None or version is None or (version == probe.version and probe.account_id):
            return probe
        # Version 1 shows settings that name no account; its users do. This also tells whether a named one answers.
        response = await self._send(version, "GET", "/users/", query=(("fields", "id,company_id"),), fates=_SEEN)
        if response.status != 200 and version != probe.version:
            raise NotThisVersion("The account's setting 'api' names a version that does not answer.")
        number = probe.account_id or await account_in(response)
        return replace(probe, version=version, account_id=number)

    async def _read_check(self) -> Check:
        query = (*await self._shown(), ("page_size", "1"))
        try:
            response = await self.call("GET", "/contacts/", query=query, fates=_SEEN)
            found = await answers.json_of(response) if response.status == 200 else None
        except errors.PuenteError:
            found, status = None, ""
        else:
            status = f" (status {response.status})"
        if isinstance(found, dict) and isinstance(found.get("results"), list):
            return checks.finding("read", "ok", "Contacts can be read.", "Se pueden leer los contactos.")
        en, es = f"The key may not read contacts{status}.", f"La clave no puede leer los contactos{status}."
        return checks.finding("read", "failed", en, es, MENUS.rights)

    async def _write_check(self) -> Check:
        """A change of a contact that cannot be there: "no such" is answered to whoever may write only."""
        for verb in ("PATCH", "PUT"):
            try:
                response = await self.call(
                    "PATCH" if verb == "PATCH" else "PUT", "/contacts/0/", body={}, writes=True, fates=_SEEN
                )
                if response.status == 404 and self._is_missing(response):
                    return checks.finding(
                        "write", "ok", "Contacts can be written.", "Se pueden escribir los contactos."
                    )
            except errors.PuenteError:
                return checks.write_not_checked()
            if response.status in {401, 402, 403}:
                en = f"The key may not write contacts (status {response.status})."
                es = f"La clave no puede escribir contactos (estado {response.status})."
                return checks.finding("write", "failed", en, es, MENUS.rights)
        return checks.write_not_checked()

    async def _field_check(self) -> Check:
        """Our custom field, made here if it is missing."""
        try:
            field = await self.ensure_field("contacts", "other_id")
        except errors.PuenteError as problem:
            en = f"The custom field {self.own_name} could not be looked for."
            es = f"No se ha podido buscar el campo personalizado {self.own_name}."
            way_out = MENUS.rights if isinstance(problem, errors.NeedsOperator) else None
            state: CheckState = "failed" if way_out is not None else "not checked"
            return checks.finding("own field", state, en, es, way_out)
        return _field_found(field)

    async def _hooks_check(self) -> Check:
        try:
            rows = await self.hooks()
        except errors.PuenteError:
            rows = None
        if rows is None:
            en = "This account does not let us manage webhooks: sweeps carry the changes."
            es = "Esta cuenta no permite gestionar webhooks: los barridos llevan los cambios."
            return checks.finding("hooks", "not checked", en, es)
        foreign = [row for row in rows if not checks.is_ours(row, self._connector.name)]
        if foreign:
            holder = held_by(foreign[0].url)
            return checks.finding(
                "hooks",
                "warning",
                f"The webhook slot of contacts is held by {holder}: it stays, and sweeps carry the changes.",
                f"El webhook de contactos lo tiene {holder}: no se toca, y los barridos llevan los cambios.",
                _HOOKS_MENU,
            )
        return checks.hooks_check(rows, self._connector.name, _HOOKS_MENU)


def _version_found(probe: Probe) -> Check:
    """The version in use; what was learnt of the account is kept with it."""
    number = "2" if probe.version == "v2" else "1"
    found = {"found_api": probe.version or "", "account_id": probe.account_id, "found_country": probe.country}
    en, es = (f" {NO_SITES.en}", f" {NO_SITES.es}") if probe.version == "v2" else ("", "")
    return Check(
        name="version",
        state="ok",
        says=Text(
            en=f"Version {number} of the API is used.{en}",
            es=f"Se usa la versión {number} de la API de Clientify.{es}",
        ),
        remember={name: value for name, value in found.items() if value},
    )


def _field_found(field: OwnField) -> Check:
    state: CheckState = "ok" if field.usable else "failed"
    return Check(name="own field", state=state, says=field.says, way_out=field.way_out)


def held_by(url: str) -> str:
    """The host that a slot points at; never its path, which may hold a token."""
    try:
        return urlsplit(url).hostname or "somebody else"
    except ValueError:
        return "somebody else"


def _taken(slot: RegisteredHook | None) -> errors.NeedsOperator:
    holder = held_by(slot.url) if slot is not None else "somebody else"
    return errors.NeedsOperator(
        f"The webhook slot of {slot.hook_kind if slot else 'contacts'} is held by {holder}: it is left alone.",
        way_out=_HOOKS_MENU.en,
    )


def _same(one: str, other: str) -> bool:
    return one.strip().rstrip("/") == other.strip().rstrip("/")
