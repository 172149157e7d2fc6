"""Faults: ways in which a vendor fails, switched on and off while the sandbox runs."""

import re
from dataclasses import dataclass, field
from datetime import datetime

HANG_UNTIL_OFF = 0.0


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`seconds` is the default of the number that POST faults may carry; None when the fault takes none."""

    name: str
    meaning: str
    seconds: float | None = None
    of_hooks: bool = False


FAULTS: tuple[Fault, ...] = (
    Fault(name="slow", meaning="Every answer comes `seconds` later.", seconds=3.0),
    Fault(
        name="hang",
        meaning="No answer; the connection is closed after `seconds`, or with 0 only when the fault goes off.",
        seconds=HANG_UNTIL_OFF,
    ),
    Fault(name="rate_limit", meaning="429 with Retry-After: `seconds`.", seconds=1.0),
    Fault(name="rate_limit_silent", meaning="429 with an empty body and no Retry-After."),
    Fault(name="server_error", meaning="500 with an HTML page."),
    Fault(name="unavailable", meaning="503 (Clientify: 504) with the HTML page of a gateway."),
    Fault(name="truncated", meaning="The request is done; the answer's body breaks off in the middle."),
    Fault(name="wrong_types", meaning="The request is done; every text of the answer's JSON stands in a list."),
    Fault(name="error_with_200", meaning="200 with an error in the body; nothing was done."),
    Fault(name="login_page", meaning="200 with the HTML page that asks to log in."),
    Fault(name="token_revoked", meaning="The token is refused as if its user had been removed."),
    Fault(
        name="token_expired",
        meaning="The token's time is over at once; a new login helps. Where tokens last, as token_revoked.",
    ),
    Fault(name="token_read_only", meaning="Reads work; every write is answered 403."),
    Fault(name="create_then_drop", meaning="A create is done, then the connection closes without an answer."),
    Fault(
        name="create_late",
        meaning="A create closes the connection at once; the record appears `seconds` later.",
        seconds=5.0,
    ),
    Fault(
        name="number_taken",
        meaning="Where the writer chooses the number: another program takes it a moment before a create.",
    ),
    Fault(
        name="stale_read",
        meaning="A read by id shows the state from before a write for `seconds` after it.",
        seconds=5.0,
    ),
    Fault(
        name="stale_search",
        meaning="Lists and searches show the state from before a write for `seconds` after it.",
        seconds=5.0,
    ),
    Fault(name="list_empty", meaning="Every list is empty."),
    Fault(name="list_endless", meaning="Every page of a list is full and repeats the records."),
    Fault(name="hooks_lost", meaning="A delivery is never sent.", of_hooks=True),
    Fault(name="hooks_doubled", meaning="Every delivery is sent twice.", of_hooks=True),
    Fault(
        name="hooks_reordered",
        meaning="A delivery waits until the next one was sent, or for `seconds`.",
        seconds=1.0,
        of_hooks=True,
    ),
    Fault(name="hooks_delayed", meaning="A delivery is sent `seconds` later.", seconds=5.0, of_hooks=True),
    Fault(
        name="hooks_off",
        meaning="At once the vendor switches the present webhook rows off, as after many failures.",
        of_hooks=True,
    ),
)
BY_NAME = {fault.name: fault for fault in FAULTS}


@dataclass(kw_only=True)
class ActiveFault:
    """One fault that was switched on. `times` counts down; None means until it is switched off."""

    system: str
    name: str
    account: str | None
    match: str | None
    times: int | None
    seconds: float
    since: datetime
    on: bool = True
    hits: int = 0
    pattern: re.Pattern[str] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.match is not None:
            try:
                self.pattern = re.compile(self.match)
            except re.error:
                self.pattern = None  # a plain piece of text that happens to be no pattern

    def concerns(self, account: str | None, text: str) -> bool:
        if not self.on or self.account not in (None, account):
            return False
        if self.match is None or self.match in text:
            return True
        return self.pattern is not None and self.pattern.search(text) is not None

    def spend(self) -> None:
        self.hits += 1
        if self.times is not None:
            self.times -= 1
            self.on = self.times > 0


class FaultBoard:
    def __init__(self) -> None:
        self._active: list[ActiveFault] = []

    def turn_on(self, fault: ActiveFault) -> None:
        self._forget(fault.system, fault.name, fault.account, fault.match)
        self._active.append(fault)

    def turn_off(self, system: str, name: str, *, account: str | None, match: str | None) -> None:
        """Without account and match, every entry of the fault goes off."""
        if account is None and match is None:
            self._active = [f for f in self._active if (f.system, f.name) != (system, name)]
        else:
            self._forget(system, name, account, match)

    def _forget(self, system: str, name: str, account: str | None, match: str | None) -> None:
        key = (system, name, account, match)
        self._active = [f for f in self._active if (f.system, f.name, f.account, f.match) != key]

    def find(self, system: str, name: str, account: str | None, text: str) -> ActiveFault | None:
        """The fault if it concerns this, not yet spent."""
        for fault in self._active:
            if fault.system == system and fault.name == name and fault.concerns(account, text):
                return fault
        return None

    def take(self, system: str, name: str, account: str | None, text: str) -> ActiveFault | None:
        """The fault if it concerns this, counted as used once."""
        fault = self.find(system, name, account, text)
        if fault is not None:
            fault.spend()
        return fault

    def present(self, fault: ActiveFault) -> bool:
        """Nobody has switched it off; it may be spent."""
        return any(active is fault for active in self._active)

    def reset(self) -> None:
        self._active.clear()

    def describe(self, systems: list[str]) -> list[dict[str, object]]:
        return [self._describe(system, fault) for system in systems for fault in FAULTS]

    def _describe(self, system: str, fault: Fault) -> dict[str, object]:
        entries = [f for f in self._active if (f.system, f.name) == (system, fault.name)]
        return {
            "system": system,
            "fault": fault.name,
            "meaning": fault.meaning,
            "seconds": fault.seconds,
            "default": False,
            "on": any(f.on for f in entries),
            "hits": sum(f.hits for f in entries),
            "active": [
                {
                    "on": f.on,
                    "account": f.account,
                    "match": f.match,
                    "times": f.times,
                    "seconds": f.seconds,
                    "hits": f.hits,
                }
                for f in entries
            ],
        }
