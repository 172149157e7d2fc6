"""Talking to BitFactura: what is odd about its API, its hook rows, and the checks of an account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from shared import errors
from shared.connectors import answers, checks, rest, settings
from shared.connectors.bitfactura import mapping
from shared.connectors.contract import Check, Row
from shared.connectors.hookrows import HookRowSession
from shared.connectors.rest import RestResource
from shared.connectors.values import Object
from shared.model.record import Fields
from shared.model.text import Text

_NEWEST_CHANGE: Final = (("order", "updated_at.desc"),)
# Documents older than a year are hidden without `period`; only sales are asked for.
_SALES: Final = (("period", "all"), ("income", "yes"), ("include_positions", "true"))

REST: Final = rest.Rest(
    resources={
        "clients": RestResource(
            path="/clients",
            wrapper="client",
            row=mapping.customer_from_client,
            wire=mapping.client_from_customer,
            reference=mapping.client_reference,
            newest_change_query=_NEWEST_CHANGE,
        ),
        "invoices": RestResource(
            path="/invoices",
            wrapper="invoice",
            row=mapping.invoice_from_document,
            wire=mapping.document_from_invoice,
            reference=mapping.invoice_reference,
            list_query=_SALES,
            newest_change_query=(*_SALES, *_NEWEST_CHANGE),
        ),
    },
    operator_words=("account_not_pro",),
)

MENUS: Final = checks.Menus(
    base_url=Text(
        en="Copy the address of your BitFactura account from the browser: https://ACCOUNT.bitfactura.com",
        es="Copie del navegador la dirección de su cuenta de BitFactura: https://CUENTA.bitfactura.com",
    ),
    token=Text(
        en="BitFactura: Ajustes > Ajustes de cuenta > Integración > Código de autorización de API.",
        es="BitFactura: Ajustes > Ajustes de cuenta > Integración > Código de autorización de API.",
    ),
    rights=Text(
        en="The token has the rights of its user. BitFactura: Ajustes > Usuarios; also check the account's plan.",
        es="El token tiene los permisos de su usuario. BitFactura: Ajustes > Usuarios; revise también el plan.",
    ),
)
_HOOKS_MENU: Final = Text(
    en="Run the account's hook registration again, or see BitFactura: Ajustes > Ajustes de cuenta > Integración > "
    "Webhooks (Sincronización).",
    es="Registre de nuevo los webhooks de la cuenta, o vea BitFactura: Ajustes > Ajustes de cuenta > "
    "Integración > Webhooks (Sincronización).",
)
_LINK_MENU: Final = Text(
    en="Switch it off in BitFactura: Ajustes > Ajustes de cuenta > Integración > Webhooks, the rows that point at "
    "Sugester; and in Sugester: Ajustes > Ajustes de cuenta > Integración > Integración con BitFactura.",
    es="Desactívela en BitFactura: Ajustes > Ajustes de cuenta > Integración > Webhooks, las filas que apuntan a "
    "Sugester; y en Sugester: Ajustes > Ajustes de cuenta > Integración > Integración con BitFactura.",
)


class BitFacturaSession(HookRowSession):
    """One BitFactura account."""

    async def by_reference(self, resource: str, reference: str, hint: Fields) -> Sequence[Row]:
        """`external_id` is searched by the vendor, perhaps partly and never uniquely: every hit is compared."""
        query = (("external_id", reference),) if resource == "clients" else (("oid", reference),)
        return await self.scan(resource, query, lambda found: self._reference(resource, found) == reference)

    async def _new(self, resource: str, fields: Fields, reference: str) -> Object:
        made = await super()._new(resource, fields, reference)
        return {**made, "external_id": reference}

    async def checks(self) -> AsyncIterator[Check]:
        findings = await checks.access_checks(self, "/clients.json", (("page", "1"), ("per_page", "1")), MENUS)
        for each in findings:
            yield each
        if any(each.state in {"failed", "not checked"} for each in findings):
            return
        # Documented: an object without anything usable is refused with 422.
        yield await checks.write_check(self, "/clients", {"client": {"id": None}}, MENUS)
        yield checks.prefix_check(
            settings.token_of(self.access), self.access.base_url, await self._told_prefix(), MENUS.base_url
        )
        try:
            rows = await self.hooks()
        except errors.PuenteError:
            en, es = "The webhooks cannot be listed.", "No se pueden listar los webhooks."
            yield checks.finding("hooks", "not checked", en, es, _HOOKS_MENU)
            yield checks.finding("shipped link", "not checked", en, es, _LINK_MENU)
            return
        yield checks.hooks_check(rows or (), "bitfactura", _HOOKS_MENU)
        yield checks.shipped_link_check(rows or (), "bitfactura", _LINK_MENU)

    async def _told_prefix(self) -> str:
        """The prefix that the account gives itself, "" where it does not say."""
        try:
            response = await self.call("GET", "/account.json", query=(("integration_token", ""),))
            account = await answers.json_of(response)
        except errors.PuenteError:
            return ""
        prefix = account.get("prefix") if isinstance(account, dict) else None
        return prefix if isinstance(prefix, str) else ""
