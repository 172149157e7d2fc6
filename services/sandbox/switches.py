"""Switches: what the vendors' pages leave open. Each has a default and may be turned while the sandbox runs."""

from collections.abc import Sequence
from dataclasses import dataclass

SwitchValue = bool | str | int | float


class BadValueError(ValueError):
    """A switch cannot take the value; the text says what it takes."""


@dataclass(frozen=True, kw_only=True)
class Switch:
    """`default` decides the type: a flag, a number, or one of `choices`.

    Turned `on` without a value, a flag becomes true and a choice takes its first value that is not the
    default; `off` goes back to the default.
    """

    name: str
    meaning: str
    default: SwitchValue
    choices: tuple[str, ...] = ()

    def value_for(self, *, on: bool, value: object) -> SwitchValue:
        """The new value. Raises BadValueError."""
        if value is None:
            return self._alternative() if on else self.default
        if self.choices:
            if value not in self.choices:
                raise BadValueError(f"{self.name} takes one of {', '.join(self.choices)}")
            return str(value)
        if isinstance(self.default, bool) and isinstance(value, bool):
            return value
        if isinstance(self.default, bool):
            raise BadValueError(f"{self.name} takes true or false")
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise BadValueError(f"{self.name} takes a number from 0")
        return value

    def _alternative(self) -> SwitchValue:
        if self.choices:
            return next(choice for choice in self.choices if choice != self.default)
        if isinstance(self.default, bool):
            return not self.default
        raise BadValueError(f"{self.name} needs a value")


class SwitchBoard:
    """Current values. A value set for one account stands above the system's."""

    def __init__(self, catalogue: dict[str, Sequence[Switch]]) -> None:
        self._known = {system: {s.name: s for s in switches} for system, switches in catalogue.items()}
        self._values: dict[tuple[str, str, str | None], SwitchValue] = {}

    def known(self, system: str) -> dict[str, Switch]:
        return self._known.get(system, {})

    def turn(self, system: str, name: str, *, account: str | None, on: bool, value: object) -> SwitchValue:
        """Raises KeyError for an unknown switch, BadValueError for a value that it cannot take."""
        new = self._known[system][name].value_for(on=on, value=value)
        self._values[system, name, account] = new
        return new

    def value(self, system: str, name: str, account: str | None = None) -> SwitchValue:
        own = self._values.get((system, name, account))
        if own is not None:
            return own
        shared = self._values.get((system, name, None))
        return self._known[system][name].default if shared is None else shared

    def reset(self) -> None:
        self._values.clear()

    def describe(self) -> list[dict[str, object]]:
        return [
            {
                "system": system,
                "switch": switch.name,
                "meaning": switch.meaning,
                "default": switch.default,
                "value": self.value(system, switch.name),
                "choices": list(switch.choices),
                "accounts": {
                    account: value
                    for (of, name, account), value in self._values.items()
                    if account is not None and (of, name) == (system, switch.name)
                },
            }
            for system, switches in self._known.items()
            for switch in switches.values()
        ]
