"""The envelope: every change survives it, and nothing that somebody wrote can break it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import errors
from shared.eventlog import envelope
from shared.eventlog.port import Position
from shared.model.change import Change, Entity, shard_of

APPENDED_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PLACE = Position(partition=3, offset=14)
PLAIN = Change(id="1", what="gap", workspace="acme", system="s", account="a", seen_at=APPENDED_AT)


def is_near_a_clock_change(moment: datetime) -> bool:
    """Whether the wall clock shows this time never or twice: Python calls it equal to no time of another zone."""
    return moment.utcoffset() != moment.replace(fold=1 - moment.fold).utcoffset()


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
names = texts.filter(bool)
times = st.datetimes(
    timezones=st.sampled_from([UTC, ZoneInfo("Europe/Madrid"), timezone(timedelta(hours=-14))])
).filter(lambda moment: 1 < moment.year < 9999 and not is_near_a_clock_change(moment))
changes = st.builds(
    Change,
    id=names,
    what=st.sampled_from([*get_args(Entity), "unreadable", "gap"]),
    workspace=names,
    system=texts,
    account=texts,
    seen_at=times,
    resource=texts,
    record_id=texts,
    hook_kind=texts,
    generation=st.integers(0, 2**31 - 1),
    deletion=st.booleans(),
    run=texts,
    mode=st.sampled_from(["nudge", "repair"]),
    traceparent=texts,
    gap_since=st.none() | times,
    body=st.none() | st.binary(max_size=50),
    body_key=texts,
    body_of=texts,
)


@given(changes)
def test_every_change_comes_back_as_it_was(change: Change) -> None:
    headers = envelope.headers_of(change)
    entry = envelope.entry_of(headers, change.body, position=PLACE, appended_at=APPENDED_AT)
    assert entry.problem == ""
    assert entry.change == change
    assert envelope.origin_of(headers) == (change.system, change.workspace)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [name for name, _ in envelope.headers_of(replace(PLAIN, generation=1, mode="repair", run="r"))]
                + ["ce_gapsince", "ce_deletion", "ce_subject", "traceparent", "other", ""]
            ),
            st.none()
            | st.binary(max_size=20)
            | st.sampled_from(
                [b"1.0", b"/a/b", b"puente.gap", b"2026-03-02T09:00:00Z", b"9999-12-31T23:59:59-14:00"]
            ),
        ),
        max_size=12,
    ),
    st.none() | st.binary(max_size=20),
)
def test_nothing_that_somebody_wrote_breaks_a_reader(
    headers: list[tuple[str, bytes | None]], value: bytes | None
) -> None:
    entry = envelope.entry_of(headers, value, position=PLACE, appended_at=APPENDED_AT, check_shard=True)
    assert entry.change.body == value
    if entry.problem:
        assert entry.change.what == "unreadable"
        assert entry.change.id == "log-3-14"
    envelope.origin_of(headers)


def test_empty_extensions_are_left_out() -> None:
    assert {name for name, _ in envelope.headers_of(PLAIN)} == {
        "ce_id",
        "ce_source",
        "ce_specversion",
        "ce_time",
        "ce_type",
        "ce_workspace",
    }


def test_a_problem_names_the_header_and_never_its_value() -> None:
    headers = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"juan@example.com")]
    headers += [("ce_type", b"puente.gap"), ("ce_time", b"2026-03-02T09:00:00Z"), ("ce_workspace", b"acme")]
    entry = envelope.entry_of(headers, None, position=PLACE, appended_at=APPENDED_AT)
    assert "ce_source" in entry.problem
    assert "juan" not in entry.problem


@pytest.mark.parametrize(
    "broken",
    [
        replace(PLAIN, id="\udc80"),
        replace(PLAIN, workspace="\udc80"),
        replace(PLAIN, system="\udc80"),
        replace(PLAIN, resource="\udc80"),
        replace(PLAIN, record_id="\udc80"),
    ],
    ids=["id", "workspace", "system", "resource", "record id"],
)
def test_text_that_no_encoding_carries_is_rejected(broken: Change) -> None:
    with pytest.raises(errors.Rejected, match="Unicode"):
        envelope.headers_of(broken)


@pytest.mark.parametrize("empty", [replace(PLAIN, id=""), replace(PLAIN, workspace="")], ids=["id", "workspace"])
def test_a_change_needs_an_id_and_a_workspace(empty: Change) -> None:
    with pytest.raises(errors.Rejected, match="without"):
        envelope.headers_of(empty)


def test_a_shard_is_asked_for_only_where_partitions_are_shards() -> None:
    headers = envelope.headers_of(PLAIN)
    elsewhere = Position(partition=(shard_of("acme") + 1) % 64, offset=0)
    here = Position(partition=shard_of("acme"), offset=0)
    assert envelope.entry_of(headers, None, position=elsewhere, appended_at=APPENDED_AT).problem == ""
    assert envelope.entry_of(headers, None, position=elsewhere, appended_at=APPENDED_AT, check_shard=True).problem
    assert not envelope.entry_of(headers, None, position=here, appended_at=APPENDED_AT, check_shard=True).problem
