"""Talking to Sugester: paths under /app, deal statuses by name, look-ups by reading lists, and the checks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from shared import errors
from shared.connectors import checks, hookrows, rest, settings, values
from shared.connectors.contract import Access, Check, Connector, RegisteredHook, Row, Wire
from shared.connectors.rest import RestResource
from shared.connectors.sugester import mapping
from shared.connectors.values import Object
from shared.model.normal import document_key
from shared.model.record import Fields
from shared.model.text import Text

REST: Final = rest.Rest(
    resources={
        "clients": RestResource(
            path="/app/clients",
            wrapper="client",
            row=mapping.customer_from_client,
            wire=mapping.client_from_customer,
            reference=mapping.reference_in,
        ),
        "deals": RestResource(
            path="/app/deals",
            wrapper="deal",
            row=mapping.deal_from_wire,
            wire=mapping.deal_from_fields,
            reference=mapping.deal_reference,
        ),
    },
    # Paging is not documented: no page is believed to be the last before one more was asked for, but for a
    # handful of rows, which no page size could be.
    full_page=10,
)

MENUS: Final = checks.Menus(
    base_url=Text(
        en="Copy the address of your Sugester account from the browser: https://ACCOUNT.sugester.pl/app",
        es="Copie del navegador la dirección de su cuenta de Sugester: https://CUENTA.sugester.pl/app",
    ),
    token=Text(
        en="Sugester: Ajustes > API > Nuevo ApiToken, of the kind manual_prefix (address /app/account/api).",
        es="Sugester: Ajustes > API > Nuevo ApiToken, de tipo manual_prefix (dirección /app/account/api).",
    ),
    rights=Text(
        en="The token has the rights of its user. Sugester: Ajustes > Usuarios, the user who made the token.",
        es="El token tiene los permisos de su usuario. Sugester: Ajustes > Usuarios, quien creó el token.",
    ),
)
_HOOKS_MENU: Final = Text(
    en="Sugester may send none: sweeps carry it. Where your account has webhooks, set hooks_api to yes.",
    es="Puede que Sugester no los envíe: bastan los barridos. Si su cuenta los tiene, ponga hooks_api a yes.",
)
_STATUSES: Final = "/app/statuses"


class SugesterSession(hookrows.HookRowSession):
    """One Sugester account. `base_url` may end in /app or not."""

    hooks_path = "/app/webhooks"

    def __init__(self, connector: Connector, access: Access, wire: Wire) -> None:
        base_url = access.base_url.strip().rstrip("/").removesuffix("/app")
        super().__init__(connector, REST, replace(access, base_url=base_url), wire)
        self._statuses: Mapping[str, str] | None = None
        self._status_lock = asyncio.Lock()

    async def by_reference(self, resource: str, reference: str, hint: Fields) -> Sequence[Row]:
        """Clients: the whole list. Deals: by the end of their link too, first in the client's own list."""
        link = hint.get("link")
        key = document_key(link) if resource == "deals" and isinstance(link, str) else ""

        def is_wanted(found: Object) -> bool:
            url = found.get("url")
            linked = bool(key) and isinstance(url, str) and document_key(url) == key
            return linked or self._reference(resource, found) == reference

        client = hint.get("client")
        if key and isinstance(client, str):
            rows = await self.scan(resource, (("client_id", client),), is_wanted)
            if rows:
                return rows
        return await self.scan(resource, (), is_wanted, bulk=True)

    async def create(self, resource: str, fields: Fields, *, reference: str) -> Row:
        with self._fresh_statuses():
            return await super().create(resource, fields, reference=reference)

    async def update(
        self, resource: str, record_id: str, fields: Fields, *, whole: Fields | None = None
    ) -> Row | None:
        with self._fresh_statuses():
            return await super().update(resource, record_id, fields, whole=whole)

    async def _new(self, resource: str, fields: Fields, reference: str) -> Object:
        """Our reference stands in `external_ids`, and for a client in the free field that is known to be shown."""
        made = await self._changed(resource, fields)
        marks: Object = {"external_ids": {mapping.APP: reference}}
        if resource == "clients":
            marks |= {"external_id": reference, "origin": mapping.APP}
        else:
            marks |= {"origin": reference}
        return {**made, **marks}

    async def _changed(self, resource: str, fields: Fields) -> Object:
        written = await super()._changed(resource, fields)
        if resource == "deals" and "status" in fields:
            name = fields["status"]
            written["status_id"] = (
                values.id_on_wire(await self._status_id(name)) if isinstance(name, str) else None
            )
        if settings.switch(self.access, "skip_webhooks", default=False):
            written["skip_webhooks"] = True
        return written

    async def _row(self, resource: RestResource, found: Object) -> Row:
        row = await super()._row(resource, found)
        if resource.wrapper != "deal" or "status_id" not in found:
            return row
        status_id = mapping.status_in(found)
        name = None if status_id is None else await self._status_name(status_id)
        return replace(row, fields={**row.fields, "status": name})

    async def _status_id(self, name: str) -> str:
        """The id of the status with this name; made where it is missing. Names are unique at the vendor."""
        async with self._status_lock:
            known = self._statuses if self._statuses is not None else await self._load_statuses()
            if name.strip() in known:
                return known[name.strip()]
            made = await self._make_status(name.strip())
            self._statuses = {**known, name.strip(): made}
            return made

    async def _make_status(self, name: str) -> str:
        code = "".join(letter if letter.isalnum() else "_" for letter in name.casefold())
        body: Object = {"status": {"code": code, "name": name, "kind": "deal"}}
        try:
            response = await self.call("POST", f"{_STATUSES}.json", body=body, writes=True)
            made = await self.object_of(response, writes=True)
            return values.record_id(made.get("id"), "status.id")
        except errors.InDoubt as problem:
            # Of the deal nothing was sent yet, and a second status of this name cannot come about.
            raise errors.Retryable(f"A deal status could not be made: {problem.message}") from None
        except errors.Rejected:
            known = await self._load_statuses()  # another process may have made it meanwhile
            if name in known:
                return known[name]
            raise

    async def _status_name(self, status_id: str) -> str:
        """The name of a status. Raises Rejected for an id that the vendor's list does not hold."""
        async with self._status_lock:
            for known in (self._statuses, None):
                names = known if known is not None else await self._load_statuses()
                found = next((name for name, each in names.items() if each == status_id), None)
                if found is not None:
                    return found
        raise values.wrong("status_id", "a known status")

    async def _load_statuses(self) -> Mapping[str, str]:
        """The vendor's plugin names the kind in the body of the GET; the query is the usual place."""
        body: Object = {"kind": "deal"}
        found: dict[str, str] = {}
        async for listed in self.pages(_STATUSES, (("kind", "deal"),), body=body):
            found |= mapping.statuses_in(listed)
        self._statuses = found
        return found

    @contextmanager
    def _fresh_statuses(self) -> Iterator[None]:
        """A refusal of `status_id` means that a status we knew was deleted: its name is looked up at the retry."""
        try:
            yield
        except errors.Rejected as problem:
            if problem.field != "status_id":
                raise
            self._statuses = None
            raise errors.Retryable("The deal's status was deleted at the vendor; it is looked up again.") from None

    async def hooks(self) -> Sequence[RegisteredHook] | None:
        """None unless the account's setting says that its Sugester has an API for webhooks: no page shows one."""
        if not settings.switch(self.access, "hooks_api", default=False):
            return None
        return await super().hooks()

    async def register_hook(self, hook_kind: str, url: str, secret: str) -> RegisteredHook:
        if not settings.switch(self.access, "hooks_api", default=False):
            raise self._no_hooks()
        return await super().register_hook(hook_kind, url, secret)

    async def checks(self) -> AsyncIterator[Check]:
        query = (("page", "1"), ("per_page", "1"))
        findings = await checks.access_checks(self, "/app/clients.json", query, MENUS)
        for each in findings:
            yield each
        if any(each.state in {"failed", "not checked"} for each in findings):
            return
        yield checks.write_not_checked()
        yield checks.prefix_check(settings.token_of(self.access), self.access.base_url, "", MENUS.token)
        async for each in self._hook_checks():
            yield each

    async def _hook_checks(self) -> AsyncIterator[Check]:
        try:
            rows = await self.hooks()
        except errors.PuenteError:
            rows = None
        if rows is None:
            en, es = "Webhooks are not used: sweeps carry it.", "No se usan webhooks: bastan los barridos."
            yield checks.finding("hooks", "not checked", en, es, _HOOKS_MENU)
        else:
            yield checks.hooks_check(rows, "sugester", _HOOKS_MENU)
        en = "This side does not show the vendors' own link; the invoicing side does."
        es = "Este lado no muestra la integración propia de los proveedores; el de facturación, sí."
        yield checks.finding("shipped link", "not checked", en, es)
