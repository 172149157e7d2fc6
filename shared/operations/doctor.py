"""The doctor: every check of activation again, at any time; hooks that a vendor switched off are switched on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared import errors
from shared.connectors.contract import Check
from shared.model.text import Text
from shared.operations import administration, hooking
from shared.operations.hooking import HookLine
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used
from shared.store.rows import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """What the doctor found for one account, and what was done about its hooks."""

    account: str
    system: str
    checks: Sequence[Check]
    hooks: Sequence[HookLine]

    @property
    def failed(self) -> bool:
        return any(check.state == "failed" for check in self.checks)


async def examine(parts: Parts, used: Used, *, mend: bool = True) -> list[AccountReport]:
    """Check every account of a workspace; with `mend`, keep what was found out, bring hooks in order and have gaps
    swept."""
    reports = []
    for account in used.directory.accounts.values():
        checks = await administration.check_account(parts, used, account)
        if mend:
            account, checks = await _kept(parts, used, account, checks)
        lines: list[HookLine] = []
        public_url = parts.settings.public_url
        # A hook that is switched off is what is mended here; with a wrong token nothing can be.
        usable = not any(
            check.state == "failed" for check in checks if check.name not in {"hooks", "shipped link"}
        )
        if mend and public_url and usable:
            try:
                lines = await hooking.register(parts, used, account, public_url)
            except errors.PuenteError as problem:
                checks = [*checks, _hooks_failed(problem)]
        # Of a slot that somebody else holds the session's own check says who does.
        ours = [line for line in lines if line.state != hooking.HELD]
        checks = [check for check in checks if check.name != "hooks" or not ours] + _hook_checks(ours)
        reports.append(AccountReport(account=account.id, system=account.system, checks=checks, hooks=lines))
    return reports


async def _kept(parts: Parts, used: Used, account: Account, checks: list[Check]) -> tuple[Account, list[Check]]:
    try:
        return await administration.keep_found(parts, used, account, checks), checks
    except errors.Misconfigured as problem:
        says = Text(en=problem.message, es=f"Lo averiguado no se ha podido guardar: {problem.message}")
        return account, [*checks, Check(name="version", state="warning", says=says)]


def _hooks_failed(problem: errors.PuenteError) -> Check:
    return Check(
        name="hooks",
        state="failed",
        says=Text(en=problem.message, es=f"Los webhooks no se pudieron registrar: {problem.message}"),
        way_out=Text(en=problem.way_out, es=problem.way_out) if problem.way_out else None,
    )


def _hook_checks(lines: Sequence[HookLine]) -> list[Check]:
    """One line about the hooks as they were found or put in order."""
    if not lines:
        return []
    paste = [line.hook_kind for line in lines if line.state == "to paste"]
    revived = [line.hook_kind for line in lines if line.state == "switched on again"]
    if paste:
        return [
            Check(
                name="hooks",
                state="not checked",
                says=Text(
                    en="This system does not let us see its webhooks; sweeps carry what they miss.",
                    es="Este sistema no deja ver sus webhooks; los barridos recogen lo que falte.",
                ),
            )
        ]
    if revived:
        names = ", ".join(revived)
        return [
            Check(
                name="hooks",
                state="warning",
                says=Text(
                    en=f"Switched off by the vendor and switched on again: {names}. The gap is swept.",
                    es=f"El proveedor los había desactivado y se han vuelto a activar: {names}. "
                    "Se revisa lo perdido.",
                ),
            )
        ]
    says = Text(en=f"{len(lines)} webhooks are active.", es=f"{len(lines)} webhooks están activos.")
    return [Check(name="hooks", state="ok", says=says)]
