"""The program's commands, each imported when it is run: together they load everything that Puente has.

`puente --help` and the completion of a name ask only for the table of `services/cli/commands`.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

import typer
from typer.core import TyperGroup
from typer.main import get_group

from services.cli import commands


class Module(Protocol):
    """A module of `services/cli/commands`."""

    def register(self, app: typer.Typer) -> None: ...


def registered(module: Module) -> dict[str, Any]:
    """The commands and groups that a module adds to the program, by name."""
    part = typer.Typer(rich_markup_mode=None)
    module.register(part)
    return dict(get_group(part).commands)


def every_command() -> dict[str, Any]:
    """All of them, imported at once."""
    return dict(_Commands())


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One word that a shell may complete to, as typer's writers of the shells' formats read it."""

    value: str
    help: str
    type: str = "plain"


class _Commands(MutableMapping[str, Any]):
    """Commands by name, in the order of the table; a module is imported by the first look at one of its own."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._found:
            module = import_module(f"{commands.__name__}.{commands.COMMANDS[name].module}")
            self._found |= registered(cast(Module, module))
        return self._found[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._found[name] = command

    def __delitem__(self, name: str) -> None:
        del self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(commands.COMMANDS)

    def __len__(self) -> int:
        return len(commands.COMMANDS)


class LazyGroup(TyperGroup):
    """The program itself."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = _Commands()

    def list_commands(self, ctx: Any) -> list[str]:
        return list(commands.COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.says) for name, each in commands.COMMANDS.items()])

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """The names of commands, else the options that every command has."""
        if incomplete[:1] == "-":
            return super().shell_complete(ctx, incomplete)
        named = [(name, each.says) for name, each in commands.COMMANDS.items() if name.startswith(incomplete)]
        return [Completion(value=name, help=says) for name, says in named]
