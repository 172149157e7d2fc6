"""Definitions of custom fields, and their values in contacts and companies.

A value belongs to the definition, so it follows a new name and goes with the definition.
"""

from services.sandbox.clientify.envelope import (
    Version,
    address,
    both,
    detail,
    invalid,
    items_page,
    not_allowed,
    not_found,
    one,
    page,
)
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call, Route
from services.sandbox.wire import Answer, int_of, json_answer

TEXT, DROPDOWN = 3, 1
TYPES = {TEXT: "Text", DROPDOWN: "Dropdown", 2: "Date", 4: "Number"}
LABELS = {"contacts": "contact", "companies": "company", "deals": "deal"}
TRANSLATED = {"contacts": "contacto", "companies": "empresa", "deals": "oportunidad"}
LONGEST_NAME = 255
TABLE = "custom-fields"


# Definitions


def definitions(call: Call, model: str) -> list[Record]:
    return [record for record in call.table(TABLE).live() if record.fields["model"] == model]


def find(call: Call, model: str, name: str) -> Record | None:
    any_case = call.choice("custom_field_names") == "any_case"
    for record in definitions(call, model):
        stored = record.text("name")
        if stored == name or (any_case and stored.casefold() == name.casefold()):
            return record
    return None


def show(call: Call, record: Record, version: Version) -> Fields:
    where = f"{version}/custom-fields/{record.id}/" if version == "v1" else f"api/custom-fields/{record.id}/"
    model, how = record.text("model"), call.choice("content_type_label")
    label = {"contact": LABELS, "contacto": TRANSLATED, "none": {}}[how].get(model)
    kind = int(str(record.fields["field_type"]))
    return {
        "url": address(call, where),
        "id": record.id,
        "user_company": call.account.name.upper(),
        "content_type": f"{model} | {label}" if label else model,
        "name": record.fields["name"],
        "help_text": record.fields["help_text"],
        "field_type": kind,
        "field_type_display": TYPES[kind],
        "default_value": "",
        "dropdown_choices": record.fields["dropdown_choices"],
        "visible": record.fields["visible"],
    }


def create(call: Call, given: Fields) -> Record:
    """Raises Refused(400)."""
    fields = _read(given)
    model, name = str(fields["model"]), str(fields["name"])
    if find(call, model, name) is not None and call.choice("custom_field_repeat") == "refused":
        raise invalid(name="A custom field with this name already exists.")
    return call.table(TABLE).insert(call.next_id(TABLE), fields, call.now)


def _read(given: Fields) -> Fields:
    name = given.get("name")
    if not isinstance(name, str) or not name.strip():
        raise invalid(name="This field is required.")
    model = str(given.get("content_type", "contacts")).partition("|")[0].strip()
    if model not in LABELS:
        raise invalid(content_type="Invalid content type.")
    kind = int_of(given.get("field_type", TEXT))
    if kind not in TYPES:
        raise invalid(field_type="Select a valid choice.")
    choices = given.get("dropdown_choices")
    return {
        "name": name.strip()[:LONGEST_NAME],
        "model": model,
        "field_type": kind,
        "help_text": str(given.get("help_text") or ""),
        "dropdown_choices": [c for c in choices if isinstance(c, dict)] if isinstance(choices, list) else [],
        "visible": given.get("visible") is not False,
    }


def update(call: Call, record: Record, given: Fields) -> Record:
    """Another name or type, by a person in the panel."""
    whole = {**record.fields, "content_type": record.fields["model"], **given}
    return call.table(TABLE).change(record, _read(whole), call.now)


def found(call: Call) -> Record:
    record = call.table(TABLE).get(call.record_id, call.as_of)
    if record is None:
        raise not_found()
    return record


# Values


def read_values(call: Call, model: str, given: object, stored: object) -> list[Fields]:
    """`[{field, value}]` merged by name into the values that are there. Raises Refused(400)."""
    if not isinstance(given, list):
        raise invalid(custom_fields='Expected a list of items but got type "other".')
    values = {int(str(v["id"])): str(v["value"]) for v in _stored(stored)}
    limit = int(call.amount("custom_value_limit"))
    for item in given:
        name, value = (item.get("field"), item.get("value")) if isinstance(item, dict) else (None, None)
        if not isinstance(name, str) or value is None or isinstance(value, dict | list):
            raise invalid(custom_fields="This field may not be null.")
        if len(str(value)) > limit:
            raise invalid(custom_fields=f"Ensure this field has no more than {limit} characters.")
        definition = find(call, model, name)
        if definition is not None:
            values[definition.id] = str(value)
        elif call.choice("unknown_custom_field") == "refused":
            raise invalid(custom_fields=f"Custom field {name} does not exist.")
    return [{"id": number, "value": value} for number, value in values.items()]


def _stored(values: object) -> list[Fields]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def values_of(call: Call, model: str, record: Record) -> list[Fields]:
    given = {value["id"]: value["value"] for value in _stored(record.fields.get("custom_fields"))}
    how = call.choice("blank_custom_value")
    shown = []
    for definition in definitions(call, model):
        value = given.get(definition.id) or ""
        if value or how != "absent":
            shown.append({"field": definition.text("name"), "value": value or {"dashes": "--", "empty": ""}[how]})
    return shown


# Requests


def listed(call: Call, version: Version) -> Answer:
    rows = call.table(TABLE).live(call.as_of)
    wanted = call.filled("object_type")
    if version == "v2" and wanted:
        rows = [record for record in rows if record.fields["model"] == wanted]
    return page(call, version, "/custom-fields/", rows, lambda record: show(call, record, version))


def read(call: Call, version: Version) -> Answer:
    return json_answer(show(call, found(call), version))


def created(call: Call, version: Version) -> Answer:
    how = "201" if call.owner else call.choice("custom_field_create")
    given = dict(call.body)
    if how == "405":
        raise not_allowed("POST")
    if how == "400":
        raise invalid(field_type="This field is invalid.")
    if how == "403":
        raise detail(403, "You do not have permission to perform this action.")
    if how == "404":
        raise not_found()
    if how == "wrong_type":
        given["field_type"] = DROPDOWN
    record = create(call, given)
    if how == "dropped":
        call.table(TABLE).delete(record, call.now)
    return json_answer(show(call, record, version), 200 if how == "200" else 201)


def values_listed(call: Call, version: Version) -> Answer:
    """All values of a model. Nobody has recorded the shape."""
    model = call.filled("object_type") or "contacts"
    rows = [
        {"object_id": record.id, **value}
        for record in call.table(model).live(call.as_of)
        for value in values_of(call, model, record)
    ]
    return items_page(call, version, "/custom-fields-values/", rows, lambda row: row)


ROUTES: tuple[Route, ...] = (
    *both("GET", "/custom-fields/", "list", listed),
    *both("POST", "/custom-fields/", "create", created),
    *both("GET", "/custom-fields/{id}/", "read", read),
    *one("v2", "GET", "/custom-fields-values/", "list", values_listed),
)
