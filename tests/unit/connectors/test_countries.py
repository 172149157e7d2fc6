"""Names of countries, and what they cost."""

from __future__ import annotations

import subprocess
import sys

from shared.connectors import countries

_SCRIPT = """
import sys
from shared.connectors import countries
from shared.model import phones
assert countries.name_of("ES", "es") == "España"
print(*(name for name in sys.modules if name.startswith("phonenumbers.geodata")))
"""


def test_a_country_has_its_name_in_a_language() -> None:
    assert [countries.name_of("DE", language) for language in ("en", "es")] == ["Germany", "Alemania"]
    assert countries.name_of("XX", "es") == ""


def test_names_do_not_load_the_places_of_all_telephone_numbers() -> None:
    """They are a hundred megabytes, and each process would hold them."""
    said = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    assert said.stdout.split() == []
