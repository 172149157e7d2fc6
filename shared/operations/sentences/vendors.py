"""What connectors say of a system's answer, with its Spanish. See the package for the gaps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_WAY_THERE: Final = {
    "Something on the way answered {status}, and not the vendor's API.": (
        "Respondió {status} algo que hay en el camino, y no la API del sistema."
    ),
    "The account's base URL cannot be used.": "La dirección de la cuenta no se puede usar.",
    "The base URL cannot be read.": "La dirección no se puede leer.",
    "The base URL must be an address and nothing else.": "La dirección debe ser una dirección y nada más.",
    "The base URL must begin with https://.": "La dirección debe empezar por https://.",
    "The calls that this vendor bears per minute are used up.": (
        "Se han agotado las llamadas por minuto que admite este sistema."
    ),
    "The certificate of {host} is not valid.": "El certificado de {host} no es válido.",
    "The name {host} cannot be resolved.": "No se encuentra la dirección del nombre {host}.",
    "The vendor asks for fewer calls.": "El sistema pide menos llamadas.",
    "The vendor redirects to {host}; redirects are not followed.": (
        "El sistema redirige a {host}; las redirecciones no se siguen."
    ),
    "The vendor redirects; redirects are not followed.": (
        "El sistema redirige a otra dirección; las redirecciones no se siguen."
    ),
    "{host} answered more than we take.": "{host} respondió más de lo que aceptamos.",
    "{host} answered more than we take; the write may have happened.": (
        "{host} respondió más de lo que aceptamos; puede que se haya escrito."
    ),
    "{host} broke the connection during the call.": "{host} cortó la conexión durante la llamada.",
    "{host} broke the connection during the call; the write may have happened.": (
        "{host} cortó la conexión durante la llamada; puede que se haya escrito."
    ),
    "{host} cannot be reached.": "No se llega a {host}.",
    "{host} did not accept a connection in time.": "{host} no aceptó la conexión a tiempo.",
    "{host} did not answer within {seconds} s.": "{host} no respondió en {seconds} s.",
    "{host} did not answer within {seconds} s; the write may have happened.": (
        "{host} no respondió en {seconds} s; puede que se haya escrito."
    ),
    "{host} is not an address that this installation may call.": (
        "{host} no es una dirección a la que pueda llamar esta instalación."
    ),
}

_LOG_IN: Final = {
    "Neither version of the API answers at this address.": (
        "Ninguna de las versiones de la API responde en esta dirección."
    ),
    "Nobody has logged this account in.": "Nadie ha dado acceso a esta cuenta.",
    "The account has no usable token.": "La cuenta no tiene ninguna clave que sirva.",
    "The account's setting 'api' names a version that does not answer.": (
        "El ajuste 'api' de la cuenta nombra una versión que no responde."
    ),
    "The account's setting 'numbers' must be a range of customers' numbers.": (
        "El ajuste 'numbers' de la cuenta debe ser un rango de números de cliente."
    ),
    "The account's setting 'year' must be a year of four digits, or auto.": (
        "El ajuste 'year' de la cuenta debe ser un ejercicio de cuatro cifras, o auto."
    ),
    "The account's setting 'year_overlap' must be a number of days from 0 to 180.": (
        "El ajuste 'year_overlap' de la cuenta debe ser un número de días de 0 a 180."
    ),
    "The account's setting {name} must be a number from 1 to {most}.": (
        "El ajuste {name} de la cuenta debe ser un número de 1 a {most}."
    ),
    "The account's setting {name} must be one of {values}.": (
        "El ajuste {name} de la cuenta debe ser uno de: {values}."
    ),
    "The account's {name} cannot be used.": "El dato {name} de la cuenta no se puede usar.",
    "The vendor does not accept the key.": "El sistema no acepta la clave.",
    "The vendor gave no new token in time.": "El sistema no dio a tiempo una clave nueva.",
    "The vendor saw no key.": "El sistema no ha visto ninguna clave.",
    "The vendor shows its login page: the token is not accepted.": (
        "El sistema muestra su página de acceso: no acepta la clave."
    ),
}

_ANSWERS: Final = {
    "A deal status could not be made: {says}": "No se pudo crear un estado de los Asuntos: {says}",
    "A list of the vendor does not end.": "Una lista del sistema no termina.",
    "A part of the change was written: {says}": "Se ha escrito una parte del cambio: {says}",
    "The cursor of a listing cannot be read.": "La posición de una consulta no se puede leer.",
    "The deal's status was deleted at the vendor; it is looked up again.": (
        "El estado del Asunto se borró en el sistema; se busca de nuevo."
    ),
    "The field {name} is not {wanted}.": "El campo {name} no es {wanted}.",
    "The value cannot be searched for.": "Ese valor no se puede buscar.",
    "The vendor answered with another record than the one asked for.": (
        "El sistema respondió con otra ficha y no con la pedida."
    ),
    "The vendor answered {status}.": "El sistema respondió {status}.",
    "The vendor answered {status}: (a page instead of an answer)": (
        "El sistema respondió {status}: (una página en vez de una respuesta)"
    ),
    "The vendor answered {status}: {words}": "El sistema respondió {status}: {words}",
    "The vendor has no field for {name}.": "El sistema no tiene campo para {name}.",
    "The vendor refused a list: {words}": "El sistema rechazó una lista: {words}",
    "The vendor refused: {words}": "El sistema lo rechazó: {words}",
    "The vendor repeats the first page of a list; the rest of it cannot be read.": (
        "El sistema repite la primera página de una lista; el resto no se puede leer."
    ),
    "The vendor's answer cannot be read; the write may have happened.": (
        "La respuesta del sistema no se puede leer; puede que se haya escrito."
    ),
    "The vendor's answer is not the JSON that it should be.": (
        "La respuesta del sistema no es el JSON que debería."
    ),
    "The vendor's answer is not the list that it should be.": (
        "La respuesta del sistema no es la lista que debería."
    ),
    "The vendor's answer is not the record that it should be.": (
        "La respuesta del sistema no es la ficha que debería."
    ),
    "The vendor's answer is not the webhook that it should be.": (
        "La respuesta del sistema no es el webhook que debería."
    ),
    "The vendor's answer to a create holds no id; the record may have been made.": (
        "Al crear, la respuesta del sistema no trae número; puede que la ficha se haya creado."
    ),
    "The vendor's answer to a write names another record.": (
        "Al escribir, la respuesta del sistema nombra otra ficha."
    ),
    "The vendor's list does not show custom fields: nothing can be looked up.": (
        "La lista del sistema no muestra los campos personalizados: no se puede buscar nada."
    ),
    "Written, and not read back: {says}": "Escrito, y no se ha podido leer después: {says}",
    "Written, and not shown yet.": "Escrito, y todavía no se muestra.",
    "{resource} cannot be searched by {field}.": "{resource}: no se puede buscar por {field}.",
    "{system} gets no field of ours for {name}.": "{system} no recibe ningún campo nuestro para {name}.",
    "{system} has no hook kind {kind}.": "{system} no tiene avisos de tipo {kind}.",
    "{system} numbers its records itself.": "{system} numera sus fichas por sí mismo.",
    "{system} offers no API for hooks on this account.": "{system} no ofrece API de avisos en esta cuenta.",
}

_BODIES: Final = {
    "The body gives a key more than once.": "El contenido da un nombre más de una vez.",
    "The body gives {name} more than once.": "El contenido da {name} más de una vez.",
    "The body is about another entity than its slot.": "El contenido trata de otra cosa que su webhook.",
    "The body is empty.": "El contenido está vacío.",
    "The body is nested deeper than {count} levels.": "El contenido tiene más de {count} niveles.",
    "The body is not JSON.": "El contenido no es JSON.",
    "The body is not UTF-8.": "El contenido no es UTF-8.",
    "The body is not a JSON object.": "El contenido no es un objeto JSON.",
    "The body is not an object.": "El contenido no es un objeto.",
    "The body names no record.": "El contenido no nombra ninguna ficha.",
    "{name} holds no id of the sender.": "{name} no trae el número de quien lo envía.",
    "{name} is no record id.": "{name} no es un número de ficha.",
    "{name} is not an object.": "{name} no es un objeto.",
}

_CLIENTIFY: Final = {
    "A setting of the account of Clientify cannot be read: api is auto, v1 or v2, websites is yes or no.": (
        "Un ajuste de la cuenta de Clientify no se entiende: api es auto, v1 o v2; websites es yes o no."
    ),
    "The setting websites=no of the account of Clientify leaves web sites out.": (
        "El ajuste websites=no de la cuenta de Clientify deja fuera las webs."
    ),
    "Version 2 of Clientify's API has no known call for the web sites of contacts: they are not carried.": (
        "La versión 2 de la API de Clientify no tiene ninguna llamada conocida para las webs de los contactos: "
        "no se llevan."
    ),
    "Which version of its API the account of Clientify has is not known yet: check the account.": (
        "Aún no se sabe qué versión de la API tiene la cuenta de Clientify: compruebe la cuenta."
    ),
    "Clientify does not let us make the custom field {name} (status {status}).": (
        "Clientify no permite crear el campo personalizado {name} (estado {status})."
    ),
    "Clientify refuses a second contact with this {field}: the first one is looked at again.": (
        "Clientify rechaza un segundo contacto con el mismo dato ({field}): se mira otra vez el primero."
    ),
    "Clientify takes the change and does not keep it.": "Clientify acepta el cambio y no lo guarda.",
    "The contact was changed meanwhile: it is read again.": "El contacto cambió entretanto: se lee de nuevo.",
    "The custom field {name} is gone from Clientify.": "El campo personalizado {name} ya no está en Clientify.",
    "The custom field {name} is of type {type} and not text.": (
        "El campo personalizado {name} es de tipo {type} y no de texto."
    ),
    "The webhook slot is free again: it is registered anew.": (
        "El webhook vuelve a estar libre: se registra de nuevo."
    ),
    "The webhook slot of {slot} is held by somebody else: it is left alone.": (
        "El webhook de {slot} lo usa otro: no se toca."
    ),
    "The webhook slot of {slot} is held by {holder}: it is left alone.": (
        "El webhook de {slot} lo usa {holder}: no se toca."
    ),
    "The vendors' own link is on: {count} webhooks point at Sugester.": (
        "La integración propia de los proveedores está activa: {count} webhooks apuntan a Sugester."
    ),
    "There is no custom field {name}.": "No hay campo personalizado {name}.",
}

_FACTUSOL: Final = {
    "A row of Factusol's answer is not the list of columns that it should be.": (
        "Una fila de la respuesta de Factusol no es la lista de columnas que debería."
    ),
    "Factusol accepts the login and refuses the call: its rights do not reach.": (
        "Factusol acepta el acceso y rechaza la llamada: sus permisos no bastan."
    ),
    "Factusol answered a login without a token.": "Factusol respondió al acceso sin dar una clave.",
    "Factusol answered with another customer than the one asked for.": (
        "Factusol respondió con otro cliente y no con el pedido."
    ),
    "Factusol answered {word}.": "Factusol respondió {word}.",
    "Factusol answers KO for the year {year}.": "Factusol responde KO en el ejercicio {year}.",
    "Factusol answers KO to a write in the year {year}; it may have happened.": (
        "Factusol responde KO a una escritura en el ejercicio {year}; puede que se haya escrito."
    ),
    "Factusol counted nothing in {year}: perhaps it did not understand, so that nothing counts as missing.": (
        "Factusol no contó nada en {year}: quizá no entendió la pregunta, así que nada se da por borrado."
    ),
    "Factusol counts a customer and does not show it.": "Factusol cuenta un cliente y no lo muestra.",
    "Factusol does not accept the login ({word}).": "Factusol no acepta el acceso ({word}).",
    "Factusol does not say which number is the highest in {year}.": (
        "Factusol no dice cuál es el número más alto en {year}."
    ),
    "Factusol finds nothing and counts some.": "Factusol no encuentra nada y cuenta algunos.",
    "Factusol gets no field of ours for {name}.": "Factusol no recibe ningún campo nuestro para {name}.",
    "Factusol has no database for the year {year}.": "Factusol no tiene base de datos del ejercicio {year}.",
    "Factusol lists no changes and counts some.": "Factusol no lista cambios y cuenta algunos.",
    "Factusol lists nothing after number {number} and counts some.": (
        "Factusol no lista nada después del número {number} y cuenta algunos."
    ),
    "Factusol names a column in a form that is not known.": (
        "Factusol nombra una columna de una forma desconocida."
    ),
    "Factusol refused the row ({word}).": "Factusol rechazó la fila ({word}).",
    "Factusol refuses the login for now (KO).": "Factusol rechaza el acceso por ahora (KO).",
    "Factusol says that a number is taken and shows nobody who has it.": (
        "Factusol dice que un número está ocupado y no muestra quién lo tiene."
    ),
    "Factusol sends no hooks.": "Factusol no envía avisos.",
    "Factusol sends no hooks; sweeps carry its changes.": (
        "Factusol no envía avisos; sus cambios llegan por consultas periódicas."
    ),
    "Factusol's answer is not the list of rows that it should be.": (
        "La respuesta de Factusol no es la lista de filas que debería."
    ),
    "Factusol's table of customers of {year} has no {column}.": (
        "La tabla de clientes de Factusol de {year} no tiene {column}."
    ),
    "Factusol's token ran out before the call arrived.": (
        "La clave de Factusol caducó antes de que llegara la llamada."
    ),
    "The customer's number {number} was taken by another writer.": (
        "Otro programa ha ocupado el número de cliente {number}."
    ),
    "The customers' numbers from {low} to {high} are used up.": (
        "Se han agotado los números de cliente del {low} al {high}."
    ),
    "This is no customer's number.": "Eso no es un número de cliente.",
    "{year} holds {count} customers; {before} held {known} and does not answer.": (
        "{year} tiene {count} clientes; {before} tenía {known} y no responde."
    ),
}

MESSAGES: Final[Mapping[str, str]] = _WAY_THERE | _LOG_IN | _ANSWERS | _BODIES | _CLIENTIFY | _FACTUSOL

TAILS: Final[Mapping[str, str]] = {
    "The write may have happened.": "Puede que se haya escrito.",
    "Add the account's token again.": "Añada otra vez la clave de la cuenta.",
    "Carry the customers over in Factusol, or set the account's `year` to {year}.": (
        "Traspase los clientes en Factusol, o ponga el ajuste `year` de la cuenta en {year}."
    ),
    "Check the account's API key.": "Compruebe la clave de API de la cuenta.",
    "Check the account's base URL.": "Compruebe la dirección de la cuenta.",
    "Check the account's manufacturer, client, database and password with `puente account check`.": (
        "Compruebe fabricante, cliente, base de datos y contraseña de la cuenta con `puente account check`."
    ),
    "Check the account's plan and rights.": "Compruebe el plan y los permisos de la cuenta.",
    "Check the account's rights, plan and base URL.": (
        "Compruebe los permisos, el plan y la dirección de la cuenta."
    ),
    "Check the account's token.": "Compruebe la clave de la cuenta.",
    "Check the base URL.": "Compruebe la dirección.",
    "Clientify: Ajustes > Campos personalizados: give the present field {name} another name, or choose another "
    "one for ours with the account's setting id_field; then run the check again.": (
        "Clientify: Ajustes > Campos personalizados: cambie el nombre del campo {name} que hay, o elija otro "
        "para el nuestro con el ajuste id_field de la cuenta; después repita la comprobación."
    ),
    "Clientify: Ajustes > Campos personalizados: make a field of contacts, of type Texto, named {name}; then "
    "run the check again.": (
        "Clientify: Ajustes > Campos personalizados: cree un campo de contactos, de tipo Texto, llamado {name}; "
        "después repita la comprobación."
    ),
    "Correct the setting.": "Corrija el ajuste.",
    "Factusol does not say which value it is: look for one that is too long or of an odd form.": (
        "Factusol no dice qué valor es: busque uno demasiado largo o con una forma rara."
    ),
    "Give manufacturer, client, database and password again, or one key MANUFACTURER:CLIENT:DATABASE:PASSWORD.": (
        "Dé otra vez fabricante, cliente, base de datos y contraseña, o una sola clave "
        "FABRICANTE:CLIENTE:BASE:CONTRASEÑA."
    ),
    "Give the account a wider range in its setting 'numbers'.": (
        "Dé a la cuenta un rango más amplio en su ajuste 'numbers'."
    ),
    "Give the address as the vendor shows it, like https://name.vendor.com.": (
        "Escriba la dirección como la muestra el sistema, por ejemplo https://nombre.sistema.com."
    ),
    "If both are meant, merge them, or change one of the two.": (
        "Si los dos son el mismo, fusiónelos; si no, cambie uno de los dos."
    ),
    "If it is meant, add its network to PUENTE_OUTGOING_ALLOW.": (
        "Si es la correcta, añada su red a PUENTE_OUTGOING_ALLOW."
    ),
    "If the year is closed, open the next one in Factusol.": (
        "Si el ejercicio está cerrado, abra el siguiente en Factusol."
    ),
    "It is made again and filled; if it cannot be made, `puente account check` says why.": (
        "Se crea de nuevo y se rellena; si no se puede crear, `puente account check` dice por qué."
    ),
    "Leave it out for Clientify's own.": "Déjela vacía para usar la de Clientify.",
    "Log in at the vendor again.": "Vuelva a dar acceso en el sistema.",
    "Look at the contact in Clientify; then retry it.": "Mire el contacto en Clientify; después reinténtelo.",
    "Mend the record at the vendor, then retry it.": "Corrija la ficha en el sistema y reinténtelo.",
    "Open the year in Factusol, or set the account's `year` to one that is there.": (
        "Abra el ejercicio en Factusol, o ponga el ajuste `year` de la cuenta en uno que exista."
    ),
    "Open the year in Factusol, or set the account's `year` to {year}.": (
        "Abra el ejercicio en Factusol, o ponga el ajuste `year` de la cuenta en {year}."
    ),
    "Run the account's hook registration again, or see BitFactura: Ajustes > Ajustes de cuenta > Integración > "
    "Webhooks (Sincronización).": (
        "Registre de nuevo los webhooks de la cuenta, o vea BitFactura: Ajustes > Ajustes de cuenta > "
        "Integración > Webhooks (Sincronización)."
    ),
    "Sugester may send none: sweeps carry it. Where your account has webhooks, set hooks_api to yes.": (
        "Puede que Sugester no los envíe: bastan los barridos. Si su cuenta los tiene, ponga hooks_api a yes."
    ),
    "Switch it off in BitFactura: Ajustes > Ajustes de cuenta > Integración > Webhooks, the rows that point at "
    "Sugester; and in Sugester: Ajustes > Ajustes de cuenta > Integración > Integración con BitFactura.": (
        "Desactívela en BitFactura: Ajustes > Ajustes de cuenta > Integración > Webhooks, las filas que apuntan "
        "a Sugester; y en Sugester: Ajustes > Ajustes de cuenta > Integración > Integración con BitFactura."
    ),
    "Sweeps carry the changes meanwhile. Clientify: Ajustes > Integraciones > Webhooks: free the slot of "
    "contacts, then register ours with `puente hooks ACCOUNT --register`.": (
        "Mientras tanto los cambios llegan por consultas periódicas. Clientify: Ajustes > Integraciones > "
        "Webhooks: libere el de contactos y registre el nuestro con `puente hooks CUENTA --register`."
    ),
    "Write the web site with https:// in front, or set websites=no on the account.": (
        "Escriba la web con https:// delante, o ponga websites=no en la cuenta."
    ),
    "Write it as 500000-599999, or leave it out for the highest number plus one.": (
        "Escríbalo como 500000-599999, o déjelo vacío para usar el número más alto más uno."
    ),
}

# Half sentences, for the gap {wanted}: what a field should be.
HALVES: Final[Mapping[str, str]] = {
    "a customer's number": "un número de cliente",
    "a date": "una fecha",
    "a known status": "un estado conocido",
    "a list": "una lista",
    "a list of objects": "una lista de objetos",
    "a record id": "un número de ficha",
    "a time with an offset": "una hora con zona horaria",
    "an amount": "un importe",
    "an object": "un objeto",
    "text": "un texto",
    "true or false": "verdadero o falso",
    "writable here": "un campo que se pueda escribir aquí",
}
