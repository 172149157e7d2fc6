"""Records in Puente's own words: an entity type lists its fields, a record is a mapping from field to value.

A field that is absent from a mapping is one that the side does not have or did not show; `None` means that the
side shows it empty. Empty text and `None` are the same value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from shared.model.change import Entity

Value = str | bool | Decimal | date | None
Fields = Mapping[str, Value]

FieldKind = Literal[
    "text",  # one line; white space at the ends and in runs does not count
    "long_text",  # several lines; line ends and trailing white space do not count
    "email",  # case does not count
    "phone",  # compared as E.164 where it can be read so; several numbers and words beside them count too
    "tax_no",  # compared without punctuation and country prefix
    "country",  # ISO 3166-1 alpha-2 where it can be read so
    "url",
    "account_no",  # bank accounts; spaces do not count
    "code",  # a word of a closed list
    "words",  # a list of words with commas between them; order and case do not count
    "currency",  # ISO 4217
    "money",
    "date",
    "flag",
    "link",  # the id of another record on the same side
    "document_link",  # a page that opens a document: compared by its last path segment, the document's own key
]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an entity. `strong` fields identify a record when they are unique on each side."""

    name: str
    kind: FieldKind
    strong: bool = False
    secret: bool = False  # a link that opens a document for whoever has it: kept out of logs


@dataclass(frozen=True, slots=True)
class EntityType:
    """What kind of thing a record is, and its fields by name."""

    name: Entity
    fields: Mapping[str, Field] = field(default_factory=dict)

    @property
    def strong_keys(self) -> tuple[str, ...]:
        return tuple(name for name, each in self.fields.items() if each.strong)


def _entity(name: Entity, *fields: Field) -> EntityType:
    return EntityType(name, {each.name: each for each in fields})


CUSTOMER: Final = _entity(
    "customer",
    Field("name", "text"),
    Field("shortcut", "text"),
    Field("company", "flag"),
    Field("first_name", "text"),
    Field("last_name", "text"),
    Field("tax_no", "tax_no", strong=True),
    Field("register_number", "text"),
    Field("email", "email", strong=True),
    Field("phone", "phone"),
    Field("mobile_phone", "phone"),
    Field("phone_note", "text"),  # what stood in a telephone field that the other side's one number cannot say
    Field("fax", "phone"),
    Field("www", "url"),
    Field("street", "text"),
    Field("street_no", "text"),
    Field("post_code", "text"),
    Field("city", "text"),
    Field("province", "text"),
    Field("country", "country"),
    Field("use_delivery_address", "flag"),
    Field("delivery_address", "long_text"),
    Field("bank", "text"),
    Field("bank_account", "account_no"),
    Field("note", "long_text"),
    Field("description", "long_text"),
    Field("stage", "code"),  # a CRM's word for how far somebody is on the way to being a customer
    Field("tags", "words"),
    Field("other_id", "code"),  # the id of the counterpart, where a side shows it in a field of its own
)

INVOICE: Final = _entity(
    "invoice",
    Field("number", "text"),
    Field("title", "text"),
    Field("kind", "code"),
    Field("status", "code"),
    Field("income", "flag"),
    Field("cancelled", "flag"),
    Field("client", "link"),
    Field("client_name", "text"),
    Field("issue_date", "date"),
    Field("payment_to", "date"),
    Field("currency", "currency"),
    Field("price_net", "money"),
    Field("price_gross", "money"),
    Field("paid", "money"),
    Field("link", "document_link", secret=True),
    Field("link_token", "code", secret=True),
)

DEAL: Final = _entity(
    "deal",
    Field("name", "text"),
    Field("description", "long_text"),
    Field("client", "link"),
    Field("price", "money"),
    Field("currency", "currency"),
    Field("date", "date"),
    Field("number", "text"),
    Field("kind", "code"),
    Field("paid", "flag"),
    Field("status", "text"),
    Field("link", "document_link", strong=True, secret=True),
)
