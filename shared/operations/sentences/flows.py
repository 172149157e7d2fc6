"""What flows and the runtime say of a change, with its Spanish. See the package for the gaps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_SETTLED: Final = {
    "A person decided that this record stays alone.": "Una persona decidió que esta ficha se queda sola.",
    "An emptied field does not empty the other side.": "Un campo que se vacía no vacía el otro lado.",
    "Both records were there and agree.": "Las dos fichas existían y coinciden.",
    "Both sides agree.": "Los dos lados coinciden.",
    "Both sides agree; nothing would be written.": "Los dos lados coinciden; no se escribiría nada.",
    "Documents go one way.": "Los documentos van en un solo sentido.",
    "It has no counterpart yet: it would be matched, or made.": (
        "Todavía no tiene contraparte: se buscaría o se crearía."
    ),
    "It is not made there yet: {wanted}.": "Todavía no se crea allí: {wanted}.",
    "It is not there.": "No está.",
    "It was made by us and deleted before that was noted; it is not made again.": (
        "La creamos nosotros y se borró antes de anotarlo; no se crea de nuevo."
    ),
    "Nothing that this flow carries has changed.": "No ha cambiado nada de lo que lleva este flujo.",
    "Our own write came back.": "Ha vuelto nuestra propia escritura.",
    "The counterpart had been made before a crash or a lost answer; it was found again.": (
        "La contraparte se había creado antes de una caída o de una respuesta perdida; se ha encontrado."
    ),
    "The counterpart was made.": "Se ha creado la contraparte.",
    "The flow is in state {state}: nothing is written.": "El flujo está en estado {state}: no se escribe nada.",
    "The other record was deleted; it is not made again.": "La otra ficha se borró; no se crea de nuevo.",
    "The pair is {state}.": "Estado de la pareja: {state}.",
    "The pair is {state}: nothing would be written.": "Estado de la pareja: {state}; no se escribiría nada.",
    "The record is not there.": "La ficha no está.",
    "The record is still gone.": "La ficha sigue borrada.",
    "The record is there again.": "La ficha vuelve a estar.",
    "The record was deleted after its counterpart had been made, which stays.": (
        "La ficha se borró después de crear su contraparte, que se queda."
    ),
    "The record was deleted before its counterpart was made.": (
        "La ficha se borró antes de que se creara su contraparte."
    ),
    "The record was deleted; its counterpart stays and is no longer written.": (
        "La ficha se borró; su contraparte se queda y ya no se escribe."
    ),
    "Wrote {writes}.": "Escrito: {writes}.",
    "{count} fields would be written.": "Se escribirían {count} campos.",
    "{system} takes no new records of this kind.": "{system} no admite fichas nuevas de este tipo.",
    "Expenses do not become Asuntos.": "Los gastos no se convierten en Asuntos.",
    "A cancelled document does not become an Asunto.": "Un documento anulado no se convierte en Asunto.",
    "Documents of kind {kind} are not chosen to become Asuntos.": (
        "Los documentos de tipo {kind} no están elegidos para ser Asuntos."
    ),
    "Issued before the flow went live ({day}); `puente load --since` takes older ones.": (
        "Emitido antes de poner en marcha el flujo ({day}); `puente load --since` toma los anteriores."
    ),
}

_WAITING: Final = {
    "A change was told and none is shown: looked at once more.": (
        "Se avisó de un cambio y no se ve ninguno: se mirará otra vez."
    ),
    "Another write of this pair is on its way.": "Otra escritura de esta pareja está en camino.",
    "It shows the number {said}, and {other} has no such record: perhaps it was deleted there. Empty the "
    "number at {title}, or correct it; or decide that it is new or stays alone.": (
        "Muestra el número {said} y en {other} no hay tal ficha: quizá se borró allí. Vacíe el número en {title} "
        "o corríjalo; o decida que es nueva o que se queda sola."
    ),
    "Its {resource} {record} has no counterpart yet.": "Su {resource} {record} todavía no tiene contraparte.",
    "More than one record carries our reference.": "Más de una ficha lleva nuestra referencia.",
    "Put aside: this workspace changes very fast.": "Apartado: en este espacio hay muchos cambios a la vez.",
    "The counterpart is being made by another attempt.": "Otro intento está creando la contraparte.",
    "The counterpart may or may not have been made, and this vendor cannot be asked. Look there; then join the "
    "two, or retry to make it.": (
        "Puede que la contraparte se haya creado o no, y a este sistema no se le puede preguntar. Mire allí; "
        "después enlace las dos, o reinténtelo para crearla."
    ),
    "The counterpart was made moments ago and is not shown yet.": (
        "La contraparte se creó hace un momento y todavía no se muestra."
    ),
    "The field for the number was lost at {system} and is being filled again.": (
        "El campo del número se perdió en {system} y se está rellenando de nuevo."
    ),
    "The record was made moments ago and is not shown now.": (
        "La ficha se creó hace un momento y ahora no se muestra."
    ),
    "The record was made moments ago and is not shown yet.": (
        "La ficha se creó hace un momento y todavía no se muestra."
    ),
    "The same record is being carried from the other side.": "La misma ficha está llegando desde el otro lado.",
    "This pair was written {count} times in {seconds} s: something writes against us. Retry when it is clear "
    "who.": (
        "Esta pareja se ha escrito {count} veces en {seconds} s: algo escribe contra nosotros. Reinténtelo "
        "cuando se sepa quién."
    ),
    "This record is being bound by the attempt that made it.": "El intento que creó esta ficha la está enlazando.",
    "This record's number was chosen by an attempt that is making it.": (
        "El número de esta ficha lo eligió un intento que la está creando."
    ),
    "{resource} {record} is gone and {heir} has the same tax number: perhaps they were merged. Join {again} "
    "with {other}, or dismiss.": (
        "{resource} {record} ya no está y {heir} tiene el mismo NIF: quizá los han fusionado. Enlace {again} con "
        "{other}, o descártelo."
    ),
    "{resource} still shows the value from before our write.": (
        "{resource}: todavía se muestra el valor de antes de nuestra escritura."
    ),
    "{resource} {record} needs it.": "{resource} {record} la necesita.",
    "{system} has {records} with the same {fields}, and it is not certain which is meant.": (
        "{system} tiene {records}, donde coincide {fields}, y no es seguro cuál es."
    ),
    "{system} has {records} with the same {fields}, joined with another record: this may be a double. Merge "
    "the two, or decide to keep this one apart or to make it new.": (
        "{system} tiene {records}, donde coincide {fields}, y está enlazado con otra ficha: puede ser un "
        "duplicado. Fusione los dos, o decida que esta queda aparte o que se crea nueva."
    ),
    "{system} has {records} with the same name, and nothing else tells whether it is the same.": (
        "{system} tiene {records} con el mismo nombre, y nada más dice si es el mismo."
    ),
    "{system} is listed before anything is made there.": "Antes de crear nada en {system} se lista entero.",
    "{system} {record} shows the number {said}, and it is joined with {other} {ours}. Correct the number at "
    "{title}, or retry to have {again} written there again.": (
        "{system} {record} muestra el número {said}, y está enlazado con {other} {ours}. Corrija el número en "
        "{title}, o reinténtelo para que se escriba allí {again} de nuevo."
    ),
}

_RUNNING: Final = {
    "A backup was restored.": "Se restauró una copia de seguridad.",
    "A hook of kind {kind} could not be read (log position {position}). {says}": (
        "Un aviso de tipo {kind} no se pudo leer (posición {position} del registro). {says}"
    ),
    "Another process changed this pair first.": "Otro proceso cambió antes esta pareja.",
    "Another process changed this sweep first.": "Otro proceso cambió antes esta consulta.",
    "Another process looked after the alerts first.": "Otro proceso atendió antes las alertas.",
    "Another process saved the same thing first.": "Otro proceso guardó antes lo mismo.",
    "Another process took this write over.": "Otro proceso se encargó de esta escritura.",
    "Another process works on this load.": "Otro proceso trabaja en esta carga.",
    "Another process works on this run.": "Otro proceso trabaja en esta repetición.",
    "It names no record that can be carried.": "No nombra ninguna ficha que se pueda llevar.",
    "Bugs in {count} workspaces within {time}.": "Errores nuestros en {count} espacios en {time}.",
    "Its body is not kept.": "Su contenido no se guarda.",
    "Our own error ({error}) in a {what}; please report it.": "Un error nuestro ({error}) en: {what}; avísenos.",
    "Our own error ({error}); please report it.": "Un error nuestro ({error}); avísenos.",
    "Our own parser fails on it ({error}); please report it.": "Nuestro lector falla con él ({error}); avísenos.",
    "Read again, and still not readable: {says}": "Se leyó otra vez y sigue ilegible: {says}",
    "Somebody asked for this message. Nothing is wrong.": "Alguien pidió este mensaje. No pasa nada.",
    "The attempt took longer than an attempt may take.": "El intento tardó más de lo permitido.",
    "The flow is not there any more.": "El flujo ya no existe.",
    "The flow is paused: {says}": "El flujo está en pausa: {says}",
    "The record was bound meanwhile.": "La ficha se ha enlazado entretanto.",
    "The report was made anew meanwhile.": "Entretanto se ha hecho un informe nuevo.",
    "The run moves too fast to be changed.": "La repetición avanza demasiado deprisa para cambiarla.",
    "The time for this write was over before it was sent.": (
        "El plazo de esta escritura terminó antes de enviarla."
    ),
    "There is no finding {finding}.": "No existe el resultado {finding}.",
    "There is no report of this flow that waits for approval.": (
        "Este flujo no tiene ningún informe pendiente de aprobar."
    ),
    "This version can read it: `puente waiting retry` takes it.": (
        "Esta versión puede leerlo: `puente waiting retry` lo toma."
    ),
    "Joining needs the id of the record to join with, and nothing else does.": (
        "Para enlazar hace falta el número de la otra ficha, y para nada más."
    ),
    "Other processes keep changing this pair.": "Otros procesos no dejan de cambiar esta pareja.",
    "Other programs keep taking the ids that are chosen.": "Otros programas ocupan siempre los números elegidos.",
    "it answers {status}.": "responde {status}.",
    "it did not answer in time, or broke the connection.": "no respondió a tiempo o cortó la conexión.",
    "{count} of our own errors in a row; look at `puente waiting list`.": (
        "{count} errores nuestros seguidos; mire `puente waiting list`."
    ),
    "{count} of the last {total} changes were rejected.": "Se rechazaron {count} de los últimos {total} cambios.",
    "{many} of {known} known {resource} were missing from a listing: nothing was marked gone. If they were "
    "really deleted, resume the flow; else look at the account's rights.": (
        "En una consulta faltaban {many} de {known} fichas conocidas ({resource}): ninguna se ha dado por "
        "borrada. Si se borraron de verdad, reanude el flujo; si no, mire los permisos de la cuenta."
    ),
    "{record} was joined with {other} already. Decide that one anew first.": (
        "{record} ya se enlazó con {other}. Decida antes esa de nuevo."
    ),
}

_MATCHED: Final = {
    "A record shows its number, but contradicts it in a strong key.": (
        "Una ficha muestra su número, pero lo contradice en un dato fuerte."
    ),
    "A record shows its number, but it is joined with another one.": (
        "Una ficha muestra su número, pero está enlazada con otra."
    ),
    "It shows a number that the other side has not got.": "Muestra un número que el otro lado no tiene.",
    "It shows its number.": "Muestra su número.",
    "It was made by us from this record.": "La creamos nosotros a partir de esta ficha.",
    "Only the name is the same.": "Solo coincide el nombre.",
    "Several have the same link.": "Varios tienen el mismo enlace.",
    "Several records of this side have the same {fields}.": "En varias fichas de este lado coincide {fields}.",
    "The same link.": "El mismo enlace.",
    "The same {fields}, but another {others}.": "Coincide {fields}, pero no {others}.",
    "The same {fields}, but it is joined with another record.": (
        "Coincide {fields}, pero está enlazada con otra ficha."
    ),
    "The same {fields}.": "Coincide {fields}.",
    "{count} records have the same {fields}.": "En {count} fichas coincide {fields}.",
    "{count} records show its number.": "{count} fichas muestran su número.",
}

_STORE_AND_KEYS: Final = {
    "Sealed data cannot be opened: the key is missing or the data was changed.": (
        "Los datos sellados no se pueden abrir: falta la clave o se han cambiado."
    ),
    "The log key {key} is not among PUENTE_LOG_KEYS.": "La clave {key} no está en PUENTE_LOG_KEYS.",
    "The passphrase does not open the keys.": "La contraseña no abre las claves.",
    "The store cannot be reached ({error}).": "No se llega a la base de datos ({error}).",
    "The store has no room left.": "A la base de datos no le queda espacio.",
    "The store key {key} is not among PUENTE_STORE_KEYS.": "La clave {key} no está en PUENTE_STORE_KEYS.",
    "{host} answers {answer}.": "{host} responde {answer}.",
    "{host} cannot be reached ({error}).": "No se llega a {host} ({error}).",
    "{host} does not accept the login.": "{host} no acepta el acceso.",
    "{host} does not offer what PUENTE_ALERT_SMTP asks of it.": "{host} no ofrece lo que pide PUENTE_ALERT_SMTP.",
    "{host} refuses the recipients ({error}).": "{host} rechaza a los destinatarios ({error}).",
}

MESSAGES: Final[Mapping[str, str]] = _SETTLED | _WAITING | _RUNNING | _MATCHED | _STORE_AND_KEYS

TAILS: Final[Mapping[str, str]] = {
    "Add the old key behind the current one.": "Añada la clave antigua detrás de la actual.",
    "Check that every key that was ever current is still in the key settings.": (
        "Compruebe que todas las claves que han sido la actual siguen en los ajustes de claves."
    ),
    "Check that the database of PUENTE_STORE_URL runs and accepts connections.": (
        "Compruebe que la base de datos de PUENTE_STORE_URL funciona y acepta conexiones."
    ),
    "Free some space on its disk; nothing has to be restarted.": (
        "Libere espacio en su disco; no hace falta reiniciar nada."
    ),
    "Give the passphrase that the backup was made with.": "Dé la contraseña con la que se hizo la copia.",
    "Look at PUENTE_ALERT_SMTP_USER and PUENTE_ALERT_SMTP_PASSWORD_FILE.": (
        "Mire PUENTE_ALERT_SMTP_USER y PUENTE_ALERT_SMTP_PASSWORD_FILE."
    ),
    "Nothing is made on the other side until the whole list can be read.": (
        "En el otro lado no se crea nada hasta que se pueda leer la lista entera."
    ),
    "Puente does not go live beside it: records would be doubled.": (
        "Puente no se pone en marcha a su lado: las fichas se duplicarían."
    ),
    "Or insist with --insist.": "O insista con --insist.",
    "Switch it off.": "Apáguela.",
    "Try again.": "Inténtelo otra vez.",
    "smtps:// is TLS from the start, smtp:// is STARTTLS; logging in needs either.": (
        "smtps:// es TLS desde el principio, smtp:// es STARTTLS; para entrar hace falta uno de los dos."
    ),
    "{field}: carried as it stands, but it is no valid tax number; correct it in either system.": (
        "{field}: se lleva tal cual, pero no es un NIF válido; corríjalo en cualquiera de los dos sistemas."
    ),
    "{field}: carried as text, no number can be read in it; correct it in either system.": (
        "{field}: se lleva como texto, no se lee ningún número; corríjalo en cualquiera de los dos sistemas."
    ),
}

# Half sentences: for the gap {wanted}, why something is not made yet; and why a field is written or left alone.
HALVES: Final[Mapping[str, str]] = {
    "it has no name": "no tiene nombre",
    "it has neither the status nor the tag of a client": "no tiene ni el estado ni la etiqueta de un cliente",
    "it has no tax number": "no tiene NIF",
    "its tax number is not valid": "su NIF no es válido",
    "edited at the source": "editado en el origen",
    "edited on both sides": "editado en los dos lados",
    "empty on the other side": "vacío en el otro lado",
    "differs, no base: the winner's value stands": "es distinto y no hay base: vale el del lado que gana",
    "emptied at the source, kept at the other side": "vaciado en el origen, se conserva en el otro lado",
    "shows the value before our write": "muestra el valor de antes de nuestra escritura",
    "the number of the other record": "el número de la otra ficha",
    "what it would be made with": "con lo que se crearía",
    "not carried with these accounts": "no se lleva con estas cuentas",
}
