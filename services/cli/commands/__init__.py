"""The commands, by what they are about. Each module adds its own to the program with `register`.

This table is what `puente --help` shows, in its order; the modules are imported by the commands that need them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Command(NamedTuple):
    """The module of this package that has it, and one line of help."""

    module: str
    says: str


COMMANDS: Final[Mapping[str, Command]] = {
    # Trying it out, and starting it
    "demo": Command("running", "Play a story on this machine, with measured times."),
    "solo": Command("running", "Run Puente on this machine: everything in one folder."),
    "serve": Command("running", "Start one service of a larger installation."),
    "sandbox": Command("running", "Serve the vendors' APIs with memory and faults."),
    # Setting up
    "workspace": Command("setup", "The businesses that use this installation."),
    "account": Command("accounts", "Logins of a workspace at the systems."),
    "hooks": Command("accounts", "Show or register the hooks of an account."),
    "bridge": Command("bridges", "Two accounts of one workspace, joined."),
    "flow": Command("bridges", "What a bridge keeps in step."),
    "match": Command("matching", "What a flow would join and make, before it writes."),
    "load": Command("matching", "Load flows that were approved: every record once."),
    # Day by day
    "status": Command("seeing", "Whether both sides agree, what waits, what runs."),
    "sync": Command("seeing", "Have both systems asked for changes now."),
    "lag": Command("lag", "What was not looked at yet, and what waits."),
    "why": Command("explaining", "Tell a record's story."),
    "waiting": Command("changes", "Changes that wait: for a time or a person."),
    "replay": Command("changes", "Look at changes of the log again."),
    "doctor": Command("keeping", "Repeat every check; switch hooks on again."),
    "alerts": Command("alerts", "What is told by mail, webhook and chat."),
    "users": Command("people", "Who may log in to the console."),
    # Looking after
    "migrate": Command("setup", "Bring the store to this version."),
    "topics": Command("setup", "Make the topic if it is missing, and check it."),
    "schema": Command("schema", "Print what the topic holds, as an AsyncAPI document."),
    "keys": Command("keys", "The keys of this installation."),
    "backup": Command("backups", "Copy everything of this machine into one file."),
    "restore": Command("backups", "Put a backup into an empty data folder."),
    "recover": Command("keeping", "After a restored backup: find what is there."),
    "forget": Command("keeping", "Erase what Puente holds of one person."),
    "move": Command("keeping", "Copy this machine's store into an empty database."),
}
