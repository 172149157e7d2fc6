"""The checks of an account: the address, each of the four values, the year, the columns, the numbers.

The vendor says of a login only that it failed. So each value is first judged by its form; then slips that people
make are tried one at a time, and the one that mends it names the wrong value.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final, cast
from urllib.parse import urlsplit

from shared import errors
from shared.connectors import checks
from shared.connectors.checks import finding
from shared.connectors.contract import Check, CheckName
from shared.connectors.factusol import login, mapping
from shared.connectors.factusol.columns import Columns
from shared.connectors.factusol.numbers import Numbers, range_of
from shared.connectors.factusol.wire import Api, NoSuchYear, RefusedCall, RefusedLogin
from shared.connectors.factusol.years import Years, fixed_year, today
from shared.model.text import Text

_LABELS: Final = {
    "manufacturer": ("manufacturer's number", "código de fabricante"),
    "client": ("customer's number at DELSOL", "código de cliente"),
    "database": ("database", "base de datos"),
    "password": ("password", "contraseña"),
}
_WHERE: Final = {
    "manufacturer": Text(
        en="The number that Software DELSOL gave to the developer of the integration: digits only.",
        es="El número que Software DELSOL dio al desarrollador de la integración: solo cifras.",
    ),
    "client": Text(
        en="Your customer's number at Software DELSOL, as on its invoices: digits only.",
        es="Su número de cliente en Software DELSOL, como en sus facturas: solo cifras.",
    ),
    "database": Text(
        en="FS and the three digits of the company in Factusol, FS001 say, as the activation of the API shows it.",
        es="FS y las tres cifras de la empresa en Factusol, por ejemplo FS001, como al activar la API.",
    ),
    "password": Text(
        en="The password of the API, as it came when the API was activated in the program; not the program's own.",
        es="La contraseña de la API, la que se recibió al activarla en el programa; no la del propio programa.",
    ),
}
_URL: Final = Text(en="The address is https://api.sdelsol.com.", es="La dirección es https://api.sdelsol.com.")
_YEAR: Final = Text(
    en="Open the year in Factusol, or set the account's `year` to one that is there, or to auto.",
    es="Abra el ejercicio en Factusol, o ponga en `year` de la cuenta uno que exista, o auto.",
)
_NUMBERS: Final = Text(
    en="Write the account's `numbers` as 500000-599999, or leave it out.",
    es="Escriba `numbers` de la cuenta como 500000-599999, o quítelo.",
)


async def of(api: Api, years: Years, columns: Columns, numbers: Numbers) -> AsyncIterator[Check]:
    """Each finding in order; the first failure that makes the rest meaningless ends them."""
    for each in _forms(api):
        yield each
        if each.state == "failed":
            return
    found = await _login(api)
    for each in found:
        yield each
    if any(each.state in {"failed", "not checked"} for each in found):
        return
    try:
        async for each in _tables(api, years, columns, numbers):
            yield each
    except errors.PuenteError as problem:
        yield finding("read", "failed", problem.message, "No se pueden leer los clientes.", _YEAR)


def _forms(api: Api) -> Iterator[Check]:
    """What is wrong with a value whoever is asked. A database of another shape is only doubtful."""
    for name, value in login.given(api.access.credentials).items():
        en, es = _LABELS[name]
        if not value:
            yield finding(_name(name), "failed", f"The {en} is missing.", f"Falta: {es}.", _WHERE[name])
        elif login.looks_wrong(name, value) and name != "database":
            yield finding(
                _name(name), "failed", f"The {en} has a wrong form.", f"Forma incorrecta: {es}.", _WHERE[name]
            )


def _name(name: str) -> CheckName:
    return cast(CheckName, name)


async def _login(api: Api) -> Sequence[Check]:
    host = urlsplit(api.access.base_url).hostname or ""
    try:
        await api.log_in()
    except RefusedLogin:
        return [*checks.reached(api.access), *await _wrong_values(api)]
    except errors.PuenteError as problem:
        refused = finding(
            "password", "failed", "The login is not accepted.", "Factusol no acepta el acceso.", _WHERE["password"]
        )
        return checks.not_reached(api.access, problem, _URL, failed=refused)
    says = f"Factusol accepts the login at {host}.", f"Factusol acepta el acceso en {host}."
    return [*checks.reached(api.access), *(finding(_name(name), "ok", *says) for name in login.PARTS)]


async def _wrong_values(api: Api) -> Sequence[Check]:
    """Which value a refused login has wrong: the one whose mended form is accepted."""
    values = dict(login.given(api.access.credentials))
    for name, mended, (en, es) in _slips(values):
        other = api.with_credentials(mended)
        try:
            await other.log_in()
        except RefusedLogin:
            continue
        except errors.PuenteError:
            break
        return [finding(_name(name), "failed", en, es, _WHERE[name])]
    return [_doubtful(values)]


def _doubtful(values: dict[str, str]) -> Check:
    """What is left to say where no slip was found: the value of an odd form, else all four to compare."""
    if login.looks_wrong("database", values["database"]):
        en, es = _LABELS["database"]
        return finding(
            "database",
            "failed",
            f"Factusol does not accept the four values together. By its form the {en} is the doubtful one; "
            "Factusol itself does not say which.",
            f"Factusol no acepta los cuatro valores juntos. Por su forma, el dudoso es: {es}; el propio Factusol "
            "no dice cuál.",
            _WHERE["database"],
        )
    # Three of the four are no secrets, and whoever sees them sees which one is not theirs.
    shown = [(_LABELS[name], values[name]) for name in login.PARTS if name != "password"]
    return finding(
        "password",
        "failed",
        "Factusol does not accept the four values together and does not say which is wrong. Their form is right: "
        f"{', '.join(f'{en} {value}' for (en, _), value in shown)}. If these three are yours, it is the password.",
        "Factusol no acepta los cuatro valores juntos y no dice cuál falla. Su forma es correcta: "
        f"{', '.join(f'{es} {value}' for (_, es), value in shown)}. Si los tres son suyos, es la contraseña.",
        _WHERE["password"],
    )


def _slips(values: dict[str, str]) -> Iterator[tuple[str, dict[str, str], tuple[str, str]]]:
    """Values mended one slip at a time: the wrong one, all four with it mended, what to say."""
    swapped = {"manufacturer": values["client"], "client": values["manufacturer"]}
    yield (
        "manufacturer",
        values | swapped,
        (
            "The numbers of manufacturer and customer are in each other's place.",
            "Los códigos de fabricante y de cliente están intercambiados.",
        ),
    )
    upper = values["database"].upper()
    forms = [upper] if upper != values["database"] else []
    digits = "".join(each for each in values["database"] if each.isdigit())
    if login.looks_wrong("database", values["database"]) and digits:
        forms.append(f"FS{digits[-3:].zfill(3)}")
    for each in forms:
        yield (
            "database",
            values | {"database": each},
            (f"The database is written {each}.", f"La base de datos se escribe {each}."),
        )
    for plain in login.plain_of(values["password"]):
        yield (
            "password",
            values | {"password": plain},
            (
                "The password was pasted in its encoded form; give it as it was sent to you.",
                "La contraseña se pegó codificada; escríbala tal como la recibió.",
            ),
        )


async def _tables(api: Api, years: Years, columns: Columns, numbers: Numbers) -> AsyncIterator[Check]:
    year = await _year_found(api, years)
    yield year
    if year.state == "failed":
        return
    read = (await years.in_use()).first
    names = await columns.of(read)
    lacking = [each for each in mapping.CLIENT.values() if each not in names]
    yield (
        finding(
            "columns",
            "warning",
            f"This version of Factusol lacks {', '.join(lacking)}: these fields are not carried.",
            f"A esta versión de Factusol le faltan {', '.join(lacking)}: esos campos no se sincronizan.",
        )
        if lacking
        else finding("columns", "ok", "The customers' columns are there.", "Están las columnas de los clientes.")
    )
    many = await years.size(read)
    yield finding("read", "ok", f"{many} customers can be read.", f"Se pueden leer {many} clientes.")
    yield await _numbers_found(api, numbers, read)
    yield checks.write_not_checked()
    yield finding(
        "hooks",
        "not checked",
        "Factusol sends no hooks: sweeps carry its changes.",
        "Factusol no envía avisos: los cambios llegan por consultas periódicas.",
    )


async def _year_found(api: Api, years: Years) -> Check:
    try:
        found = await years.in_use()
    except (NoSuchYear, RefusedCall) as problem:
        offered = await years.another()
        more = (f" {offered} is there.", f" Existe {offered}.") if offered else ("", "")
        return finding(
            "year", "failed", problem.message + more[0], f"El ejercicio no está disponible.{more[1]}", _YEAR
        )
    calendar = str(today(api.clock.now(), api.access).year)
    if found.thin:
        return finding(
            "year",
            "warning",
            f"{found.thin} is open with too few customers; {found.first} is used until they are carried over.",
            f"El ejercicio {found.thin} tiene muy pocos clientes; se usa {found.first} hasta que se traspasen.",
            Text(
                en=f"Carry the customers over in Factusol, or set the account's `year` to {found.thin}.",
                es=f"Traspase los clientes en Factusol, o ponga {found.thin} en `year` de la cuenta.",
            ),
        )
    if found.first != calendar and not fixed_year(api.access):
        return finding(
            "year",
            "warning",
            f"{calendar} is not there yet; {found.first} is used until it is opened.",
            f"El ejercicio {calendar} aún no está abierto; mientras tanto se usa {found.first}.",
        )
    used = ", ".join(found.years)
    return finding("year", "ok", f"The year in use is {used}.", f"El ejercicio en uso es {used}.")


async def _numbers_found(api: Api, numbers: Numbers, year: str) -> Check:
    try:
        low, high = range_of(api.access)
        highest = await numbers.highest(year, low, high)
    except errors.NeedsOperator as problem:
        return finding("numbers", "failed", problem.message, "El ajuste `numbers` no es un intervalo.", _NUMBERS)
    following = max(highest, low - 1) + 1
    if following > high:
        return finding(
            "numbers",
            "failed",
            f"The numbers from {low} to {high} are used up.",
            f"Los números del {low} al {high} se han agotado.",
            _NUMBERS,
        )
    return finding(
        "numbers", "ok", f"The next customer's number is {following}.", f"El próximo cliente será el {following}."
    )
