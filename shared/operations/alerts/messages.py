"""From alerts to a message: the problem, the records, and the way out, in the workspace's language.

No record's values and no names: ids, counts and reasons. Only for workspaces that say so the reason is told in the
system's own words, which may quote a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal, cast
from urllib.parse import quote

import msgspec

from shared.model.text import Text
from shared.operations.alerts.kinds import KINDS, REASONS, AlertKind
from shared.operations.sentences import in_language
from shared.store.alerts import Alert
from shared.store.rows import Reason

ItemState = Literal["open", "resolved", "test"]
MOST: Final = 20
_TITLE: Final = Text(en="Puente: {what}", es="Puente: {what}")
_SEVERAL: Final = Text(en="{what} and {count} more", es="{what} y {count} más")
_OVER: Final = Text(en="over: {what}", es="resuelto: {what}")
_LABELS: Final = {
    "open": Text(en="PROBLEM", es="PROBLEMA"),
    "resolved": Text(en="RESOLVED", es="RESUELTO"),
    "test": Text(en="TEST", es="PRUEBA"),
}
_LINES: Final = {
    "since": Text(en="Since: {at} (UTC)", es="Desde: {at} (UTC)"),
    "record": Text(en="Record: {record}", es="Registro: {record}"),
    "do": Text(en="Do: {command}", es="Qué hacer: {command}"),
    "page": Text(en="Page: {url}", es="Página: {url}"),
    "runbook": Text(en="Runbook: {url}", es="Guía: {url}"),
    "more": Text(en="... and {count} more: puente alerts list", es="... y {count} más: puente alerts list"),
}


class RecordLine(msgspec.Struct, frozen=True, kw_only=True):
    """A record that an alert is about. `url` is its page at the vendor, "" where there is none."""

    account: str
    resource: str
    id: str
    url: str = ""
    says: str = ""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One alert, in words."""

    key: str
    workspace: str = ""
    kind: str
    state: ItemState
    since: datetime
    count: int
    title: str
    says: str
    command: str
    page: str = ""
    runbook: str = ""
    records: tuple[RecordLine, ...] = ()


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """One message, whatever the channel. `workspace` is "" for what concerns the whole installation."""

    workspace: str
    language: Literal["en", "es"]
    items: tuple[Item, ...]

    @property
    def subject(self) -> str:
        """One line of what it is about, what is open first."""
        ordered = sorted(self.items, key=lambda each: each.state == "resolved")
        what = ordered[0].title
        if ordered[0].state == "resolved":
            what = self.say(_OVER, what=what)
        if len(ordered) > 1:
            what = self.say(_SEVERAL, what=what, count=len(ordered) - 1)
        where = f"[{self.workspace}] " if self.workspace else ""
        return where + self.say(_TITLE, what=what)

    @property
    def text(self) -> str:
        """The whole of it as plain text."""
        pieces = ["\n".join(self._lines(each)) for each in self.items[:MOST]]
        if len(self.items) > MOST:
            pieces.append(self.say(_LINES["more"], count=len(self.items) - MOST))
        return "\n\n".join(pieces) + "\n"

    def say(self, text: Text, **values: object) -> str:
        return (text.es if self.language == "es" else text.en).format(**values)

    def _lines(self, item: Item) -> Sequence[str]:
        lines = [f"{self.say(_LABELS[item.state])}: {item.title}", item.says]
        lines.append(self.say(_LINES["since"], at=item.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M")))
        for each in item.records:
            record = " ".join(filter(None, (f"{each.account} {each.resource}/{each.id}", each.url, each.says)))
            lines.append(self.say(_LINES["record"], record=record))
        if item.state != "resolved":
            lines.append(self.say(_LINES["do"], command=item.command))
            if item.page:
                lines.append(self.say(_LINES["page"], url=item.page))
            if item.runbook:
                lines.append(self.say(_LINES["runbook"], url=item.runbook))
        return lines


class _Facts(dict[str, str | int]):
    """What an alert that an earlier version saved does not tell is shown as unknown."""

    def __missing__(self, _name: str) -> str:
        return "?"


def _words_for(alert: Alert, language: str) -> dict[str, str | int]:
    reason = REASONS.get(cast("Reason", alert.facts.get("reason", "")))
    told: dict[str, str | int] = {"reason_en": reason.en, "reason_es": reason.es} if reason is not None else {}
    facts = {"workspace": alert.workspace_id, "subject": alert.subject, **told, **alert.facts}
    return facts | {"says": in_language(str(facts["says"]), language)} if "says" in facts else facts


def item_of(
    alert: Alert,
    state: ItemState,
    *,
    language: str,
    console_url: str,
    runbook_url: str,
    records: Sequence[RecordLine] = (),
) -> Item:
    """One alert in words. A kind that another version knows and this one does not is told by its name."""
    name = cast("AlertKind", alert.kind)
    kind = KINDS.get(name)
    facts = _Facts(_words_for(alert, language))
    if kind is None:
        return Item(
            key=alert.key,
            workspace=alert.workspace_id,
            kind=alert.kind,
            state=state,
            since=alert.since,
            count=1,
            title=alert.kind,
            says=alert.subject,
            command="puente alerts list",
        )
    pages = console_url.rstrip("/")
    safe = _Facts({key: quote(str(value), safe="") for key, value in facts.items()})
    is_spanish = language == "es"
    return Item(
        key=alert.key,
        workspace=alert.workspace_id,
        kind=alert.kind,
        state=state,
        since=alert.since,
        count=int(facts.get("count", 1)),
        title=kind.title.es if is_spanish else kind.title.en,
        says=" ".join((kind.says.es if is_spanish else kind.says.en).format_map(facts).split()),
        command=kind.command.format_map(facts).strip(),
        page=pages + kind.page.format_map(safe) if pages else "",
        runbook=f"{runbook_url}#alert-{alert.kind}" if runbook_url else "",
        records=tuple(records),
    )
