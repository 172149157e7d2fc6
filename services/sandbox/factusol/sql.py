"""Queries in SQL Server's dialect, rewritten as little as the engine underneath needs, and how it compares."""

import re
from datetime import date, datetime, time
from functools import lru_cache

_OPAQUE = re.compile(r"(?:\b[Nn])?'(?:[^']|'')*'|\"[^\"]*\"|\[[^\]]*\]|--[^\n]*|/\*.*?\*/", re.DOTALL)
_FOREIGN = re.compile(
    r"\b(?:LIMIT|OFFSET|GLOB|REGEXP|MATCH|PRAGMA|VALUES|RETURNING|WITH|INDEXED|NOTNULL|COLLATE|ROWID|_ROWID_|OID)\b"
    r"|\|\||==|`",
    re.IGNORECASE,
)
"""What the engine would take and the vendor's database would not."""
_TOP = re.compile(r"\bSELECT(\s+DISTINCT|\s+ALL)?\s+TOP\s*\(?\s*(\d{1,9})\s*\)?", re.IGNORECASE)
_CAST = re.compile(
    r"\bCAST\s*\(\s*([^()]+?)\s+AS\s+(date|datetime2?|smalldatetime)\s*\)", re.IGNORECASE | re.DOTALL
)
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*")


class BadSqlError(ValueError):
    """The vendor's database would not run this."""


def translated(query: str) -> str:
    """The query for the engine. Raises BadSqlError for what the vendor's dialect does not have."""
    if "\x00" in query:
        raise BadSqlError("a null character")
    opaque: list[str] = []

    def hide(match: re.Match[str]) -> str:
        text = match.group()
        if text.startswith(("--", "/*")):
            return " "
        if text.startswith('"'):
            text = f"[{text[1:-1]}]"  # the engine would read an unknown name in quotes as a text
        opaque.append(text.lstrip("Nn") if text.endswith("'") else text)
        return f"\x00{len(opaque) - 1}\x00"

    masked = _OPAQUE.sub(hide, query).strip().rstrip(";")
    if _FOREIGN.search(masked):
        raise BadSqlError("not in this dialect")
    masked = re.sub(r"\bdbo\s*\.\s*", "", masked, flags=re.IGNORECASE)
    masked = re.sub(r"\bISNULL\s*\(", "IFNULL(", masked, flags=re.IGNORECASE)
    masked = _CAST.sub(_cast, masked)
    return re.sub(r"\x00(\d+)\x00", lambda m: opaque[int(m.group(1))], _with_limits(masked))


def is_select(query: str) -> bool:
    return re.match(r"\s*SELECT\b", query, re.IGNORECASE) is not None


def _cast(match: re.Match[str]) -> str:
    inner, kind = match.group(1), match.group(2).lower()
    return f"(A_FECHA({inner}, {int(kind == 'date')}) COLLATE FECHA)"


def _with_limits(masked: str) -> str:
    """`SELECT TOP n ...` -> `SELECT ... LIMIT n`, at the end of that SELECT; inner ones first."""
    for match in reversed(list(_TOP.finditer(masked))):
        end = _end_of_select(masked, match.end())
        head = f"SELECT{match.group(1) or ''} "
        rest = masked[match.end() : end]
        masked = f"{masked[: match.start()]}{head}{rest} LIMIT {match.group(2)}{masked[end:]}"
    return masked


def _end_of_select(masked: str, start: int) -> int:
    """Where the SELECT that goes on at `start` ends: at the bracket that closes it, else with the text."""
    depth = 0
    for position in range(start, len(masked)):
        depth += {"(": 1, ")": -1}.get(masked[position], 0)
        if depth < 0:
            return position
    return len(masked)


def top_of(query: str) -> int | None:
    """The number of the outermost TOP."""
    match = _TOP.match(query.strip())
    return int(match.group(2)) if match else None


def plain_name(name: str) -> bool:
    """Columns without an alias are named by their expression, which no vendor's answer shows."""
    return _PLAIN_NAME.fullmatch(name) is not None


# Comparing


_TIMES = ("%Y-%m-%d", "%Y%m%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S.%f", "%Y/%m/%d")


@lru_cache(maxsize=4096)
def time_of(text: str) -> str | None:
    """A time in the form in which it is kept; None when it is none. Takes T or a blank, with or without a time."""
    given = text.strip().replace("T", " ").removesuffix("Z")
    for form in _TIMES:
        try:
            return datetime.strptime(given, form).replace(microsecond=0).isoformat(" ")  # noqa: DTZ007 - local
        except ValueError:
            continue
    return None


def stored_time(day: date, at: time = time()) -> str:
    return datetime.combine(day, at).replace(microsecond=0).isoformat(" ")


def compared_text(text: str) -> str:
    """Case and blanks at the end do not count; accents do."""
    return text.rstrip().casefold()


@lru_cache(maxsize=512)
def _like(pattern: str) -> re.Pattern[str]:
    out, position = [], 0
    while position < len(pattern):
        character = pattern[position]
        closing = pattern.find("]", position + 1)
        if character == "[" and closing > position + 1:
            inner = pattern[position + 1 : closing].replace("\\", r"\\")
            out.append(f"[{inner}]")
            position = closing
        else:
            out.append({"%": ".*", "_": "."}.get(character, re.escape(character)))
        position += 1
    return re.compile("".join(out), re.IGNORECASE | re.DOTALL)


def like(pattern: object, value: object) -> bool | None:
    if pattern is None or value is None:
        return None
    try:
        return _like(str(pattern)).fullmatch(str(value)) is not None
    except re.error:
        return False


def to_date(value: object, day_only: object) -> str | None:
    """CAST(... AS date): raises ValueError for what is no date."""
    if value is None:
        return None
    found = time_of(str(value))
    if found is None:
        raise ValueError(f"no date: {value!r}")
    return f"{found[:10]} 00:00:00" if day_only else found
