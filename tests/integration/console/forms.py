"""Forms as a browser without scripts finds and sends them: what stands in a page's HTML, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

# What an element may ask for by itself, past the form around it.
_ASKS = ("hx-post", "hx-put", "hx-patch", "hx-delete")


@dataclass(kw_only=True)
class Form:
    """`fields` are what its inputs hold; `buttons` are (label, attributes)."""

    attributes: Mapping[str, str]
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    @property
    def action(self) -> str:
        return self.attributes.get("action", "")

    @property
    def is_post(self) -> bool:
        return self.attributes.get("method", "get").lower() == "post"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.astray: list[str] = []
        self._open: Form | None = None
        self._button: Mapping[str, str] | None = None
        self._label = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(attributes=given)
            self.forms.append(self._open)
        elif any(name in given for name in _ASKS):
            self.astray.append(f"<{tag}> {given}")
        is_off = given.get("type") in {"checkbox", "radio"} and "checked" not in given
        if tag == "input" and self._open is not None and "name" in given and not is_off:
            self._open.fields[given["name"]] = given.get("value", "")
        if tag == "button":
            self._button, self._label = given, ""

    def handle_data(self, data: str) -> None:
        self._label += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "button" and self._button is not None:
            if self._open is not None:
                self._open.buttons.append((" ".join(self._label.split()), self._button))
            else:
                self.astray.append(f"<button> {self._label.strip()}")
            self._button = None
        if tag == "form":
            self._open = None


def read(html: str) -> tuple[Sequence[Form], Sequence[str]]:
    """The forms of a page, and what would do nothing, or the wrong thing, where no script runs."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.forms, [*reader.astray, *_wrong(reader.forms)]


def _wrong(forms: Sequence[Form]) -> list[str]:
    found = []
    for each in forms:
        scripted = [each.attributes[name] for name in _ASKS if name in each.attributes]
        if scripted and (not each.is_post or scripted != [each.action]):
            found.append(f"<form> {dict(each.attributes)}")
        if not each.is_post and any(name in ("csrf", "password") or "." in name for name in each.fields):
            found.append(f"a secret in an address: <form> {dict(each.attributes)}")
    return found


async def press(client: httpx.AsyncClient, page: str, label: str, *, at: str = "", **typed: str) -> httpx.Response:
    """Load a page and press the one button of this label, in a form whose address ends with `at`."""
    answer = await client.get(page)
    assert answer.status_code == 200, answer.text
    forms, wrong = read(answer.text)
    assert not wrong, wrong
    found = [
        (form, button)
        for form in forms
        for text, button in form.buttons
        if text == label and button.get("formaction", form.action).endswith(at)
    ]
    assert found, f"{page} has no button {label!r}: {[text for form in forms for text, _ in form.buttons]}"
    form, button = found[0]
    assert form.is_post
    data = form.fields | typed
    if "name" in button:
        data[button["name"]] = button.get("value", "")
    return await client.post(button.get("formaction", form.action), data=data)
