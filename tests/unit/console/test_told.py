"""The runtime's own sentences are told in Spanish, with what stands in their gaps as it is."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import pytest

from shared.flows.merge import Why
from shared.operations.alerts.messages import item_of
from shared.operations.sentences import flows, in_language, names, vendors
from shared.store.alerts import Alert
from tests.support.sentences import GAP, NESTED, Sentence, sentences

_FOUND: Final = sentences()
_ENGLISH: Final = re.compile(r"\b(the|is|was|are|of|and|not|with|it|be|has)\b", re.IGNORECASE)


def filled(text: str) -> str:
    """With other words in each gap, and a sentence that is known where one is nested."""
    words = text.replace(NESTED, "The record is not there.").split(GAP)
    return words[0] + "".join(f"xq{number}{word}" for number, word in enumerate(words[1:], start=1))


@pytest.mark.parametrize("sentence", _FOUND, ids=lambda each: each.place)
def test_a_sentence_of_the_source_has_its_spanish_form(sentence: Sentence) -> None:
    """Write the Spanish in shared/operations/sentences; or keep a module that no page shows out, by its name."""
    text = filled(f"{sentence.after} {sentence.text}".strip())
    told = in_language(text, "es")
    assert not _ENGLISH.search(told), f"{sentence.place}: no Spanish for {text!r}: {told!r}"
    assert told != text, f"{sentence.place}: no Spanish for {text!r}"
    assert set(re.findall(r"xq\d+", told)) == set(re.findall(r"xq\d+", text))


def test_the_source_was_read() -> None:
    places = {each.place.split(":")[0] for each in _FOUND}
    assert {"shared/flows/matching.py", "shared/connectors/http.py", "shared/runtime/runner.py"} <= places
    texts = {each.text for each in _FOUND}
    assert f"The vendor refused: {GAP}" in texts
    assert f"{GAP} did not answer within {GAP} s; the write may have happened." in texts
    assert "Expenses do not become Asuntos." in texts


def test_a_known_sentence_and_what_is_not() -> None:
    assert in_language("Both sides agree.", "en") == "Both sides agree."
    assert in_language("Both sides agree.", "es") == "Los dos lados coinciden."
    for text in ("", "Two hands at once.", "both sides agree.", "Both sides agree. And more.", "The vendor said:"):
        assert in_language(text, "es") == text


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (
            "The flow is paused: The vendor answered 401: no entry Check the account's token.",
            "El flujo está en pausa: El sistema respondió 401: no entry Compruebe la clave de la cuenta.",
        ),
        (
            "tax_no: The vendor refused: Bad NIF The write may have happened.",
            "NIF: El sistema lo rechazó: Bad NIF Puede que se haya escrito.",
        ),
        ("Wrote city, tax_no to Clientify.", "Escrito: población, NIF en Clientify."),
        (
            "phone: carried as text, no number can be read in it; correct it in either system.",
            "teléfono: se lleva como texto, no se lee ningún número; corríjalo en cualquiera de los dos sistemas.",
        ),
        (
            "Both sides agree. tax_no: Both sides agree.",
            "Both sides agree. tax_no: Both sides agree.",
        ),
        (
            "Sugester has 12, 13 with the same email or tax_no, and it is not certain which is meant.",
            "Sugester tiene 12, 13, donde coincide correo o NIF, y no es seguro cuál es.",
        ),
        (
            "The pair is gone-left: nothing would be written.",
            "Estado de la pareja: borrada a la izquierda; no se escribiría nada.",
        ),
        (
            "clients still shows the value from before our write.",
            "cliente: todavía se muestra el valor de antes de nuestra escritura.",
        ),
    ],
)
def test_gaps_tails_and_nested_sentences(says: str, told: str) -> None:
    assert in_language(says, "es") == told


@pytest.mark.parametrize(
    "words",
    [
        "<script>alert(1)</script>",
        "{said} {0} {says.__class__} %s \\1 \\0",
        "with the same name, and nothing else tells whether it is the same",
        "The vendor refused: The vendor refused: ",
        ": " * 500,
        "Check the account's token. " * 60 + "x",
        "The flow is paused: " * 80,
        " has  with the same " * 90,
        "\N{RIGHT-TO-LEFT OVERRIDE}\ud800\n\n",
    ],
)
def test_what_a_system_says_is_kept_whatever_it_is(words: str) -> None:
    told = in_language(f"The vendor refused: {words}", "es")
    assert told == f"El sistema lo rechazó: {words}".strip()
    assert in_language(words, "es") in {words, in_language(words.strip(), "es")}


def test_an_alert_tells_the_reason_in_its_language() -> None:
    now = datetime(2026, 11, 21, 9, tzinfo=UTC)
    alert = Alert(
        key="k",
        kind="account-refused",
        workspace_id="acme",
        subject="acme.sugester",
        state="open",
        facts={"flow": "acme.clients", "says": "The vendor answered 401: no Check the account's token."},
        since=now,
        seen_at=now,
    )
    told = {
        each: item_of(alert, "open", language=each, console_url="", runbook_url="").says for each in ("en", "es")
    }
    assert told["en"].endswith("The vendor answered 401: no Check the account's token.")
    assert told["es"].endswith("El sistema respondió 401: no Compruebe la clave de la cuenta.")


def test_a_text_longer_than_any_row_is_not_looked_at() -> None:
    text = "The vendor refused: " + "x" * 4000
    assert in_language(text, "es") == text


def test_the_words_of_half_sentences_and_names_are_spanish() -> None:
    for table in (flows.HALVES, vendors.HALVES, names.STATES, names.RECORDS, names.FIELDS):
        assert not [word for word in table.values() if _ENGLISH.search(word)]
    assert in_language("It is not made there yet: it has no tax number.", "es").endswith(": no tiene NIF.")
    for why in Why:
        assert in_language(why.value, "es") == flows.HALVES[why.value]


def test_every_gap_of_a_table_is_filled_in_spanish_too() -> None:
    for table in (flows.MESSAGES, flows.TAILS, vendors.MESSAGES, vendors.TAILS):
        for english, spanish in table.items():
            assert sorted(re.findall(r"\{(\w+)\}", english)) == sorted(re.findall(r"\{(\w+)\}", spanish)), english
            assert len(set(re.findall(r"\{(\w+)\}", english))) == len(re.findall(r"\{(\w+)\}", english)), english
