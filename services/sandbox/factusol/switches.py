"""What Factusol's page leaves open, one switch each."""

from services.sandbox.switches import Switch

SWITCHES: tuple[Switch, ...] = (
    Switch(name="token_seconds", default=180, meaning="Seconds that a token lives."),
    Switch(
        name="expired_answer",
        default="200",
        choices=("200", "401"),
        meaning="An expired or garbled token gets 200 with the word Unauthorized, or 401.",
    ),
    Switch(
        name="missing_token_answer",
        default="401",
        choices=("401", "400"),
        meaning="Status of a call without a token.",
    ),
    Switch(
        name="login_failed_word",
        default="Unauthorized",
        choices=("Unauthorized", "KO", "BDNoExiste", "http_401"),
        meaning="The word of a login that failed, with 200; or 401.",
    ),
    Switch(
        name="login_ends_older_tokens",
        default=False,
        meaning="A new login ends the tokens that were given before.",
    ),
    Switch(
        name="invalid_body_answer",
        default="400",
        choices=("400", "KO"),
        meaning="A body that is no JSON, or lacks a field, gets 400; or 200 with KO.",
    ),
    Switch(
        name="no_rows",
        default="null",
        choices=("null", "empty_list", "empty_text", "missing"),
        meaning="What resultado is when no row was found.",
    ),
    Switch(
        name="bad_sql",
        default="empty",
        choices=("empty", "KO", "http_500"),
        meaning="LanzarConsulta with a query that cannot run: OK without rows, KO, or 500 with Errores.Excepcion.",
    ),
    Switch(
        name="unnamed_column",
        default="numbered",
        choices=("numbered", "empty"),
        meaning="The columna of an expression without an alias: Column1, or nothing.",
    ),
    Switch(
        name="catalogue_views",
        default=True,
        meaning="INFORMATION_SCHEMA and sysobjects answer; off, they are unknown tables.",
    ),
    Switch(
        name="numbers_as",
        default="number",
        choices=("number", "text"),
        meaning="Numeric columns come as 5 or as '5'.",
    ),
    Switch(
        name="blank_text",
        default="empty",
        choices=("empty", "null"),
        meaning="Texts without a value come as an empty text or as null.",
    ),
    Switch(
        name="times_with",
        default="T",
        choices=("T", "blank"),
        meaning="What stands between date and time.",
    ),
    Switch(
        name="time_zone",
        default="Europe/Madrid",
        choices=("Europe/Madrid", "Atlantic/Canary", "UTC"),
        meaning="Whose local time the program and the database write.",
    ),
    Switch(
        name="columns",
        default="current",
        choices=("current", "older", "extra"),
        meaning="Columns of F_CLI: the present ones, without the newer ones (HUMCLI...), with some unheard of.",
    ),
    Switch(
        name="fumcli",
        default="program",
        choices=("program", "everyone", "nobody", "month", "lies"),
        meaning="Who sets FUMCLI to the day: the desktop program only, API writes too, nobody; as month to its "
        "first day only; lies: it is always 1900-01-01.",
    ),
    Switch(
        name="duplicate_word",
        default="BDExisteRegistro",
        choices=("BDExisteRegistro", "BDEscribirRegistroError"),
        meaning="The word for an insert whose key is taken.",
    ),
    Switch(
        name="update_of_missing",
        default="error",
        choices=("error", "nothing"),
        meaning="An update of a row that is not there: an error word, or OK and nothing done.",
    ),
    Switch(
        name="long_text",
        default="refuse",
        choices=("refuse", "truncate"),
        meaning="A text longer than its column: the row is refused, or the text is cut without a word.",
    ),
    Switch(
        name="text_case",
        default="kept",
        choices=("kept", "upper"),
        meaning="Short texts are stored as written or in capitals.",
    ),
    Switch(
        name="code_page",
        default="unicode",
        choices=("unicode", "question_marks", "refuse"),
        meaning="Characters outside code page 1252 are kept, become question marks, or make the row refused.",
    ),
    Switch(
        name="single_record",
        default="rows",
        choices=("rows", "row"),
        meaning="LeerRegistro answers a list of one row, or the row itself.",
    ),
    Switch(
        name="new_year",
        default="copied",
        choices=("copied", "empty"),
        meaning="A year that a person opens starts with the clients of the year before, or with none.",
    ),
    Switch(
        name="closed_year",
        default="read_only",
        choices=("read_only", "KO", "BDNoExiste"),
        meaning="A year that a person closed: reads work and writes get KO, everything gets KO, or BDNoExiste.",
    ),
    Switch(
        name="filter_functions",
        default="upper",
        choices=("upper", "all"),
        meaning="Functions that filtro may use: UPPER alone, or all that a query may use.",
    ),
    Switch(name="most_rows", default=0, meaning="Rows above which a read answers KO; 0 for no limit."),
    Switch(name="logins_per_minute", default=0, meaning="Logins above which they fail; 0 for no limit."),
    Switch(name="says_mensaje", default=False, meaning="A failure has a text in mensaje beside its word."),
    Switch(
        name="requests_per_second",
        default=0,
        meaning="Requests per account and second above which 429 is answered; 0 for no limit.",
    ),
)
