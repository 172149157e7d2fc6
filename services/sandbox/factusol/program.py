"""What a person does in the desktop program, which numbers clients with MAX+1 as every other writer does.

`/programa/clientes` and `/programa/clientes/{id}` (POST, GET, PUT, DELETE; columns of F_CLI, and `ejercicio` for
another year than the newest open one); `/programa/ejercicios` (POST `{"ejercicio": "2027"}` opens a year,
GET lists them) and `/programa/ejercicios/{year}` (PUT `{"estado": "open" | "closed" | "sick"}`).
"""

import re
import sqlite3
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from services.sandbox.accounts import Account
from services.sandbox.factusol.databases import Database, Value
from services.sandbox.factusol.schema import F_CLI, TABLES, Table
from services.sandbox.factusol.writing import BadRowError, insert, mark_change, read_row, years_of
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call, Route, Wanted
from services.sandbox.wire import Answer, Refused, error, int_of, json_answer

if TYPE_CHECKING:
    from services.sandbox.world import World

Seeder = Callable[[Call, Fields], Record]

CLIENTS = "/programa/clientes"
YEARS = "/programa/ejercicios"


def _year(call: Call) -> Database:
    """The database that a person has open. Raises Refused(422) for a year that is not there."""
    year = call.body.get("ejercicio") or call.param("year") or years_of(call).newest()
    database = years_of(call).get(str(year))
    if database is None:
        raise error(422, f"there is no ejercicio {year}")
    database.take_version(call.choice("columns"))
    return database


def _columns(call: Call) -> Fields:
    return {name: value for name, value in call.body.items() if name != "ejercicio"}


def _bad_row(problem: BadRowError) -> Refused:
    return error(422, f"F_CLI does not take {problem}")


# Clients


def create_client(call: Call, database: Database, given: Mapping[str, object]) -> int:
    """Raises Refused(422)."""
    try:
        row = read_row(call, database, F_CLI, given)
        row.setdefault("CODCLI", database.next_number(F_CLI))
        row.setdefault("CCOCLI", row["CODCLI"])
        mark_change(call, F_CLI, row, by_program=True, new=True)
        insert(call, database, F_CLI, row)
    except BadRowError as problem:
        raise _bad_row(problem) from None
    except sqlite3.IntegrityError:
        raise error(422, "there is a client with this number") from None
    return int(str(row["CODCLI"]))


def created(call: Call) -> Answer:
    database = _year(call)
    number = create_client(call, database, _columns(call))
    return json_answer(shown(F_CLI, database.find(F_CLI, (number,)) or {}), 201)


def _number(call: Call, database: Database) -> int:
    number = int_of(call.path.get("id"))
    if number is None or database.find(F_CLI, (number,)) is None:
        raise error(404, "there is no such client")
    return number


def read(call: Call) -> Answer:
    database = _year(call)
    return json_answer(shown(F_CLI, database.find(F_CLI, (_number(call, database),)) or {}))


def updated(call: Call) -> Answer:
    database = _year(call)
    number = _number(call, database)
    try:
        row = read_row(call, database, F_CLI, _columns(call))
    except BadRowError as problem:
        raise _bad_row(problem) from None
    row.pop("CODCLI", None)
    mark_change(call, F_CLI, row, by_program=True, new=False)
    database.update(F_CLI, (number,), row, call.now)
    return json_answer(shown(F_CLI, database.find(F_CLI, (number,)) or {}))


def deleted(call: Call) -> Answer:
    database = _year(call)
    database.delete(F_CLI, (_number(call, database),), call.now)
    return json_answer({"deleted": True})


# Years


def year_opened(call: Call) -> Answer:
    """A new year starts with the clients of the one before it."""
    year = str(call.body.get("ejercicio"))
    years = years_of(call)
    if not re.fullmatch(r"\d{4}", year) or years.get(year) is not None:
        raise error(422, f"{year} is no year that can be opened")
    before = max((known for known in years.known() if known < year), default=None)
    database = years.add(year)
    database.take_version(call.choice("columns"))
    older = years.get(before) if before is not None else None
    if older is not None and call.choice("new_year") == "copied":
        older.take_version(call.choice("columns"))
        database.copy_from(older)
    return json_answer({"ejercicio": year, "estado": database.state}, 201)


def year_changed(call: Call) -> Answer:
    year = call.path["year"]
    database = years_of(call).get(year)
    state = call.body.get("estado")
    if database is None:
        raise error(404, f"there is no ejercicio {year}")
    if state not in ("open", "closed", "sick"):
        raise error(422, "estado is open, closed or sick")
    database.state = state
    return json_answer({"ejercicio": year, "estado": state})


def years_listed(call: Call) -> Answer:
    years = years_of(call)
    found = [(year, years.get(year)) for year in years.known()]
    return json_answer([{"ejercicio": year, "estado": d.state} for year, d in found if d is not None])


DESK: tuple[Route, ...] = (
    Route(method="POST", template=CLIENTS, action="create", handler=created),
    Route(method="GET", template=f"{CLIENTS}/{{id}}", action="read", handler=read),
    Route(method="PUT", template=f"{CLIENTS}/{{id}}", action="update", handler=updated),
    Route(method="DELETE", template=f"{CLIENTS}/{{id}}", action="delete", handler=deleted),
    Route(method="GET", template=YEARS, action="list", handler=years_listed),
    Route(method="POST", template=YEARS, action="create", handler=year_opened),
    Route(method="PUT", template=f"{YEARS}/{{year}}", action="update", handler=year_changed),
)


# For the control API


def shown(table: Table, row: Mapping[str, Value]) -> Fields:
    """A row with its key as `id`, times as the API writes them."""
    key = row.get(table.key[0]) if len(table.key) == 1 else "/".join(str(row.get(name)) for name in table.key)
    kinds = {column.name: column.kind for column in table.columns}
    times = {name: str(value).replace(" ", "T") for name, value in row.items() if kinds.get(name) == "time"}
    return {"id": key, **row, **times}


def shelf(world: "World", account: Account, resource: str, wanted: Wanted) -> tuple[list[Fields], int]:
    """Nothing is left of what was deleted."""
    call = Call(world=world, account=account, now=world.clock.now())
    years = years_of(call)
    database = years.get(wanted.year or years.newest())
    if database is None or wanted.deleted == "only":
        return [], 0
    database.take_version(call.choice("columns"))
    table = F_CLI if resource == "clients" else TABLES[resource]
    rows = database.everything(table, last=wanted.limit)
    return [shown(table, row) for row in rows], database.count(table)


def seed_client(call: Call, given: Fields) -> Record:
    """A client that was there before: FUMCLI and FALCLI as given, else unset. Raises Refused(422)."""
    return _seeded(call, F_CLI, given)


def seeder_of(table: Table) -> Seeder:
    return lambda call, given: _seeded(call, table, given)


def _seeded(call: Call, table: Table, given: Fields) -> Record:
    database = _year(call)
    try:
        row = read_row(call, database, table, given)
        if table is F_CLI:
            row.setdefault("CODCLI", database.next_number(table))
            row.setdefault("CCOCLI", row["CODCLI"])
        insert(call, database, table, row)
    except BadRowError as problem:
        raise error(422, f"{table.name} does not take {problem}") from None
    except sqlite3.IntegrityError:
        raise error(422, f"{table.name} has this key already") from None
    number = int_of(row.get(table.key[0]))
    return Record(id=number or 0, fields=dict(row), created_at=call.now, updated_at=call.now)


def take_number(call: Call) -> None:
    """Another person saves a client under the number that this insert has chosen."""
    pairs = call.body.get("registro")
    wanted = {
        str(pair.get("columna")).upper(): pair.get("dato")
        for pair in (pairs if isinstance(pairs, list) else [])
        if isinstance(pair, dict)
    }
    number, year = int_of(wanted.get("CODCLI")), years_of(call).get(str(call.body.get("ejercicio")))
    if number is not None and year is not None and year.find(F_CLI, (number,)) is None:
        create_client(call, year, {"CODCLI": number, "NOFCLI": f"CLIENTE DE MOSTRADOR {number}"})
