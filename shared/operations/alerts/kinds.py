"""The kinds of alerts: what is said of each, the command that helps, and the page of the console.

Sentences are filled in from the facts of an alert: ids, counts and reasons. Each kind has its section in
`deploy/runbook.md`, under `### alert` and its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from shared.model.text import Text
from shared.store.rows import Reason

AlertKind = Literal[
    "needs-person",
    "bug",
    "account-refused",
    "flow-paused",
    "changes-old",
    "lag-old",
    "lag-stalled",
    "sync-gone",
    "sweep-failing",
    "load-failing",
    "hooks-mended",
    "hooks-failing",
    "hooks-held",
    "hooks-silent",
    "door-gap",
    "field-lost",
    "log-away",
    "store-away",
    "canary-lost",
    "channel-failing",
]

_AT_ONCE: Final = timedelta(0)
_LASTING: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`command` and `page` are templates too; `hold` is how long it must last before it is told."""

    title: Text
    says: Text
    command: str
    page: str
    hold: timedelta = _AT_ONCE


KINDS: Final[Mapping[AlertKind, Kind]] = {
    "needs-person": Kind(
        title=Text(en="Records need a person", es="Hay registros que necesitan a una persona"),
        says=Text(
            en="{count} of {flow} ({reason}): {reason_en}",
            es="{count} de {flow} ({reason}): {reason_es}",
        ),
        command="puente waiting list {workspace} --person",
        page="/w/{workspace}/waiting",
    ),
    "bug": Kind(
        title=Text(en="An error of Puente's own", es="Un error del propio Puente"),
        says=Text(
            en="{count} changes of {flow} met an error of ours and are put aside; everything else goes on.",
            es="{count} cambios de {flow} dieron con un error nuestro y están apartados; lo demás continúa.",
        ),
        command="puente waiting list {workspace} --reason bug",
        page="/w/{workspace}/waiting",
    ),
    "account-refused": Kind(
        title=Text(en="A system refuses the login", es="Un sistema rechaza el acceso"),
        says=Text(
            en="{flow} is paused and its changes wait. The system says: {says}",
            es="{flow} está en pausa y sus cambios esperan. El sistema dice: {says}",
        ),
        command="puente account check {workspace}",
        page="/w/{workspace}/setup",
    ),
    "flow-paused": Kind(
        title=Text(en="A flow is paused by a failure", es="Un flujo está en pausa por un fallo"),
        says=Text(
            en="{flow} writes nothing, its changes wait. Reason: {says}",
            es="{flow} no escribe nada y sus cambios esperan. Motivo: {says}",
        ),
        command="puente waiting list {workspace}",
        page="/w/{workspace}",
    ),
    "changes-old": Kind(
        title=Text(en="Changes wait for long", es="Hay cambios que esperan demasiado"),
        says=Text(
            en="{count} changes wait since {oldest} or later ({reasons}).",
            es="{count} cambios esperan desde {oldest} o después ({reasons}).",
        ),
        command="puente lag {workspace}",
        page="/w/{workspace}/lag",
    ),
    "lag-old": Kind(
        title=Text(en="Changes are not looked at", es="Nadie mira los cambios"),
        says=Text(
            en="{count} changes of the log were not looked at yet, the oldest for {minutes} minutes.",
            es="{count} cambios del registro están sin mirar, el más antiguo desde hace {minutes} minutos.",
        ),
        command="puente lag",
        page="/lag",
    ),
    "lag-stalled": Kind(
        title=Text(en="The log stands still", es="El registro no avanza"),
        says=Text(
            en="{count} partitions are behind and settle nothing: {partitions}.",
            es="{count} particiones van con retraso y no avanzan: {partitions}.",
        ),
        command="puente lag",
        page="/lag",
        hold=timedelta(minutes=2),
    ),
    "sync-gone": Kind(
        title=Text(en="No sync works", es="Ningún proceso de sincronización trabaja"),
        says=Text(
            en="No sync process has worked since {since}. Changes are taken and kept, and none is carried.",
            es="Ningún proceso de sincronización trabaja desde {since}. Los cambios se guardan y no se llevan.",
        ),
        command="puente status",
        page="/lag",
        hold=timedelta(minutes=1),
    ),
    "sweep-failing": Kind(
        title=Text(en="A system cannot be listed", es="No se puede consultar un sistema"),
        says=Text(
            en="{list} fails at every try; lost hooks stay unnoticed meanwhile. The answer: {says}",
            es="{list} falla en cada intento; los avisos perdidos no se notan. La respuesta: {says}",
        ),
        command="puente account check {account}",
        page="/w/{workspace}",
        hold=_LASTING,
    ),
    "load-failing": Kind(
        title=Text(en="A first load does not go on", es="Una carga inicial no avanza"),
        says=Text(
            en="The load of {flow} stands: {says}",
            es="La carga de {flow} está parada: {says}",
        ),
        command="puente status {workspace}",
        page="/w/{workspace}/setup",
        hold=_LASTING,
    ),
    "hooks-mended": Kind(
        title=Text(
            en="Webhooks were off and are on again", es="Los avisos estaban apagados y vuelven a estar activos"
        ),
        says=Text(
            en="The system had switched off or removed {count} webhooks of {account} ({hooks}). They are on "
            "again, and the account is listed for what was missed.",
            es="El sistema había apagado o quitado {count} avisos de {account} ({hooks}). Vuelven a estar activos "
            "y se revisa lo perdido.",
        ),
        command="puente doctor {workspace}",
        page="/w/{workspace}",
    ),
    "hooks-failing": Kind(
        title=Text(en="Webhooks cannot be checked", es="No se pueden comprobar los avisos"),
        says=Text(
            en="The webhooks of {account} cannot be looked at or put in order: {says} Sweeps carry its changes.",
            es="Los avisos de {account} no se pueden mirar ni reparar: {says} Las consultas traen sus cambios.",
        ),
        command="puente doctor {workspace}",
        page="/w/{workspace}",
        hold=timedelta(minutes=15),
    ),
    "hooks-held": Kind(
        title=Text(en="A webhook points elsewhere", es="Un aviso apunta a otro sitio"),
        says=Text(
            en="{account}: {count} webhooks have one place each, and somebody else's address is there. Sweeps "
            "carry its changes, up to an interval later.",
            es="{account}: {count} avisos tienen un solo sitio y allí hay otra dirección. Las consultas traen "
            "sus cambios, con hasta un intervalo de retraso.",
        ),
        command="puente hooks {account}",
        page="/w/{workspace}/setup",
    ),
    "hooks-silent": Kind(
        title=Text(en="Webhooks have gone silent", es="Los avisos han callado"),
        says=Text(
            en="{account} has sent no webhook of {resource} for {hours} hours; it is rarely silent for longer "
            "than {usual}. {missed} changes were found by listing since.",
            es="{account} no envía avisos de {resource} desde hace {hours} horas; rara vez calla más de "
            "{usual}. Desde entonces se encontraron {missed} cambios al consultar.",
        ),
        command="puente doctor {workspace}",
        page="/w/{workspace}",
    ),
    "door-gap": Kind(
        title=Text(en="Webhooks were refused for a while", es="Durante un tiempo se rechazaron avisos"),
        says=Text(
            en="The door could not keep webhooks of {account} between {from} and {until}. The account is listed "
            "for what was missed.",
            es="La entrada no pudo guardar avisos de {account} entre {from} y {until}. Se revisa lo perdido.",
        ),
        command="puente status {workspace}",
        page="/w/{workspace}",
    ),
    "field-lost": Kind(
        title=Text(en="The field with the number is gone", es="Falta el campo con el número"),
        says=Text(
            en="Somebody deleted or renamed the field {field} at {account}. It is made again and is being filled; "
            "until then nothing new is made.",
            es="Alguien borró o renombró el campo {field} en {account}. Se ha creado otra vez y se está "
            "rellenando; hasta entonces no se crea nada nuevo.",
        ),
        command="puente status {workspace}",
        page="/w/{workspace}",
    ),
    "log-away": Kind(
        title=Text(en="The event log cannot be reached", es="No se llega al registro de eventos"),
        says=Text(
            en="Kafka, or the log's folder, does not answer: {says} Doors keep webhooks in their spool.",
            es="Kafka, o la carpeta del registro, no responde: {says} Las entradas guardan los avisos aparte.",
        ),
        command="puente topics",
        page="/lag",
        hold=timedelta(minutes=1),
    ),
    "store-away": Kind(
        title=Text(en="The store cannot be reached", es="No se llega a la base de datos"),
        says=Text(
            en="Nothing is written to any system until it answers: {says}",
            es="No se escribe en ningún sistema hasta que responda: {says}",
        ),
        command="puente status",
        page="/",
        hold=timedelta(minutes=1),
    ),
    "canary-lost": Kind(
        title=Text(en="The canary did not come through", es="El canario no ha llegado"),
        says=Text(
            en="A test post to our own webhook address ({system}) did not get to the store: {says_en}",
            es="Un envío de prueba a nuestra propia dirección de avisos ({system}) no llegó a la base: {says_es}",
        ),
        command="puente lag",
        page="/lag",
    ),
    "channel-failing": Kind(
        title=Text(en="Alerts cannot be delivered", es="No se pueden entregar alertas"),
        says=Text(
            en="The channel {channel} fails since {since}: {says}",
            es="El canal {channel} falla desde {since}: {says}",
        ),
        command="puente alerts test --channel {channel}",
        page="/alerts",
        hold=_LASTING,
    ),
}

# What a person is told of each reason to wait that needs one.
REASONS: Final[Mapping[Reason, Text]] = {
    "ambiguous": Text(
        en="several candidates, or only the same name.",
        es="hay varios candidatos, o solo coincide el nombre.",
    ),
    "bound elsewhere": Text(
        en="the record with the same keys is joined with another one.",
        es="el registro con las mismas claves está unido a otro.",
    ),
    "merged": Text(
        en="a client is gone and another has its tax number.",
        es="un cliente ha desaparecido y otro tiene su NIF.",
    ),
    "other id": Text(
        en="the number that it shows of its counterpart is another one's.",
        es="el número que muestra de su pareja es de otro.",
    ),
    "rejected": Text(
        en="the other system refuses the record; correct it there and try again.",
        es="el otro sistema rechaza el registro; corríjalo y vuelva a intentarlo.",
    ),
    "loop": Text(
        en="it was written five times in ten minutes: somebody else writes too.",
        es="se escribió cinco veces en diez minutos: alguien más escribe.",
    ),
    "in doubt": Text(
        en="it may have been made, and the system cannot be asked.",
        es="quizá se haya creado y no se puede preguntar al sistema.",
    ),
    "unreadable": Text(
        en="a webhook of a shape that nobody knew; a list has covered it.",
        es="un aviso con una forma desconocida; una consulta lo ha cubierto.",
    ),
    "bug": Text(en="an error of ours.", es="un error nuestro."),
}
