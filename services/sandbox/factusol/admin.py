"""The calls below /admin: the program's tables, read with pieces of SQL and written a row at a time."""

import sqlite3
from itertools import cycle, islice

from services.sandbox.factusol import sql
from services.sandbox.factusol.databases import FUNCTIONS, IN_FILTERS, Database, Rows, Value
from services.sandbox.factusol.envelope import (
    OK,
    invalid_body,
    no_rows,
    refused,
    row_answer,
    rows_answer,
    text_field,
)
from services.sandbox.factusol.schema import Table
from services.sandbox.factusol.sql import BadSqlError
from services.sandbox.factusol.writing import (
    BadRowError,
    insert,
    mark_change,
    open_database,
    read_row,
    table_named,
)
from services.sandbox.storage import Fields
from services.sandbox.system import Call, Route
from services.sandbox.wire import Answer, Refused, json_answer

# Reading


def load_table(call: Call) -> Answer:
    """All columns of the rows that a WHERE fragment names; whatever is wrong with it, there are no rows."""
    name, condition = text_field(call, "tabla"), text_field(call, "filtro")
    database = open_database(call, text_field(call, "ejercicio"))
    return rows_answer(call, _faulty(call, database, _matching(call, database, name, condition), None))


def read_record(call: Call) -> Answer:
    database = open_database(call, text_field(call, "ejercicio"))
    return row_answer(call, _matching(call, database, text_field(call, "tabla"), text_field(call, "filtro")))


def _matching(call: Call, database: Database, name: str, condition: str) -> Rows:
    table = table_named(name)
    if table is None or not condition.strip() or sql.is_select(condition):
        return Rows()
    try:
        # The fragment is the caller's own SQL, as at the vendor; the engine lets it read these tables only.
        text = f"SELECT * FROM {table.name} WHERE {condition}"  # noqa: S608
        return database.query(
            text,
            as_of=call.as_of,
            catalogue=call.flag("catalogue_views"),
            functions=FUNCTIONS if call.choice("filter_functions") == "all" else IN_FILTERS,
        )
    except BadSqlError:
        return Rows()


def run_query(call: Call) -> Answer:
    query = text_field(call, "consulta")
    database = open_database(call, text_field(call, "ejercicio"))
    if not sql.is_select(query):
        raise refused(call, "KO")
    try:
        found = database.query(query, as_of=call.as_of, catalogue=call.flag("catalogue_views"))
    except BadSqlError as problem:
        return _bad_sql(call, str(problem))
    return rows_answer(call, _faulty(call, database, found, sql.top_of(query)))


def _bad_sql(call: Call, reason: str) -> Answer:
    how = call.choice("bad_sql")
    if how == "KO":
        raise refused(call, "KO")
    if how == "http_500":
        return json_answer({"Errores": {"Excepcion": f"SqlException: {reason}"}}, 500)
    return no_rows(call)


def _faulty(call: Call, database: Database, found: Rows, top: int | None) -> Rows:
    """What a list shows while `list_empty` or `list_endless` is on. Raises Refused for more than there may be."""
    most = int(call.amount("most_rows"))
    if most and len(found.rows) > most:
        raise refused(call, "KO")
    if call.list_fault == "empty":
        return Rows()
    rows = list(found.rows)
    if call.list_fault == "endless":
        rows = database.endless(rows)
        if rows and top is not None:
            rows = list(islice(cycle(rows), top))
    return Rows(columns=found.columns, rows=[row for row in rows if len(row) == len(found.columns)])


# Writing


def _given(call: Call) -> Fields:
    """The pairs of `registro`. Raises Refused for a body without them, or with a column twice."""
    pairs = call.body.get("registro")
    if not isinstance(pairs, list) or not pairs:
        raise Refused(invalid_body(call.world, call.account.name, "registro is required"))
    given: Fields = {}
    for pair in pairs:
        name = pair.get("columna") if isinstance(pair, dict) else None
        if not isinstance(name, str) or name.upper() in given:
            raise refused(call, "BDEscribirRegistroError")
        given[name.upper()] = pair.get("dato")
    return given


def write_record(call: Call) -> Answer:
    """Insert one row."""
    given = _given(call)
    database = open_database(call, text_field(call, "ejercicio"), writes=True)
    table = table_named(text_field(call, "tabla"))
    if table is None:
        raise refused(call, "BDEscribirRegistroError")
    try:
        row = read_row(call, database, table, given)
        mark_change(call, table, row, by_program=False, new=True)
        insert(call, database, table, row)
    except BadRowError:
        raise refused(call, "BDEscribirRegistroError") from None
    except sqlite3.IntegrityError:
        raise refused(call, call.choice("duplicate_word")) from None
    return OK


def update_record(call: Call) -> Answer:
    """Change the columns that are given in the row that the key names."""
    given = _given(call)
    database = open_database(call, text_field(call, "ejercicio"), writes=True)
    table = table_named(text_field(call, "tabla"))
    if table is None:
        raise refused(call, "BDActualizarRegistroError")
    try:
        row = read_row(call, database, table, given)
        key = key_of(table, row)
    except BadRowError:
        raise refused(call, "BDActualizarRegistroError") from None
    if database.find(table, key) is None:
        if call.choice("update_of_missing") == "nothing":
            return OK
        raise refused(call, "BDActualizarRegistroError")
    changes = {name: value for name, value in row.items() if name not in table.key}
    changes |= {
        column.name: column.blank
        for column in database.columns(table)
        if column.name not in table.key and column.name in given and given[column.name] is None
    }
    mark_change(call, table, changes, by_program=False, new=False)
    database.update(table, key, changes, call.now)
    return OK


def key_of(table: Table, row: dict[str, Value]) -> tuple[Value, ...]:
    """Raises BadRowError when a column of it is missing."""
    try:
        return tuple(row[name] for name in table.key)
    except KeyError as missing:
        raise BadRowError(str(missing)) from None


def delete_records(call: Call) -> Answer:
    database = open_database(call, text_field(call, "ejercicio"), writes=True)
    name = text_field(call, "tabla")
    found = _matching(call, database, name, text_field(call, "filtro"))
    table = table_named(name)
    if table is None:
        return OK
    for row in found.rows:
        values = dict(zip(found.columns, row, strict=True))
        database.delete(table, tuple(values[part] for part in table.key), call.now)
    return OK


def article_image(call: Call) -> Answer:
    """Its body is not known to anybody."""
    raise refused(call, "KO")


ROUTES: tuple[Route, ...] = (
    Route(method="POST", template="/admin/CargaTabla", action="list", handler=load_table),
    Route(method="POST", template="/admin/LanzarConsulta", action="list", handler=run_query),
    Route(
        method="GET",
        template="/admin/LeerRegistro/{ejercicio}/{tabla}/{filtro}",
        action="read",
        handler=read_record,
        free_text="filtro",
    ),
    Route(method="POST", template="/admin/EscribirRegistro", action="create", handler=write_record),
    Route(method="POST", template="/admin/ActualizarRegistro", action="update", handler=update_record),
    Route(
        method="GET",
        template="/admin/BorrarRegistros/{ejercicio}/{tabla}/{filtro}",
        action="delete",
        handler=delete_records,
        free_text="filtro",
    ),
    Route(method="POST", template="/admin/BorrarRegistro", action="delete", handler=delete_records),
    Route(method="POST", template="/admin/ArticulosImagen", action="other", handler=article_image),
)
