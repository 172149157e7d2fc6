"""Our custom field in Clientify's contacts: listed first, made where it is missing, believed when it is listed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from shared import errors
from shared.connectors import rest
from shared.connectors.clientify import mapping
from shared.connectors.clientify.wire import ClientifyWire
from shared.connectors.contract import Access, Connector, OwnField, StatusFate, Wire
from shared.connectors.rest import Method
from shared.connectors.values import Object
from shared.model.text import Text

_PATH: Final = "/custom-fields/"
_TEXT: Final = 3
_MODEL: Final = "contacts"
_TRIED: Final[Mapping[int, StatusFate]] = dict.fromkeys((400, 402, 403, 404, 405, 409), "answer")

_BY_HAND: Final = Text(
    en="Clientify: Ajustes > Campos personalizados: make a field of contacts, of type Texto, named {name}; then "
    "run the check again.",
    es="Clientify: Ajustes > Campos personalizados: cree un campo de contactos, de tipo Texto, llamado {name}; "
    "después repita la comprobación.",
)
_RENAME: Final = Text(
    en="Clientify: Ajustes > Campos personalizados: give the present field {name} another name, or choose another "
    "one for ours with the account's setting id_field; then run the check again.",
    es="Clientify: Ajustes > Campos personalizados: cambie el nombre del campo {name} que hay, o elija otro para "
    "el nuestro con el ajuste id_field de la cuenta; después repita la comprobación.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """The definitions of contacts with our name, and how this account words `content_type` for contacts."""

    ours: Sequence[Object]
    content_type: str


class OwnFieldSession(ClientifyWire):
    """A session that knows whether our custom field is there.

    Nothing asks before each create: an answer that lacks what was sent shows the loss, and from then on nothing is
    made before `ensure_field` found or made the field.
    """

    def __init__(self, connector: Connector, declared: rest.Rest, access: Access, wire: Wire) -> None:
        super().__init__(connector, declared, access, wire)
        self.own_name = mapping.own_field(access)
        self._own_lost = False
        self._field_lock = asyncio.Lock()
        self._filter_ignored = False
        self._ordered = False
        self._date_form: Literal["times", "days", "none"] = "times"
        self._verb: Method | None = None

    def field_is_lost(self) -> errors.OwnFieldMissing:
        """From now on nothing is made here before the field is there again."""
        self._own_lost = True
        return errors.OwnFieldMissing(
            f"The custom field {self.own_name} is gone from Clientify.",
            way_out="It is made again and filled; if it cannot be made, `puente account check` says why.",
        )

    def refuse_without_field(self) -> None:
        if self._own_lost:
            raise self.field_is_lost()

    async def definitions(self) -> Definitions:
        """Every page is read: an account may have hundreds, and ours on the last."""
        query = (("object_type", _MODEL),) if await self.version() == "v2" else ()
        ours: list[Object] = []
        worded = f"{_MODEL} | contact"
        async for listed in self.pages(_PATH, query, whole=True):
            for each in listed:
                content_type = each.get("content_type") if isinstance(each, dict) else None
                if not isinstance(each, dict) or not isinstance(content_type, str):
                    continue
                if content_type.partition("|")[0].strip() != _MODEL:
                    continue
                worded = content_type
                name = each.get("name")
                if isinstance(name, str) and name.strip().casefold() == self.own_name.casefold():
                    ours.append(each)
        return Definitions(ours=ours, content_type=worded)

    async def ensure_field(self, resource: str, name: str, *, make: bool = True) -> OwnField:
        if name != self._connector.resources[resource].own_field:
            return await super().ensure_field(resource, name, make=make)
        # Two changes that meet the loss at once would make two: the second one finds what the first has made.
        async with self._field_lock:
            return await self._ensured(make=make)

    async def _ensured(self, *, make: bool) -> OwnField:
        known = await self.definitions()
        if known.ours:
            return self._found(known.ours, "there")
        if not make:
            self._own_lost = True
            return self._answer(
                "missing", "There is no custom field {name}.", "No hay campo personalizado {name}."
            )
        status = await self._make(known.content_type)
        known = await self.definitions()
        if known.ours:
            return self._found(known.ours, "made")
        self._own_lost = True
        return self._answer(
            "refused",
            f"Clientify does not let us make the custom field {{name}} (status {status}).",
            f"Clientify no permite crear el campo personalizado {{name}} (estado {status}).",
            _BY_HAND,
        )

    async def _make(self, content_type: str) -> str:
        """The status of the vendor's answer. What it says is not believed: the list is read again."""
        body: Object = {
            "name": self.own_name,
            "content_type": content_type,
            "field_type": _TEXT,
            "visible": True,
        }
        try:
            response = await self.call("POST", _PATH, body=body, writes=True, fates=_TRIED)
        except errors.InDoubt:
            return "?"
        return str(response.status)

    def _found(self, ours: Sequence[Object], state: str) -> OwnField:
        """Which of the definitions is ours: a text field, the one of exactly our name first."""
        texts = [each for each in ours if each.get("field_type") == _TEXT]
        if not texts:
            self._own_lost = True
            kind = ours[0].get("field_type_display") or ours[0].get("field_type")
            return self._answer(
                "wrong type",
                f"The custom field {{name}} is of type {kind} and not text.",
                f"El campo personalizado {{name}} es de tipo {kind} y no de texto.",
                _RENAME,
            )
        exact = [each for each in texts if each.get("name") == self.own_name]
        self.own_name = str((exact or texts)[0].get("name"))
        self._own_lost = False
        if state == "made":
            return self._answer(
                "made", "The custom field {name} was made.", "Se ha creado el campo personalizado {name}."
            )
        return self._answer(
            "there", "The custom field {name} is there.", "El campo personalizado {name} está creado."
        )

    def _answer(self, state: str, en: str, es: str, way_out: Text | None = None) -> OwnField:
        def named(text: str) -> str:
            return text.replace("{name}", self.own_name)

        out = None if way_out is None else Text(en=named(way_out.en), es=named(way_out.es))
        return OwnField(name=self.own_name, state=state, says=Text(en=named(en), es=named(es)), way_out=out)  # type: ignore[arg-type]
