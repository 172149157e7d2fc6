"""The Spanish tax number, as far as the vendor checks it on invoices: NIF, NIE and CIF."""

import re

_SHAPE = re.compile(r"(ES)?([0-9]{8}[A-Z]|[XYZKLM][0-9]{7}[A-Z]|[ABCDEFGHJNPQRSUVW][0-9]{7}[0-9A-J])")
_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_COMPANY_LETTERS = "JABCDEFGHI"


def acceptable(number: str, *, check_digit: bool) -> bool:
    """Punctuation does not count. With `check_digit` the last sign must fit the others."""
    found = _SHAPE.fullmatch(re.sub(r"[\s.\-/]", "", number).upper())
    if found is None:
        return False
    return not check_digit or _last_sign_fits(found.group(2))


def _last_sign_fits(number: str) -> bool:
    first, last = number[0], number[-1]
    if first.isdigit():
        return last == _LETTERS[int(number[:8]) % 23]
    if first in "XYZ":
        return last == _LETTERS[int(str("XYZ".index(first)) + number[1:8]) % 23]
    if first in "KLM":
        return last == _LETTERS[int(number[1:8]) % 23]
    digits = [int(sign) for sign in number[1:8]]
    odd = sum(sum(divmod(2 * digit, 10)) for digit in digits[::2])
    control = -(odd + sum(digits[1::2])) % 10
    return last in (str(control), _COMPANY_LETTERS[control])
