"""Values that are carried although they cannot be right: told to a person, and never a reason to stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.model import phones
from shared.model.normal import is_empty, is_valid_anywhere
from shared.model.record import EntityType, Fields


def of(entity: EntityType, fields: Fields, names: Sequence[str], *, country: str) -> Mapping[str, str]:
    """{field: what is wrong with it} for these fields of a record. `country` is the workspace's."""
    home = fields.get("country")
    countries = (country, home if isinstance(home, str) else "")
    found: dict[str, str] = {}
    for name in names:
        kind = entity.fields[name].kind
        value = fields.get(name) if kind in {"tax_no", "phone"} else None
        if not isinstance(value, str) or is_empty(value):
            continue
        if kind == "tax_no" and not is_valid_anywhere(value, countries):
            found[name] = "carried as it stands, but it is no valid tax number; correct it in either system."
        elif kind == "phone" and not phones.first(value, countries):
            found[name] = "carried as text, no number can be read in it; correct it in either system."
    return found
