"""The checks of an account and the vendors' hook rows, on the sandbox."""

import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from shared import errors
from shared.clock import SystemClock
from shared.connectors.contract import Check, Session
from shared.connectors.http import HttpWire, UnlimitedBudget
from shared.connectors.registry import CONNECTORS
from tests.contracts.connector_bench import LOOPBACK, PROFILES, Bench, benches_of
from tests.contracts.connector_rawvendor import answer, raw_vendor
from tests.contracts.test_connectors_hostile import session_at
from tests.support.certificates import self_signed
from tests.support.ports import free_ports

pytestmark = pytest.mark.asyncio(loop_scope="module")
every_system = pytest.mark.parametrize("system", sorted(PROFILES))
# Those whose one credential is a token; Factusol's four values have tests of their own.
every_token = pytest.mark.parametrize("system", sorted(name for name, each in PROFILES.items() if each.direct))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def benches() -> AsyncIterator[Mapping[str, Bench]]:
    async with benches_of({name: CONNECTORS[name] for name in PROFILES}) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def bench(benches: Mapping[str, Bench], system: str) -> Bench:
    await benches[system].reset()
    return benches[system]


async def checked(session: Session) -> dict[str, Check]:
    found = [each async for each in session.checks()]
    assert len({each.name for each in found}) == len(found)
    for each in found:
        assert each.says.en
        assert each.says.es
        assert each.says.en != each.says.es
        if each.state == "failed":
            assert each.way_out is not None
            assert each.way_out.en
            assert each.way_out.es
    return {each.name: each for each in found}


def states(found: Mapping[str, Check]) -> dict[str, str]:
    return {name: each.state for name, each in found.items()}


async def hooked_session(bench: Bench) -> Session:
    """A session on an account whose vendor has rows for hooks."""
    if bench.system == "sugester":
        await bench.fault("webhooks_api", value=True)
        await bench.fault("webhooks", value=True)
    return bench.session(hooks_api="yes")


@every_token
async def test_a_good_account_passes_and_nothing_is_made(bench: Bench) -> None:
    found = states(await checked(bench.session()))
    assert found.pop("certificate") == "warning"  # the sandbox is plain http
    assert (found["host"], found["token"], found["read"]) == ("ok", "ok", "ok")
    assert bench.system == "clientify" or found["prefix"] == "ok"
    assert bench.system != "clientify" or (found["version"], found["own field"]) == ("ok", "ok")
    assert found["write"] == ("not checked" if bench.system == "sugester" else "ok")
    assert await bench.records(bench.customers) == []


@every_token
@pytest.mark.parametrize("fault", ["token_revoked", "login_page"])
async def test_a_token_that_is_not_accepted_is_named_with_the_vendors_menu(bench: Bench, fault: str) -> None:
    await bench.fault(fault)
    found = await checked(bench.session())
    assert list(states(found).items())[-1] == ("token", "failed")
    assert found["token"].way_out is not None
    assert "Ajustes" in found["token"].way_out.es


@every_token
async def test_a_token_that_cannot_be_sent_is_named(bench: Bench) -> None:
    assert states(await checked(bench.session(token="two words")))["token"] == "failed"


@pytest.mark.parametrize("system", ["bitfactura", "clientify"])
async def test_a_token_that_may_only_read_is_told_apart(bench: Bench) -> None:
    await bench.fault("token_read_only")
    found = states(await checked(bench.session()))
    assert (found["read"], found["write"]) == ("ok", "failed")


@every_system
async def test_a_host_that_does_not_answer_ends_the_checks(bench: Bench) -> None:
    found = states(await checked(bench.session(base_url=f"http://127.0.0.1:{free_ports(1)[0]}")))
    assert found == {"host": "failed"}
    for base_url in ("https://10.1.2.3", "nonsense", "https://127.0.0.1/?a=b"):
        assert states(await checked(bench.session(base_url=base_url))) == {"host": "failed"}


@every_system
async def test_another_site_is_not_taken_for_the_vendor(bench: Bench) -> None:
    async with raw_vendor(answer("<h1>Not here</h1>", status="404 Not Found", kind="text/html")) as other:
        found = states(await checked(bench.session(base_url=other.base_url)))
    assert "failed" in found.values()
    assert "read" not in found or found["read"] == "failed"


@pytest.mark.parametrize("system", ["bitfactura", "sugester"])
async def test_an_account_of_another_prefix_is_noticed(bench: Bench) -> None:
    async with raw_vendor(answer("[]"), answer('{"prefix":"other"}')) as vendor:
        found = states(await checked(session_at(vendor.base_url, bench.system, bench.wire)))
    expected = "failed" if bench.system == "bitfactura" else "ok"
    assert found["prefix"] == expected


@every_token
async def test_a_throttled_check_says_that_it_did_not_check(bench: Bench) -> None:
    await bench.fault("rate_limit")
    assert states(await checked(bench.session()))["token"] == "not checked"


@every_token
async def test_hooks_are_registered_listed_switched_on_again_and_removed(bench: Bench) -> None:
    session = await hooked_session(bench)
    url = f"http://127.0.0.1:{free_ports(1)[0]}/hooks/{bench.system}/token"
    kinds = [kind for kind, rule in bench.connector.hooks.kinds.items() if not rule.bulk]
    for kind in kinds:
        hook = await session.register_hook(kind, f"{url}-{kind}", f"secret-{kind}")
        assert (hook.hook_kind, hook.active) == (kind, True)
        assert "token" not in repr(hook)
    listed = await session.hooks()
    assert listed is not None
    assert sorted(hook.hook_kind for hook in listed) == sorted(kinds)
    if bench.connector.hooks.secret_key:
        secrets = {str(each["kind"]): each["api_token"] for each in await bench.records("webhooks")}
        assert secrets == {kind: f"secret-{kind}" for kind in kinds}
    assert states(await checked(session))["hooks"] == "ok"

    await bench.fault("hooks_off")
    await bench.fault("hooks_off", on=False)
    assert states(await checked(session))["hooks"] == "failed"
    for hook in await session.hooks() or ():
        assert not hook.active
        assert (await session.activate_hook(hook, f"secret-{hook.hook_kind}")).active
    assert states(await checked(session))["hooks"] == "ok"

    for hook in listed:
        await session.remove_hook(hook)
        await session.remove_hook(hook)
    assert await session.hooks() == []


@pytest.mark.parametrize("system", ["sugester"])
async def test_an_account_without_an_api_for_hooks_says_so(bench: Bench) -> None:
    assert await bench.session().hooks() is None
    with pytest.raises(errors.NeedsOperator):
        await bench.session().register_hook("client:create", "http://127.0.0.1:1/x", "s")


@pytest.mark.parametrize("system", ["bitfactura"])
async def test_the_vendors_own_link_is_found_and_ours_is_not_taken_for_it(bench: Bench) -> None:
    session = bench.session()
    public = f"http://127.0.0.1:{free_ports(1)[0]}"
    await session.register_hook(
        "client:sync", f"{public}/hooks/bitfactura/t/app/clients/external_update.json", "s"
    )
    assert states(await checked(session))["shipped link"] == "ok"
    await session.register_hook("client:update", f"{public}/app/clients/external_update.json", "s")
    found = await checked(session)
    assert found["shipped link"].state == "failed"
    await bench.fault("hooks_off")
    assert states(await checked(session))["shipped link"] == "ok"


# Certificates


@every_token
async def test_an_unknown_certificate_is_named_and_an_own_authority_is_believed(
    bench: Bench, tmp_path: Path
) -> None:
    own = self_signed(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own)
    async with raw_vendor(answer(bench.profile.hello), tls=context) as vendor:
        base_url = vendor.base_url.replace("http://127.0.0.1", "https://localhost")
        found = await checked(session_at(base_url, bench.system, bench.wire))
        assert states(found) == {"host": "ok", "certificate": "failed"}
        assert vendor.requests == []
        async with HttpWire(SystemClock(), UnlimitedBudget(), LOOPBACK, ca_file=own) as believing:
            found = await checked(session_at(base_url, bench.system, believing))
            assert found["certificate"].state == "ok"
