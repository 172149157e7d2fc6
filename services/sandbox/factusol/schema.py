"""Factusol's tables as the desktop program's schema names them: column, type and length, in order.

The naming rule is that a column ends in the letters of its table; it does not let anybody guess a column.
"""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["int", "small", "money", "text", "long", "time"]

NO_TIME = "1900-01-01 00:00:00"
"""The program's null date, in the form in which the database keeps times."""
INTS = {"int": 2**31, "small": 2**15}
_KINDS: dict[str, Kind] = {"i": "int", "s": "small", "m": "money", "l": "long", "d": "time"}
_SQL = {
    "int": "INTEGER NOT NULL DEFAULT 0",
    "small": "INTEGER NOT NULL DEFAULT 0",
    "money": "REAL NOT NULL DEFAULT 0",
    "text": "TEXT COLLATE TEXTO NOT NULL DEFAULT ''",
    "long": "TEXT COLLATE TEXTO NOT NULL DEFAULT ''",
    "time": f"TEXT COLLATE FECHA NOT NULL DEFAULT '{NO_TIME}'",
}
_DATA_TYPES = {
    "int": "int",
    "small": "smallint",
    "money": "money",
    "text": "nvarchar",
    "long": "ntext",
    "time": "datetime",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    name: str
    kind: Kind
    length: int | None = None
    """Characters that a text holds; None for long texts and everything else."""
    default: str | int | None = None

    @property
    def sql(self) -> str:
        declared = _SQL[self.kind]
        if self.default is None:
            return f"{self.name} {declared}"
        return f"{self.name} {declared.partition(' DEFAULT ')[0]} DEFAULT {self.default!r}"

    @property
    def blank(self) -> str | int:
        """What stands in a row that says nothing."""
        if self.default is not None:
            return self.default
        return {"text": "", "long": "", "time": NO_TIME}.get(self.kind, 0)

    @property
    def data_type(self) -> str:
        return _DATA_TYPES[self.kind]


@dataclass(frozen=True, kw_only=True)
class Table:
    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def sql(self) -> str:
        columns = [column.sql for column in self.columns]
        if len(self.key) == 1 and self.column(self.key[0]).kind == "int":
            columns[self.names.index(self.key[0])] = f"{self.key[0]} INTEGER PRIMARY KEY"
        else:
            columns.append(f"PRIMARY KEY ({', '.join(self.key)})")
        return f"CREATE TABLE {self.name} ({', '.join(columns)})"

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _columns(text: str) -> tuple[Column, ...]:
    """`NIFCLI:18 COD:i NO1..5:50` -> columns; a range stands before the table's three letters."""
    found = []
    for word in text.split():
        name, _, rest = word.partition(":")
        kind, _, default = rest.partition("=")
        numbered = re.fullmatch(r"(\w+?)(\d)\.\.(\d+)(\w{3})", name)
        names = [name]
        if numbered:
            stem, first, last, table = numbered.groups()
            names = [f"{stem}{n}{table}" for n in range(int(first), int(last) + 1)]
        for each in names:
            number = kind.isdigit()
            value = int(default) if default.isdigit() else default or None
            found.append(
                Column(
                    name=each,
                    kind="text" if number else _KINDS[kind],
                    length=int(kind) if number else None,
                    default=value,
                )
            )
    return tuple(found)


NEWER = ("HALCLI", "UALCLI", "HUMCLI", "UUMCLI", "FBACLI")
"""Columns that only recent versions of the program have."""
EXTRA = _columns("XFECLI:d XVFCLI:20 XRGCLI:i")
"""Columns that nobody has heard of yet."""

F_CLI = Table(
    name="F_CLI",
    key=("CODCLI",),
    columns=_columns(
        """CODCLI:i CCOCLI:i NIFCLI:18 NOFCLI:100 NOCCLI:100 DOMCLI:100 POBCLI:30 CPOCLI:10 PROCLI:40 TELCLI:50
        FAXCLI:25 PCOCLI:50 AGECLI:i BANCLI:40 ENTCLI:4 OFICLI:4 DCOCLI:2 CUECLI:10 FPACLI:3 FINCLI:m PPACLI:m
        TARCLI:i DP1..3CLI:i TCLCLI:3 DT1..3CLI:m TESCLI:i CPRCLI:10 TPOCLI:i PORCLI:30 IVACLI:s TIVCLI:s REQCLI:s
        FALCLI:d EMACLI:255 WEBCLI:60 MEMCLI:l OBSCLI:l HORCLI:30 VDECLI:5 VHACLI:5 CRFCLI:s NVCCLI:s NFCCLI:s
        NICCLI:s MONCLI:i PAICLI:50 DOCCLI:i DBACLI:50 PBACLI:50 SWFCLI:50 CO1..12CLI:l IM1..12CLI:m RUTCLI:3
        GIRCLI:50 CUWCLI:50 CAWCLI:15 SUWCLI:s MEWCLI:255 ESTCLI:i AR1..12CLI:13 FELCLI:i TRACLI:i NCFCLI:s
        FNACLI:d FOTCLI:255 SKYCLI:60 NO1..5CLI:50 TF1..5CLI:50 EM1..5CLI:60 RETCLI:i CAMCLI:s MNPCLI:i IFICLI:i
        IMPCLI:s NCACLI:s CASCLI:255 EMOCLI:i PRECLI:i DTCCLI:s MUTCLI:s MOVCLI:50 MRECLI:35 ME1..12CLI:i
        SWICLI:11 CPFCLI:15 TWICLI:255 FCBCLI:255 ITGCLI:255 PRACLI:30 BTRCLI:i CFECLI:i COPCLI:i A1KCLI:i
        EPETCLI:13 ERECCLI:13 ECLICLI:13 EPAGCLI:13 FAVCLI:1=N NMCCLI:75 MDFCLI:i MDACLI:i FEFCLI:i RESCLI:200
        RFICLI:i TRECLI:i RCCCLI:i IEUCLI:i CVICLI:i ONACLI:i CROCLI:20 PGCCLI:3 DECCLI:i SDCCLI:i CTMCLI:i
        MFECLI:i ATVCLI:i=1 APDCLI:s PECCLI:s ACTCLI:4 ECOCLI:60 ECNCLI:60 EADCLI:60
        ACO1..4CLI:20 ADO1..4CLI:100 ACP1..4CLI:10 APO1..4CLI:30 APR1..4CLI:40 APA1..4CLI:50
        FUMCLI:d HALCLI:d UALCLI:i HUMCLI:d UUMCLI:i FBACLI:d"""
    ),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        F_CLI,
        Table(
            name="F_ART",
            key=("CODART",),
            columns=_columns(
                "CODART:13 EANART:50 EQUART:18 CCOART:i FAMART:3 DESART:50 DLAART:l TIVART:s PCOART:m STOART:s "
                "DSCART:s FUMART:d"
            ),
        ),
        Table(name="F_LTA", key=("TARLTA", "ARTLTA"), columns=_columns("TARLTA:i ARTLTA:13 PRELTA:m MARLTA:m")),
        Table(name="F_TAR", key=("CODTAR",), columns=_columns("CODTAR:i DESTAR:50 IVATAR:s")),
        Table(
            name="F_STO",
            key=("ARTSTO", "ALMSTO"),
            columns=_columns("ARTSTO:13 ALMSTO:3 MINSTO:m MAXSTO:m ACTSTO:m DISSTO:m UBISTO:30"),
        ),
        Table(
            name="F_FAC",
            key=("TIPFAC", "CODFAC"),
            columns=_columns(
                "TIPFAC:1 CODFAC:i REFFAC:50 FECFAC:d ESTFAC:i ALMFAC:3 CLIFAC:i CNOFAC:100 CDOFAC:100 CPOFAC:30 "
                "CCPFAC:10 CPRFAC:40 CNIFAC:18 TELFAC:50 CEMFAC:255 CPAFAC:50 NET1..4FAC:m BAS1..4FAC:m "
                "PIVA1..4FAC:m IIVA1..4FAC:m TOTFAC:m FOPFAC:3 PEDFAC:50 HORFAC:d FUMFAC:d USUFAC:i USMFAC:i"
            ),
        ),
        Table(
            name="F_LFA",
            key=("TIPLFA", "CODLFA", "POSLFA"),
            columns=_columns(
                "TIPLFA:1 CODLFA:i POSLFA:i ARTLFA:13 DESLFA:l CANLFA:m DT1..3LFA:m PRELFA:m TOTLFA:m IVALFA:s "
                "DOCLFA:1 DTPLFA:1 DCOLFA:i EJELFA:4"
            ),
        ),
        Table(name="F_FPA", key=("CODFPA",), columns=_columns("CODFPA:3 DESFPA:40")),
        Table(name="F_AGE", key=("CODAGE",), columns=_columns("CODAGE:i NOMAGE:50")),
        Table(name="F_EMP", key=("CODEMP",), columns=_columns("CODEMP:3 NIFEMP:18 DENEMP:100")),
    )
}


def visible(table: Table, version: str) -> tuple[Column, ...]:
    """The columns that an installation of this `version` has: current, older or extra."""
    if table.name != "F_CLI" or version == "current":
        return table.columns
    if version == "older":
        return tuple(column for column in table.columns if column.name not in NEWER)
    return (*table.columns, *EXTRA)
