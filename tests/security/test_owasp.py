"""OWASP API Security Top 10 (2023), one class per item. The table in SECURITY.md names what else proves it."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from services.ingress.door import Limits
from services.sandbox.app import create_app as sandbox_app
from services.sandbox.catalog import SERVED
from services.sandbox.world import World as SandboxWorld
from services.sync import app as sync_pages
from services.sync.gauges import Gauges
from shared import errors
from shared.clock import SystemClock
from shared.connectors.contract import Access
from shared.connectors.http import HttpWire, UnlimitedBudget
from shared.connectors.registry import CONNECTORS
from shared.keys import DoorKeys, Ring, StoreKeys, generate_ring
from shared.model.change import Change
from shared.operations import administration
from shared.runtime.settings import Settings, load_keys
from tests.contracts.connector_bench import LOOPBACK
from tests.contracts.connector_rawvendor import answer, raw_vendor
from tests.integration.ingress import rig
from tests.integration.ingress.wire import ask, connected, post, request
from tests.scenarios.world import WORKSPACE, World

if TYPE_CHECKING:
    from shared.runtime.sync import Sync


class TestApi1ObjectLevelAuthorization:
    """See also `test_tenants.py`: every command."""

    async def test_a_hook_of_one_workspace_does_not_open_another(self, tmp_path: Path) -> None:
        ours, theirs = rig.hook(), replace(rig.hook(), workspace="w2")
        async with rig.door(tmp_path) as door:
            body = json.dumps({"api_token": rig.DOOR_KEYS.secret(theirs), "ids": [1]}).encode()
            crossed = await post(door.port, f"/hooks/kiosk/{rig.DOOR_KEYS.token(ours)}", body)
            right = await post(door.port, f"/hooks/kiosk/{rig.DOOR_KEYS.token(theirs)}", body)
            entries = await door.entries()
        assert (crossed.status, right.status) == (404, 200)
        assert [entry.change.workspace for entry in entries] == ["w2"]

    async def test_an_entry_of_one_workspace_that_names_an_account_of_another_reads_nothing(
        self, world: World
    ) -> None:
        """Whoever can write into the log still cannot make one tenant's entry work on another's account."""
        client = await world.left.make(name="Taller Anaga", email="taller@anaga.example")
        await world.quiet()
        await administration.add_workspace(world.parts, "other", title="Other")
        await world.control.forget_calls()
        for number, workspace in enumerate(("other", "other.acme", "acme.bitfactura")):
            crossed = Change(
                id=f"crossed-{number}",
                what="customer",
                workspace=workspace,
                system="bitfactura",
                account=f"{WORKSPACE}.bitfactura",
                seen_at=world.clock.now(),
                resource="clients",
                record_id=client,
                hook_kind="client:update",
                generation=1,
            )
            await world.log.append(crossed)
        await world.quiet()
        assert await world.control.count("bitfactura", "GET", "clients") == 0
        assert await world.waits() == []

    def test_what_is_sealed_for_one_workspace_is_not_opened_with_the_keys_of_another(self) -> None:
        store = StoreKeys(Ring.parse(generate_ring(), setting="TEST"))
        one, other = store.new_workspace_keys(), store.new_workspace_keys()
        sealed = one.seal(b"Ana", context="attempt")
        assert one.open(sealed, context="attempt") == b"Ana"
        for keys, context in ((other, "attempt"), (one, "another row")):
            with pytest.raises(errors.NeedsOperator):
                keys.open(sealed, context=context)
        with pytest.raises(errors.PuenteError):
            store.unwrap(store.wrap(one, workspace="w1"), workspace="w2")
        assert one.digest("email", "ana@x.example") != other.digest("email", "ana@x.example")


class TestApi2Authentication:
    async def test_a_key_that_was_taken_out_of_the_ring_opens_nothing_any_more(self) -> None:
        old, new = generate_ring(lambda size: b"o" * size), generate_ring(lambda size: b"n" * size)
        token = DoorKeys(Ring.parse(old, setting="TEST")).token(rig.hook())
        both = Ring.parse(f"{new.replace('k1:', 'k2:')},{old}", setting="TEST")
        assert DoorKeys(both).read(token, system="kiosk") == rig.hook()
        only_new = DoorKeys(Ring.parse(new.replace("k1:", "k2:"), setting="TEST"))
        assert only_new.read(token, system="kiosk") is None

    async def test_no_part_of_a_token_can_be_changed(self, tmp_path: Path) -> None:
        token = rig.token()
        letters = {place: "A" if letter != "A" else "B" for place, letter in enumerate(token)}
        async with rig.door(tmp_path, burst=10**6) as door:
            for place, letter in letters.items():
                forged = f"{token[:place]}{letter}{token[place + 1 :]}"
                assert (await post(door.port, f"/hooks/kiosk/{forged}", rig.body())).status == 404
            assert await door.entries() == []

    async def test_a_token_is_of_use_at_its_own_system_and_kind_only(self, tmp_path: Path) -> None:
        async with rig.door(tmp_path) as door:
            assert (await post(door.port, f"/hooks/paper/{rig.token()}", rig.body())).status == 404
            of_other_kind = rig.body(kind="client:destroy")
            assert (await post(door.port, rig.path("client:update"), of_other_kind)).status == 404
            assert await door.entries() == []

    async def test_guessing_is_slowed_down_and_who_knows_is_not(self, tmp_path: Path) -> None:
        async with rig.door(tmp_path, burst=5, per_second=0.01) as door:
            guesses = [await post(door.port, rig.path(), rig.body(given=f"guess-{n}")) for n in range(20)]
            assert [reply.status for reply in guesses].count(429) == 15
            assert (await door.hook(1)).status == 200


class TestApi3ObjectPropertyLevelAuthorization:
    async def test_a_body_sets_nothing_but_which_record_changed(self, tmp_path: Path) -> None:
        more = {
            "workspace": "w2", "account": "w2.k", "system": "paper", "hook_kind": "client:destroy",
            "generation": 99, "deletion": True, "mode": "repair", "run": "r1",
            "seen_at": "2000-01-01T00:00:00Z", "id": "mine",
            "ce_workspace": "w2", "ce_mode": "repair",
        }  # fmt: skip
        body = json.dumps({**more, "api_token": rig.secret(), "ids": [5]}).encode()
        headers = [("ce_workspace", "w2"), ("ce_mode", "repair"), ("x-workspace", "w2")]
        async with rig.door(tmp_path) as door:
            reply = await post(door.port, f"{rig.path()}?workspace=w2&mode=repair", body, headers)
            (entry,) = await door.entries()
        change = entry.change
        assert reply.json.keys() == {"id", "accepted"}
        assert (change.workspace, change.account, change.system, change.generation) == ("w1", "k1", "kiosk", 1)
        assert (change.deletion, change.mode, change.run, change.record_id) == (False, "nudge", "", "5")
        assert change.id != "mine"
        assert change.seen_at.year > 2000

    @pytest.mark.parametrize("system", ["bitfactura", "sugester"])
    async def test_a_refusal_is_kept_without_the_values_that_were_sent(self, system: str) -> None:
        """A vendor quotes what it does not like; the reason is stored and shown, the value is not."""
        sent = {"name": "Zuleica Quintanabrava", "email": "zuleica@quintanabrava.example", "city": "Güímar"}
        words = {
            "email": [f"{sent['email']} ya está en uso por {sent['name'].upper()}"],
            "city": [f"'{sent['city']}' no vale; Tok3nTok3n"],
        }
        refusal = answer(json.dumps({"code": "error", "message": words}), status="422 No")
        async with HttpWire(SystemClock(), UnlimitedBudget(), LOOPBACK) as wire, raw_vendor(refusal) as vendor:
            access = Access(account="a", base_url=vendor.base_url, credentials={"token": "Tok3nTok3n"})
            session = CONNECTORS[system].open(access, wire)
            with pytest.raises(errors.Rejected) as refused:
                await session.update("clients", "7", dict(sent))
            await session.close()
        said = f"{refused.value} {refused.value!r} {refused.value.message}"
        assert "ya está en uso" in said
        assert refused.value.field == "email"
        for value in (*sent.values(), "ZULEICA", "Tok3n"):
            assert value not in said


class TestApi4ResourceConsumption:
    async def test_a_body_that_names_very_many_records_is_taken_in_bounded_time_and_others_go_on(
        self, tmp_path: Path
    ) -> None:
        many = 20_000
        clock = SystemClock()
        async with rig.door(tmp_path) as door:
            began = clock.monotonic()
            body = json.dumps({"api_token": rig.secret("client:sync"), "ids": list(range(1, many + 1))}).encode()
            reply = await post(door.port, rig.path("client:sync"), body)
            assert (await door.hook(1)).status == 200
            took = clock.monotonic() - began
            assert reply.json["accepted"] == many
            assert len(await door.entries()) == many + 1
        assert took < 60, "a single body holds the door"

    async def test_limits_hold_for_size_depth_and_time(self, tmp_path: Path) -> None:
        limits = Limits(body_bytes=2048, body_time=timedelta(milliseconds=300))
        async with rig.door(tmp_path, limits=limits) as door:
            assert (await post(door.port, rig.path(), b"x" * 2049)).status == 413
            async with connected(door.port) as line:
                await line.send(request("POST", rig.path(), headers=[("content-length", "100")]) + b"{")
                assert (await line.reply()).status == 408
            assert (await post(door.port, rig.path(), b"[" * 2000)).status == 400


class TestApi5FunctionLevelAuthorization:
    def test_sync_has_pages_to_look_at_and_nothing_to_do(self) -> None:
        assert routes_of(_sync_app()) == {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics")}

    async def test_the_door_has_hooks_and_pages_to_look_at(self, tmp_path: Path) -> None:
        async with rig.door(tmp_path) as door:
            schema = (await ask(door.port, "GET", "/openapi.json")).json
        paths: dict[str, dict[str, Any]] = schema["paths"]  # type: ignore[assignment]
        verbs = {path: set(item) for path, item in paths.items()}
        assert {path for path, allowed in verbs.items() if allowed != {"get"}} == {
            path for path in verbs if path.startswith(("/hooks/", "/app/"))
        }
        assert {path for path, allowed in verbs.items() if allowed == {"get"}} == {
            "/healthz", "/readyz", "/metrics", "/asyncapi.json",
        }  # fmt: skip

    @pytest.mark.parametrize(
        "where",
        ["/admin", "/control/reset", "/api/workspaces", "/debug", "/hooks", "/hooks/", "/.env", "/server-status"],
    )
    async def test_there_is_no_hidden_function(self, tmp_path: Path, where: str) -> None:
        async with rig.door(tmp_path) as door:
            for method in ("GET", "POST", "PUT", "DELETE"):
                assert (await ask(door.port, method, where)).status in {404, 405}


class TestApi6BusinessFlows:
    async def test_hooks_alone_create_and_delete_nothing(self, world: World) -> None:
        """A leaked hook URL is good for reads: of a client that is not there, or is there and did not change."""
        client = await world.left.make(name="Taller Anaga", email="taller@anaga.example")
        await world.quiet()
        before = (await world.left.all(), await world.right.all())
        await world.control.forget_calls()
        lines = {line.hook_kind: line for line in await world.all_hooks("bitfactura")}
        for kind in ("client:create", "client:update", "client:destroy"):
            line = lines[kind]
            for record in (int(client), 999_999):
                lie = {"api_token": line.secret, "client": {"id": record, "name": "Otro", "deleted": True}}
                assert (await world.control.http.post(line.url, json=lie)).status_code == 200
        await world.quiet()
        assert (await world.left.all(), await world.right.all()) == before
        for system in ("bitfactura", "sugester"):
            for verb in ("POST", "PUT", "DELETE"):
                assert await world.control.count(system, verb) == 0


class TestApi8Misconfiguration:
    async def test_answers_tell_nothing_of_the_machine_and_let_no_page_in(self, tmp_path: Path) -> None:
        async with rig.door(tmp_path) as door:
            replies = [
                await ask(door.port, "GET", "/healthz", headers=[("origin", "https://evil.example")]),
                await post(door.port, rig.path(), rig.body(), [("origin", "https://evil.example")]),
                await ask(door.port, "GET", "/nowhere"),
                await ask(door.port, "OPTIONS", rig.path(), headers=[("origin", "https://evil.example")]),
            ]
        for reply in replies:
            assert not {"server", "x-powered-by", "access-control-allow-origin"} & reply.headers.keys()
            assert b"Traceback" not in reply.body
            assert str(Path.cwd()).encode() not in reply.body

    @pytest.mark.parametrize("missing", ["door_keys", "log_keys", "store_keys"])
    def test_with_servers_no_key_has_a_default(self, tmp_path: Path, missing: str) -> None:
        given: dict[str, Any] = dict.fromkeys(("door_keys", "log_keys", "store_keys"), generate_ring())
        given[missing] = ""
        settings = Settings(data=tmp_path, store_url="postgresql://p@127.0.0.1/p", **given)
        with pytest.raises(errors.Misconfigured) as refused:
            load_keys(settings)
        assert refused.value.setting == f"PUENTE_{missing.upper()}"

    def test_keys_that_are_made_are_their_users_alone(self, tmp_path: Path) -> None:
        load_keys(Settings(data=tmp_path))
        assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600

    async def test_a_certificate_that_nobody_signed_is_not_accepted(self) -> None:
        """A vendor without TLS, or with a certificate of its own, is not talked to."""
        async with (
            HttpWire(SystemClock(), UnlimitedBudget(), LOOPBACK) as wire,
            raw_vendor(answer("[]")) as vendor,
        ):
            access = Access(
                account="a",
                base_url=vendor.base_url.replace("http:", "https:"),
                credentials={"token": "Tok3nTok3n"},
                settings={"seconds_per_call": "1"},
            )
            session = CONNECTORS["bitfactura"].open(access, wire)
            with pytest.raises(errors.Retryable):
                await session.page("clients")
            await session.close()
            assert vendor.requests == []


class TestApi9Inventory:
    def test_every_path_of_an_app_is_in_its_schema(self) -> None:
        """What is served and not described is forgotten: only the documents themselves may be left out."""
        documents = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/control/docs", "/"}
        for app in (_sync_app(), sandbox_app(SandboxWorld(SERVED, seed=1))):
            served = {path for _, path in routes_of(app, everything=True)}
            assert served - set(app.openapi()["paths"]) <= documents

    async def test_a_superseded_hook_does_no_work(self, world: World) -> None:
        """After `puente account set --new-hooks` the old URL still answers, so that nothing is switched off."""
        client = await world.left.make(name="Taller Anaga", email="taller@anaga.example")
        await world.quiet()
        account = await world.account("bitfactura")
        line = next(each for each in await world.all_hooks("bitfactura") if each.hook_kind == "client:update")
        await administration.change_account(
            world.parts, await world.used(), replace(account, generation=account.generation + 1)
        )
        await world.used()
        await world.control.forget_calls()
        body = {"api_token": line.secret, "client": {"id": int(client)}}
        assert (await world.control.http.post(line.url, json=body)).status_code == 200
        await world.quiet()
        assert await world.control.count("bitfactura", "GET", "clients") == 0


class TestApi10UnsafeConsumption:
    """See also `tests/contracts/test_connectors_hostile.py`: every connector against whatever bytes come back."""

    @pytest.mark.parametrize(
        "odd",
        [
            {"name": "<script>alert(1)</script>", "note": "{{7*7}}"},
            {"name": "'; DROP TABLE binding; --", "note": "\\x00%00"},
            {"name": '=HYPERLINK("http://evil.example")', "note": "\u202etxt.exe"},
        ],
    )
    async def test_what_a_vendor_holds_is_carried_as_text_and_run_by_nobody(
        self, world: World, odd: dict[str, str]
    ) -> None:
        await world.left.make(**odd, email="odd@anaga.example")
        await world.quiet()
        theirs = await world.right.only()
        assert theirs["name"] == odd["name"]
        assert len(await world.bindings()) == 1


def _sync_app() -> FastAPI:
    # Its routes are looked at and no page is asked for, so there is nothing for it to tell about.
    return sync_pages.create_app(cast("Sync", None), Gauges())


def routes_of(app: FastAPI, *, everything: bool = False) -> set[tuple[str, str]]:
    """Verb and path of every route of ours; with `everything` those that FastAPI adds, too."""
    routes: Iterable[Any] = app.routes
    return {
        (verb, route.path)
        for route in routes
        if isinstance(route, APIRoute) or (everything and getattr(route, "methods", None))
        for verb in route.methods - {"HEAD"}
    }
