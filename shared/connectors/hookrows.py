"""Hooks that a vendor keeps as rows of its API: one row is one kind and one address."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from shared.connectors import answers, rest, values
from shared.connectors.contract import RegisteredHook
from shared.connectors.values import Object


class HookRowSession(rest.RestSession):
    """A session whose vendor lists, makes, changes and deletes hook rows under one path."""

    hooks_path = "/webhooks"

    async def hooks(self) -> Sequence[RegisteredHook] | None:
        """The account's rows, ours and others'."""
        return [hook_in(row) async for listed in self.pages(self.hooks_path) for row in listed]

    async def register_hook(self, hook_kind: str, url: str, secret: str) -> RegisteredHook:
        body = _row(hook_kind, url, secret)
        response = await self.call("POST", f"{self.hooks_path}.json", body=body, writes=True)
        return hook_in(await self.object_of(response, writes=True))

    async def activate_hook(self, hook: RegisteredHook, secret: str) -> RegisteredHook:
        body = _row(hook.hook_kind, hook.url, secret)
        response = await self.call("PUT", self._path_of(hook), body=body, writes=True)
        return hook_in(await self.object_of(response, writes=True))

    async def remove_hook(self, hook: RegisteredHook) -> None:
        """A row that is gone already is as good as removed."""
        await self.call("DELETE", self._path_of(hook), writes=True)

    def _path_of(self, hook: RegisteredHook) -> str:
        return f"{self.hooks_path}/{quote(hook.hook_id, safe='')}.json"


def _row(hook_kind: str, url: str, secret: str) -> Object:
    """The wrapper keeps the receiver's secret apart from the account's token, which has the same name."""
    return {"webhook": {"kind": hook_kind, "url": url, "api_token": secret, "active": True}}


def hook_in(row: answers.Json) -> RegisteredHook:
    """A hook row. Raises Rejected, naming the field, for one of another shape."""
    if not isinstance(row, dict):
        raise values.wrong("webhook", "an object")
    return RegisteredHook(
        hook_id=values.record_id(row.get("id"), "id"),
        hook_kind=values.text(row.get("kind"), "kind") or "",
        url=values.text(row.get("url"), "url") or "",
        active=values.flag(row.get("active"), "active") is not False,
    )
