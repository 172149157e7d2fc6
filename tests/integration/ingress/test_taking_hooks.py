"""What becomes of an authentic hook: from the POST to the entry in the log."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from services.ingress.door import BODY_BYTES, Limits
from shared.eventlog.port import Entry
from tests.integration.ingress import rig
from tests.integration.ingress.vendors import PASTED
from tests.integration.ingress.wire import connected, post, request


def opened(entry: Entry) -> bytes:
    """The body of an entry, unsealed."""
    change = entry.change
    assert change.body is not None
    return rig.LOG_KEYS.open(change.body, key_id=change.body_key, workspace=change.workspace, change_id=change.id)


async def test_a_hook_is_in_the_log_when_it_is_answered(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        reply = await door.hook(7)
        (entry,) = await door.entries()
        accepted = door.counted("accepted")
    assert reply.status == 200
    assert reply.json == {"id": entry.change.id, "accepted": 1}
    change = entry.change
    assert (change.workspace, change.system, change.account) == ("w1", "kiosk", "k1")
    assert (change.what, change.resource, change.record_id) == ("customer", "clients", "7")
    assert (change.hook_kind, change.generation, change.deletion) == ("client:update", 1, False)
    assert opened(entry) == rig.body(7)
    assert rig.secret().encode() not in (change.body or b"")
    assert accepted == 1


async def test_the_kind_comes_from_the_url_and_says_that_a_record_was_deleted(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        assert (await door.hook(7, kind="client:destroy")).status == 200
        (entry,) = await door.entries()
    assert entry.change.deletion
    assert entry.change.hook_kind == "client:destroy"


async def test_several_changes_of_one_delivery_share_the_body_of_the_first(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        reply = await door.hook(1, 2, 3)
        first, *others = await door.entries()
    assert reply.json == {"id": first.change.id, "accepted": 3}
    assert opened(first) == rig.body(1, 2, 3)
    assert [entry.change.record_id for entry in others] == ["2", "3"]
    assert {entry.change.body_of for entry in others} == {first.change.id}
    assert all(entry.change.body is None for entry in others)
    assert len({entry.change.id for entry in (first, *others)}) == 3


async def test_equal_bodies_are_changes_of_their_own(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        replies = [await door.hook(1), await door.hook(2), await door.hook(1)]
        entries = await door.entries()
    assert [entry.change.record_id for entry in entries] == ["1", "2", "1"]
    assert len({str(reply.json["id"]) for reply in replies}) == 3


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""]
)
async def test_the_content_type_does_not_matter(tmp_path: Path, content_type: str) -> None:
    async with rig.door(tmp_path) as door:
        assert (await door.hook(1, headers=[("content-type", content_type)])).status == 200


async def test_the_url_that_users_paste_works_with_the_secret(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        reply = await post(door.port, rig.path("client:sync") + PASTED, rig.body(5, kind="client:sync"))
        (entry,) = await door.entries()
    assert reply.status == 200
    assert (entry.change.hook_kind, entry.change.record_id) == ("client:sync", "5")


async def test_the_bare_path_works_with_the_token_in_the_body(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        reply = await post(door.port, PASTED, rig.body(5, given=rig.token("client:sync")))
        (entry,) = await door.entries()
    assert reply.status == 200
    assert (entry.change.system, entry.change.hook_kind) == ("kiosk", "client:sync")


async def test_a_system_that_echoes_no_secret_is_trusted_by_its_token(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        reply = await post(door.port, rig.path(system="paper"), b'{"ids": [3]}')
        (entry,) = await door.entries()
    assert reply.status == 200
    assert (entry.change.system, entry.change.record_id) == ("paper", "3")


async def test_a_secret_that_the_vendor_issues_replaces_the_derived_one(tmp_path: Path) -> None:
    limits = Limits(secrets={"k1/client:update": "issued by the vendor"})
    async with rig.door(tmp_path, limits=limits) as door:
        issued = await post(door.port, rig.path(), rig.body(1, given="issued by the vendor"))
        derived = await door.hook(1)
        other_kind = await door.hook(1, kind="client:destroy")
    assert (issued.status, derived.status, other_kind.status) == (200, 404, 200)


async def test_bodies_can_be_left_out_of_the_log(tmp_path: Path) -> None:
    async with rig.door(tmp_path, limits=Limits(store_bodies=False)) as door:
        await door.hook(1, 2)
        await post(door.port, rig.path(), msgspec.json.encode({"api_token": rig.secret()}))
        *read, unreadable = await door.entries()
    assert [entry.change.body for entry in read] == [None, None]
    assert [entry.change.body_of for entry in read] == ["", ""]
    assert b"api_token" in opened(unreadable)


async def test_a_trace_starts_at_the_door_or_goes_on_there(tmp_path: Path) -> None:
    theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with rig.door(tmp_path) as door:
        await door.hook(1)
        await door.hook(1, headers=[("traceparent", theirs)])
        await door.hook(1, headers=[("traceparent", "00-nonsense")])
        ours, passed_on, replaced = [entry.change for entry in await door.entries()]
    assert ours.traceparent.split("-")[1] == ours.id.replace("-", "")
    assert passed_on.traceparent == theirs
    assert replaced.traceparent.split("-")[1] == replaced.id.replace("-", "")


@pytest.mark.parametrize(
    ("system", "kind", "content"),
    [
        ("kiosk", "client:update", {"api_token": rig.secret()}),  # a shape that we do not know
        ("kiosk", "client:update", {"api_token": rig.secret(), "ids": ["../etc"]}),  # no id that can be carried
        ("kiosk", "broken", {"api_token": rig.secret("broken"), "ids": [1]}),  # our parser has a bug
        ("kiosk", "elsewhere", {"api_token": rig.secret("elsewhere"), "ids": [1]}),  # a resource we do not carry
        ("paper", "client:update", b"<xml/>"),  # authentic by its token, and no JSON at all
        ("paper", "client:update", b"\xff\xfe"),
    ],
)
async def test_an_authentic_body_that_cannot_be_read_is_kept(
    tmp_path: Path, system: str, kind: str, content: object
) -> None:
    sent = content if isinstance(content, bytes) else msgspec.json.encode(content)
    async with rig.door(tmp_path) as door:
        reply = await post(door.port, rig.path(kind, system=system), sent)
        (entry,) = await door.entries()
        counted = door.counted("unreadable", system)
    assert reply.status == 200
    assert reply.json == {"id": entry.change.id, "accepted": 1}
    assert (entry.change.what, entry.change.record_id, entry.change.hook_kind) == ("unreadable", "", kind)
    assert opened(entry) == sent
    assert counted == 1


async def test_a_body_that_names_nothing_is_accepted_and_leaves_nothing(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        reply = await post(door.port, rig.path(system="paper"), b'{"ids": []}')
        entries = await door.entries()
    assert (reply.status, reply.json, entries) == (200, {"id": None, "accepted": 0}, [])


async def test_the_largest_body_that_is_allowed_arrives_whole(tmp_path: Path) -> None:
    start = rig.body(1)[:-1] + b',"x":"'
    largest = start + b"x" * (BODY_BYTES - len(start) - 2) + b'"}'
    async with rig.door(tmp_path) as door:
        reply = await post(door.port, rig.path(), largest)
        (entry,) = await door.entries()
    assert (len(largest), reply.status) == (BODY_BYTES, 200)
    assert opened(entry) == largest


async def test_many_hooks_share_a_connection(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door, connected(door.port) as line:
        await line.send(b"".join(request("POST", rig.path(), rig.body(n)) for n in range(1, 21)))
        statuses = [(await line.reply()).status for _ in range(20)]
        entries = await door.entries()
    assert statuses == [200] * 20
    assert [entry.change.record_id for entry in entries] == [str(n) for n in range(1, 21)]


async def test_a_whole_client_list_in_one_body_is_kept_in_order(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        reply = await door.hook(*range(1, 5001), kind="client:sync")
        entries = await door.entries()
    assert reply.json == {"id": entries[0].change.id, "accepted": 5000}
    assert [entry.change.record_id for entry in entries] == [str(number) for number in range(1, 5001)]
