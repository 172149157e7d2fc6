"""Hook bodies: every recorded and assumed shape, and anything that a mutation of them can become."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import errors
from shared.connectors.contract import Told
from shared.connectors.registry import CONNECTORS
from shared.model.change import is_record_id

PAYLOADS = Path(__file__).parents[2] / "payloads"
FILES = sorted(path for name in CONNECTORS for path in (PAYLOADS / name).glob("*.json"))
KINDS = [(name, kind) for name, connector in CONNECTORS.items() for kind in connector.hooks.kinds]


def payload(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_known_body_says_which_record_changed(path: Path) -> None:
    known = payload(path)
    assert known["origin"]
    connector = CONNECTORS[path.parent.name]
    body = json.dumps(known["body"]).encode()
    if "refused" in known:
        with pytest.raises(errors.Rejected) as refused:
            connector.changes_in(known["hook_kind"], body)
        assert refused.value.field == known["refused"]
    else:
        assert list(connector.changes_in(known["hook_kind"], body)) == [Told(**told) for told in known["told"]]


@pytest.mark.parametrize("system", CONNECTORS)
def test_every_hook_kind_has_a_known_body(system: str) -> None:
    resources = {payload(path)["hook_kind"].split(":")[0] for path in FILES if path.parent.name == system}
    assert resources == {kind.split(":")[0] for kind in CONNECTORS[system].hooks.kinds}


@pytest.mark.parametrize("system", CONNECTORS)
def test_an_unknown_hook_kind_is_refused(system: str) -> None:
    with pytest.raises(errors.Rejected):
        CONNECTORS[system].changes_in("product:update", b'{"id":1}')


@pytest.mark.parametrize("system", CONNECTORS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b'{"client_id":1,"client_id":2}',
        b'{"client":{"id":1,"id":2}}',
        b'{"client_id":NaN}',
        b'{"client_id":1e3}',
        b'{"client_id":1.0}',
        b'{"client_id":-1}',
        b'{"client_id":0}',
        b'{"client_id":' + b"9" * 5000 + b"}",
        b'{"client_id":' + b"9" * 30 + b"}",
        b'{"client_id":""}',
        b'{"client_id":"\\ud800"}',
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"[" * 200_000,
    ],
)
def test_a_body_that_cannot_be_read_is_rejected(system: str, body: bytes) -> None:
    with pytest.raises(errors.Rejected):
        CONNECTORS[system].changes_in("client:update", body)


def test_a_byte_order_mark_and_any_locale_are_tolerated() -> None:
    body = '\ufeff{"client_id": 7, "locale": 5, "app_name": [1], "more": {"deep": [[[]]]}}'.encode()
    assert CONNECTORS["bitfactura"].changes_in("client:update", body)[0].record_id == "7"


def mutated(value: Any, draw: st.DrawFn) -> Any:
    """The value with a part of it replaced, removed or renamed."""
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(value)))
        changed = dict(value)
        how = draw(st.integers(0, 5))
        if how == 0:
            del changed[key]
        elif how == 1:
            changed[draw(st.text(max_size=8))] = changed.pop(key)
        else:
            changed[key] = mutated(value[key], draw)
        return changed
    if isinstance(value, list) and value and draw(st.booleans()):
        return [mutated(each, draw) for each in value]
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80)
    return draw(st.recursive(leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner)))


@st.composite
def hostile_bodies(draw: st.DrawFn) -> tuple[str, str, bytes]:
    path = draw(st.sampled_from(FILES))
    known = payload(path)
    body = known["body"]
    for _ in range(draw(st.integers(1, 4))):
        body = mutated(body, draw)
    raw = json.dumps(body).encode()
    if draw(st.integers(0, 4)) == 0 and raw:
        at = draw(st.integers(0, len(raw) - 1))
        raw = raw[:at] + draw(st.binary(max_size=4)) + raw[at + draw(st.integers(0, 3)) :]
    return path.parent.name, known["hook_kind"], raw


@given(hostile_bodies())
def test_no_body_does_anything_but_name_records_or_be_rejected(case: tuple[str, str, bytes]) -> None:
    system, kind, body = case
    told: Sequence[Told] = ()
    said = ""
    try:
        told = CONNECTORS[system].changes_in(kind, body)
    except errors.Rejected as problem:
        said = problem.message
    assert "SHARED_SECRET" not in said
    assert bool(said) != bool(told) or kind == "client:sync"
    resources = CONNECTORS[system].resources
    assert all(is_record_id(each.record_id) and each.resource in resources for each in told)


@given(st.sampled_from(KINDS), st.binary(max_size=200))
def test_no_bytes_do_anything_else(kind: tuple[str, str], body: bytes) -> None:
    system, name = kind
    try:
        CONNECTORS[system].changes_in(name, body)
    except errors.Rejected:
        return
