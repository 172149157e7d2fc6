"""What people read most, in English and Spanish. The runtime's sentences have theirs (`Cli.told`); names stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.model.text import Text


def _text(en: str, es: str) -> Text:
    return Text(en=en, es=es)


WORDS: Final[Mapping[str, Text]] = {
    "next": _text("Next: {command}", "Siguiente paso: {command}"),
    "nothing": _text("Nothing to show.", "No hay nada que mostrar."),
    "workspace added": _text("Workspace {name} is there.", "El espacio {name} está listo."),
    "checks of": _text("Checks of {account}", "Comprobaciones de {account}"),
    "account saved": _text("Account {account} is saved.", "La cuenta {account} está guardada."),
    "account not saved": _text(
        "{account} is not saved: a check failed. Mend it, or save it all the same with --force.",
        "{account} no se ha guardado: una comprobación ha fallado. Corríjalo o guárdela igualmente con --force.",
    ),
    "account changed": _text("Account {account} is changed.", "La cuenta {account} se ha cambiado."),
    "by sweeps alone": _text(
        "PUENTE_PUBLIC_URL is not set, so no system can send hooks here: sweeps alone carry the changes, one "
        "every {seconds} s.",
        "PUENTE_PUBLIC_URL no está definida y ningún sistema puede enviar avisos aquí: los cambios llegan solo "
        "por consultas periódicas, una cada {seconds} s.",
    ),
    "hooks registered": _text(
        "{count} hooks of {account} are registered.", "Hay {count} webhooks de {account} registrados."
    ),
    "hooks to paste": _text(
        "{title} has no way to register hooks from here. Paste these in its settings:",
        "{title} no permite registrar webhooks desde aquí. Péguelos en su configuración:",
    ),
    "hooks held": _text(
        "The webhook of {title} points elsewhere and is left alone: sweeps carry its changes.",
        "El webhook de {title} apunta a otro sitio y no se toca: sus cambios llegan por consultas periódicas.",
    ),
    "hooks removed": _text(
        "{count} hooks of {account} were removed.", "Se han quitado {count} webhooks de {account}."
    ),
    "sweeps carry": _text(
        "{title} sends no hooks: sweeps carry its changes.",
        "{title} no envía webhooks: sus cambios llegan por consultas periódicas.",
    ),
    "bridge added": _text("Bridge {bridge} joins {left} and {right}.", "El puente {bridge} une {left} y {right}."),
    "not carried": _text(
        "{flow} does not carry {field} with these accounts: {why}",
        "{flow} no lleva {field} con estas cuentas: {why}",
    ),
    "flow set": _text("{flow} is changed.", "{flow} se ha cambiado."),
    "flow paused": _text("{flow} is paused.", "{flow} está en pausa."),
    "flow resumed": _text("{flow} goes on as {state}.", "{flow} continúa en estado {state}."),
    "report of": _text("What {flow} would do", "Lo que haría {flow}"),
    "backup made": _text(
        "{file} is written and checked: {size} bytes.", "{file} está escrito y comprobado: {size} bytes."
    ),
    "keys apart": _text(
        "The keys are not in it. Keep {file} in another place: without it the backup cannot be opened.",
        "Las claves no están dentro. Guarde {file} en otro lugar: sin él la copia no se puede abrir.",
    ),
    "keys sealed": _text(
        "The keys are in it, sealed: without the passphrase the backup cannot be opened.",
        "Las claves están dentro, selladas: sin la contraseña la copia no se puede abrir.",
    ),
    "restored": _text(
        "The backup of {made_at} is back. Nothing is written to a system until its flows are approved and loaded. "
        "Whoever was forgotten since must be forgotten again.",
        "La copia de {made_at} está restaurada. No se escribe nada en un sistema hasta que se aprueben y carguen "
        "sus flujos. A quien se olvidó desde entonces hay que olvidarlo de nuevo.",
    ),
    "keys rotated": _text("The current keys are now: {keys}.", "Las claves actuales son ahora: {keys}."),
    "keys wrapped": _text(
        "{count} workspaces are wrapped with the current store key.",
        "{count} espacios están envueltos con la clave actual.",
    ),
    "key retired": _text("{old} is taken out of the {ring} keys.", "{old} ya no está en las claves {ring}."),
    "forgotten": _text(
        "Erased: {pairs} pairs, {attempts} attempts, {waiting} waiting changes, {keys} match keys. What hooks "
        "told leaves the log by {log}; backups from before hold it until you delete them, at the latest by "
        "{backups}.",
        "Borrado: {pairs} parejas, {attempts} intentos, {waiting} cambios en espera, {keys} claves de búsqueda. "
        "Lo que contaron los avisos deja el registro antes del {log}; las copias de seguridad anteriores lo "
        "conservan hasta que usted las borre, como muy tarde el {backups}.",
    ),
    "forgotten alone": _text(
        "{record} of {account} had no pair: if the person is in the other system too, forget that record as well.",
        "{record} de {account} no tenía pareja: si la persona está también en el otro sistema, olvide también esa "
        "ficha.",
    ),
    "not scrubbed": _text(
        "The rows are gone; the store's files may hold remains of them, since another process was in the way. "
        "Type the same command again.",
        "Las filas ya no están; los ficheros pueden guardar restos, porque otro proceso lo impidió. Repita la "
        "misma orden.",
    ),
    "approved": _text("{flow} is approved: it may be loaded.", "{flow} está aprobado: se puede cargar."),
    "decided": _text("{count} decisions are saved.", "Se han guardado {count} decisiones."),
    "load started": _text("{flow} is loading from {sides}.", "{flow} se está cargando desde {sides}."),
    "shipped link": _text(
        "The vendors' own link is on and would double what Puente makes. Switch it off, or insist with --insist.",
        "La integración propia de los proveedores está activa y duplicaría lo que hace Puente. Apáguela o insista "
        "con --insist.",
    ),
    "sweeps asked": _text("{count} sweeps are asked for.", "Se han pedido {count} consultas."),
    "quiet": _text("Quiet: both sides agree.", "En calma: ambos lados coinciden."),
    "quiet but": _text(
        "Quiet: nothing is left to do without a person.", "En calma: lo que queda necesita a una persona."
    ),
    "not quiet": _text("Not quiet yet: {what}.", "Todavía no está en calma: {what}."),
    "not yet": _text(
        "{count} records of {system} are not carried yet, and wait for that ({why}).",
        "{count} registros de {system} todavía no se llevan al otro lado y esperan ({why}).",
    ),
    "noted": _text(
        "{count} records of {account} are carried with a {field} that is not valid: {records}.",
        "{count} registros de {account} se llevan con un {field} no válido: {records}.",
    ),
    "asks person": _text(
        "{count} records need a person; `puente waiting list` shows them.",
        "{count} registros necesitan a una persona; `puente waiting list` los muestra.",
    ),
    "behind persons": _text(
        "{count} more wait for records of these.", "{count} más esperan a registros de estos."
    ),
    "flow is paused": _text("{flow} is paused: {reason}", "{flow} está en pausa: {reason}"),
    "retried": _text("{count} changes are tried again now.", "Se reintentan {count} cambios ahora."),
    "dismissed": _text("{count} changes are dismissed.", "Se han descartado {count} cambios."),
    "all well": _text("All checks passed.", "Todas las comprobaciones son correctas."),
    "not well": _text("{count} checks failed.", "{count} comprobaciones han fallado."),
    "migrated": _text("{count} migrations were applied.", "Se han aplicado {count} migraciones."),
    "up to date": _text("The store is up to date.", "La base de datos está al día."),
    "unknown record": _text("Puente knows nothing of {record}.", "Puente no sabe nada de {record}."),
    "solo runs": _text("Puente runs on {data}. Ctrl-C stops it.", "Puente funciona en {data}. Ctrl-C lo para."),
    "door at": _text("The door is at {url}", "La entrada está en {url}"),
    "console at": _text("The console is at {url}", "La consola está en {url}"),
    "canary came": _text(
        "Canary: a post to the door of {system} reached the store in {took}, {age} ago.",
        "Canario: un envío a la entrada de {system} llegó a la base en {took}, hace {age}.",
    ),
    "canary refused": _text(
        "Canary: the door of {system} did not take it: {says}",
        "Canario: la entrada de {system} no lo aceptó: {says}",
    ),
    "canary stuck": _text(
        "Canary: the door of {system} took it, and nobody has read it (partition {partition}).",
        "Canario: la entrada de {system} lo aceptó y nadie lo ha leído (partición {partition}).",
    ),
    "no alerts": _text("No alert is open.", "No hay ninguna alerta abierta."),
    "no channels": _text(
        "No channel is set, so nobody is told: see PUENTE_ALERT_SMTP, PUENTE_ALERT_WEBHOOK_URL and "
        "PUENTE_ALERT_CHAT_URL_FILE.",
        "No hay ningún canal definido y no se avisa a nadie: vea PUENTE_ALERT_SMTP, PUENTE_ALERT_WEBHOOK_URL y "
        "PUENTE_ALERT_CHAT_URL_FILE.",
    ),
    "channel fails": _text(
        "Alerts do not get out by {channel}: {says}", "Las alertas no salen por {channel}: {says}"
    ),
    "alert sent": _text("{channel}: the message was taken.", "{channel}: el mensaje fue aceptado."),
    "user added": _text("{name} may log in now.", "{name} ya puede entrar."),
    "user changed": _text("{name} is changed.", "{name} se ha cambiado."),
    "user removed": _text("{name} cannot log in any more.", "{name} ya no puede entrar."),
    "password of": _text("Password of {name} (not shown): ", "Contraseña de {name} (no se muestra): "),
    "token of": _text("API token of {title} (not shown): ", "Token de {title} (no se muestra): "),
    "base url of": _text("Address of {title}: ", "Dirección de {title}: "),
}


def say(language: str, key: str, **values: object) -> str:
    text = WORDS[key]
    return (text.es if language == "es" else text.en).format(**values)


def of(language: str, text: Text) -> str:
    return text.es if language == "es" else text.en
