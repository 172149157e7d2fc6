"""Factusol: an invoicing program whose cloud API opens the program's own tables. It has no hooks."""

from typing import TYPE_CHECKING

from services.sandbox.accounts import Account
from services.sandbox.factusol import admin, auth, envelope, program
from services.sandbox.factusol.schema import TABLES
from services.sandbox.factusol.switches import SWITCHES
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call, Dialect, Panel, PanelAction, System

if TYPE_CHECKING:
    from services.sandbox.world import World


def _no_hooks(world: "World", account: Account) -> bool:
    return False


def _no_body(world: "World", account: Account, hook: Record, kind: str, record: Record) -> Fields:
    return {}


def _nothing(call: Call, hook: Record) -> None:
    """There are no webhook rows."""


SYSTEM = System(
    name="factusol",
    title="Factusol",
    routes=(*auth.ROUTES, *admin.ROUTES),
    switches=SWITCHES,
    hook_kinds=(),
    seeders={
        "clients": program.seed_client,
        **{name: program.seeder_of(table) for name, table in TABLES.items()},
    },
    sign_in=auth.sign_in,
    hook_body=_no_body,
    hooks_enabled=_no_hooks,
    read_only=auth.read_only,
    revoked=auth.revoked,
    expired=auth.expired,
    after_hook_saved=_nothing,
    token=auth.packed_token,
    dialect=Dialect(
        parse=envelope.parse,
        bad_body=envelope.bad_body,
        token_in_body=False,
        loose_paths=True,
        unknown_path=envelope.unknown_path,
        faults={"error_with_200": envelope.ko, "rate_limit": envelope.too_many},
    ),
    desk=program.DESK,
    shelf=program.shelf,
    rival=program.take_number,
    panels=(
        Panel(
            resource="clients",
            title="Clients (F_CLI)",
            columns=("NOFCLI", "NIFCLI", "EMACLI", "TELCLI", "POBCLI", "FUMCLI"),
            path=program.CLIENTS,
            suffix="",
            fields=(
                "NOFCLI", "NOCCLI", "NIFCLI", "EMACLI", "TELCLI", "MOVCLI", "DOMCLI", "CPOCLI", "POBCLI", "PROCLI",
                "PAICLI", "OBSCLI",
            ),
            actions=(PanelAction(label="Delete", method="DELETE", path=f"{program.CLIENTS}/{{id}}"),),
        ),
    ),
)  # fmt: skip
