"""The security settings of the log URL on a broker that wants TLS and a login, under an authority of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import errors
from shared.clock import SystemClock
from shared.eventlog import topics
from shared.eventlog.urls import event_log
from shared.model.change import shard_of
from tests.contracts.eventlog_places import change, ids, new_group, taken
from tests.support import kafka as kafkas
from tests.support import requirements
from tests.support.kafka.secured import Secured
from tests.support.requirements import Unavailable

pytestmark = [pytest.mark.kafka]

TOPIC = "puente.secured"


@pytest.fixture(scope="module")
def broker() -> Iterator[kafkas.OwnBroker]:
    """One for the module: it takes some seconds to start."""
    try:
        with kafkas.started(secure=True) as found:
            yield found
    except Unavailable as problem:
        requirements.missing("kafka", str(problem))


@pytest.fixture
def secured(broker: kafkas.OwnBroker) -> Secured:
    assert broker.secured is not None
    return broker.secured


@pytest.mark.parametrize("mechanism", ["scram-sha-512", "plain"])
async def test_topic_changes_lag_and_commits_go_through_tls_with_a_login(
    broker: kafkas.OwnBroker, secured: Secured, mechanism: str
) -> None:
    url = secured.url(f"{TOPIC}.{mechanism}", mechanism=mechanism)
    report = await topics.create_or_check(url)
    assert report.fits, report
    group, workspace = new_group(), f"acme-{mechanism}"
    made = [change(workspace=workspace) for _ in range(3)]
    log = event_log(url, clock=SystemClock())
    await log.start()
    try:
        await log.append(*made)
        async with log.subscribe(group=group) as subscription:
            entries = await taken(subscription, 3)
            assert ids(entries) == [each.id for each in made]
            await subscription.commit(entries[1].position)
        lag = await log.lag(group=group)
    finally:
        await log.close()
    assert lag.partitions[shard_of(workspace)].lag == 1
    # Kafka's own tool, over the plain listener, sees the same group.
    rows = await asyncio.to_thread(broker.describe_group, group)
    assert {row["LAG"] for row in rows if row["PARTITION"] == str(shard_of(workspace))} == {"1"}


async def test_a_wrong_password_is_told_as_one(secured: Secured, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("another one", encoding="utf-8")
    with pytest.raises(errors.Misconfigured) as told:
        await topics.create_or_check(secured.url(TOPIC, mechanism="scram-sha-512", password_file=wrong))
    assert "security settings" in told.value.way_out
    assert "another one" not in told.value.message


async def test_an_authority_that_is_not_named_is_not_believed(secured: Secured) -> None:
    url = secured.url(TOPIC, mechanism="plain").partition("&ca_file=")[0]
    with pytest.raises(errors.PuenteError):
        await topics.create_or_check(url)
