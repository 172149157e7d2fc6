"""Every sentence and word of the console in Spanish, by its English form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.operations.sentences import names

_SENTENCES: Final = {
    # What History tells of.
    "Business added": "Negocio añadido",
    "System connected": "Sistema conectado",
    "Connection changed": "Conexión cambiada",
    "Two systems joined": "Dos sistemas unidos",
    "Webhooks registered": "Avisos registrados",
    "Webhooks removed": "Avisos retirados",
    "Report made": "Informe hecho",
    "Doubt decided": "Duda resuelta",
    "Report approved": "Informe aprobado",
    "First load begun": "Primera carga empezada",
    "Both systems asked for changes": "Cambios pedidos a ambos sistemas",
    "Record synced by hand": "Ficha sincronizada a mano",
    "Flow paused": "Flujo en pausa",
    "Flow resumed": "Flujo reanudado",
    "Options changed": "Opciones cambiadas",
    "Pair taken apart": "Pareja separada",
    "Pair joined": "Pareja unida",
    "Tried again": "Probado otra vez",
    "Dismissed": "Descartado",
    "Replay begun": "Repetición empezada",
    "Replay resumed": "Repetición reanudada",
    "Replay paused": "Repetición en pausa",
    "Replay cancelled": "Repetición cancelada",
    "Replay ended": "Repetición terminada",
    "Changes downloaded": "Cambios descargados",
    "Person forgotten": "Persona olvidada",
    "Recovered from a backup": "Recuperado de una copia",
    "User added": "Usuario añadido",
    "Role changed": "Papel cambiado",
    "Password changed": "Contraseña cambiada",
    "User removed": "Usuario quitado",
    "Test of alerts sent": "Prueba de avisos enviada",
    # Pages.
    "Not carried: {field}.": "No se lleva: {field}.",
    "It shows a number that the other side has not got.": "Muestra un número que el otro lado no tiene.",
    "How a system tells Puente of a change.": "Así avisa un sistema a Puente de un cambio.",
    "What is not told is found by lists: nothing is lost, it only takes longer.": (
        "Lo que no se avisa lo encuentran los listados: no se pierde nada, solo tarda más."
    ),
    "Last told": "Último aviso",
    "looked at {time} ago": "comprobado hace {time}",
    "{time} ago": "hace {time}",
    "registered by Puente": "registrados por Puente",
    "pasted by hand": "pegados a mano",
    "no hooks: lists alone": "sin avisos: solo listados",
    "in order": "en orden",
    "failing": "fallan",
    "silent": "callados",
    "held by another": "los usa otro programa",
    "mended": "reparados",
    "nothing told yet": "aún sin avisos",
    "Hooks": "Avisos (hooks)",
    "Alerts": "Alertas",
    "No alert is open.": "No hay ninguna alerta abierta.",
    "for {time}": "desde hace {time}",
    "Who is told": "A quién se avisa",
    "Channel": "Canal",
    "On its way": "En camino",
    "Last taken": "Última entrega",
    "Problem": "Problema",
    "No message was sent yet.": "Todavía no se ha enviado ningún mensaje.",
    "Send a test": "Enviar una prueba",
    "All businesses, and who is told": "Todos los negocios, y a quién se avisa",
    "The message was taken: {channels}.": "El mensaje fue aceptado: {channels}.",
    "A post to the door of {system} reached the store in {took} s, {age} ago.": (
        "Un envío a la entrada de {system} llegó a la base en {took} s, hace {age}."
    ),
    "A post to the door of {system} did not come through.": "Un envío a la entrada de {system} no llegó.",
    "1. The two systems": "1. Los dos sistemas",
    "19 of 20 are faster than": "19 de cada 20 tardan menos de",
    "2. What is kept in step": "2. Lo que se mantiene igual",
    "3. What would happen, and the first load": "3. Qué pasaría, y la primera carga",
    "A flow is paused: its changes wait.": "Un flujo está en pausa: sus cambios esperan.",
    "A new password": "Una contraseña nueva",
    "A short name for addresses": "Un nombre corto para las direcciones",
    "A write is on its way; its deadline is {time}.": "Hay una escritura en camino; su plazo acaba a las {time}.",
    "Actions": "Acciones",
    "Add a business": "Añadir un negocio",
    "Add a user": "Añadir un usuario",
    "Address": "Dirección",
    "Age of the oldest change": "Antigüedad del cambio más viejo",
    "An administrator can set a new password.": "Un administrador puede poner una contraseña nueva.",
    "Approve and load": "Aprobar y cargar",
    "As a table": "En una tabla",
    "Ask an administrator for a role.": "Pida un papel a un administrador.",
    "Ask both systems now": "Preguntar ahora a los dos sistemas",
    "At both systems nothing was deleted: that is yours to do there.": (
        "En los dos sistemas no se ha borrado nada: eso le toca a usted."
    ),
    "At most {count} changes not looked at yet: too many to count them per business": (
        "Como mucho {count} cambios sin mirar: son demasiados para contarlos por negocio"
    ),
    "Back": "Volver",
    "Begin": "Empezar",
    "Begin it again.": "Empiécela otra vez.",
    "Begun": "Empezada",
    "Behind": "Pendientes",
    "Both sides agree; nothing would be written.": "Los dos lados coinciden; no se escribiría nada.",
    "Both sides now": "Los dos lados, ahora",
    "Both sides show the same.": "Los dos lados muestran lo mismo.",
    "Business": "Negocio",
    "Businesses": "Negocios",
    "By partition of the log": "Por partición del registro",
    "By system": "Por sistema",
    "Cancel": "Cancelar",
    "Change": "Cambiar",
    "Change how it is carried": "Cambiar cómo se lleva",
    "Changes": "Cambios",
    "Changes are on their way.": "Hay cambios en camino.",
    "Changes of the log are looked at again: what the systems hold now is read, nothing old is rebuilt.": (
        "Se miran otra vez los cambios del registro: se lee lo que los sistemas tienen ya, nada viejo se rehace."
    ),
    "Check": "Comprobar",
    "Check and connect": "Comprobar y conectar",
    "Choose {record}": "Elegir {record}",
    "Country": "País",
    "Decide": "Decidir",
    "Decided.": "Decidido.",
    "Did my client arrive?": "¿Llegó mi cliente?",
    "Dismiss all of them?": "¿Descartarlos todos?",
    "Dismiss all {count}": "Descartar los {count}",
    "Dismiss the chosen": "Descartar los elegidos",
    "Download the changes": "Descargar los cambios",
    "End": "Final",
    "Everything is in step": "Todo coincide",
    (
        "Everything that Puente holds of this record and its counterpart is erased at once, and the pair is "
        "never kept in step again. There is no way back."
    ): (
        "Se borra enseguida todo lo que Puente guarda de esta ficha y de su contraparte, y la pareja no se "
        "vuelve a mantener igual. No hay vuelta atrás."
    ),
    "Examples: {finding}": "Ejemplos: {finding}",
    "Field": "Campo",
    "Fields written": "Campos escritos",
    "Finding": "Hallazgo",
    "First load": "Primera carga",
    "Flow": "Flujo",
    "For": "Espera a",
    "For the report": "Para el aviso del error",
    (
        "For when a field map was changed: what was written by the old map is written again by the new one. "
        "What somebody changed since is left alone."
    ): (
        "Para cuando se ha cambiado qué campo va adónde: lo que se escribió con las reglas viejas se escribe "
        "con las nuevas. Lo que alguien haya cambiado después no se toca."
    ),
    "Forget a person": "Olvidar a una persona",
    "Forget for good": "Olvidar para siempre",
    "Forget this person": "Olvidar a esta persona",
    "Forgotten: {pairs} pairs, {attempts} attempts, {waiting} waiting changes, {keys} keys of matching.": (
        "Olvidado: {pairs} parejas, {attempts} intentos, {waiting} cambios en espera, {keys} claves de búsqueda."
    ),
    "Found by": "Encontrado por",
    "From": "Desde",
    "From the hook to the write": "Del aviso a la escritura",
    "Give the first one alone, or all the others.": "Dé solo el primero, o todos los demás.",
    "Go on": "Continuar",
    "History": "Historial",
    "Home": "Inicio",
    "How": "Cómo",
    "It has no counterpart yet: it would be matched, or made.": (
        "Todavía no tiene contraparte: se buscaría o se crearía."
    ),
    "It is a new one": "Es otro distinto",
    "It is in no pair.": "No está en ninguna pareja.",
    "It is looked at now.": "Se está mirando ahora.",
    "It is not there.": "No está.",
    "It is the same": "Es el mismo",
    "Its name": "Su nombre",
    "Its number in {system}": "Su número en {system}",
    "Kind of record": "Tipo de ficha",
    "Lag": "Retraso",
    "Lag and waiting": "Retraso y esperas",
    "Lag of the installation": "Retraso de la instalación",
    "Language": "Idioma",
    "Language of what Puente writes": "Idioma de lo que escribe Puente",
    "Last day": "Último día",
    "Last hour": "Última hora",
    "Leave it alone": "Dejarlo como está",
    "left as it is": "se deja como está",
    "left side": "lado izquierdo",
    "Link": "Enlazar",
    "Link again": "Enlazar de nuevo",
    "Lists are overdue: is the sync service running?": (
        "Hay consultas atrasadas: ¿está en marcha el servicio de sincronización?"
    ),
    "Log in": "Entrar",
    "Log in with {title}": "Entrar con {title}",
    "Log out": "Salir",
    "Look": "Mirar",
    "Look again": "Volver a mirar",
    "Looked at, nothing to write": "Mirados, sin nada que escribir",
    "Make the report": "Hacer el informe",
    "Make the report anew": "Hacer el informe de nuevo",
    "NAME": "NOMBRE",
    "Name": "Nombre",
    "Name, number, e-mail or tax number": "Nombre, número, correo o NIF",
    "Needs you": "Le necesita",
    "Nobody can log in yet": "Todavía no puede entrar nadie",
    "Nobody is behind.": "Nada va con retraso.",
    "Nobody works": "No trabaja nadie",
    "Nobody yet": "Nadie todavía",
    "None yet.": "Ninguna todavía.",
    "Not connected: correct what failed, and check again.": (
        "No se ha conectado: corrija lo que ha fallado y compruebe otra vez."
    ),
    "Not looked at yet": "Sin mirar todavía",
    "Not set up yet": "Sin configurar todavía",
    "Note": "Nota",
    "Nothing in this time.": "Nada en este tiempo.",
    "Nothing is kept in step yet.": "Todavía no se mantiene nada igual.",
    "Nothing waits.": "No espera nada.",
    "Nothing was found. Names are searched whole, as they are written.": (
        "No se ha encontrado nada. Los nombres se buscan enteros, tal como están escritos."
    ),
    "Nothing yet.": "Nada todavía.",
    "Number": "Número",
    "Number of the record": "Número de la ficha",
    "Of what": "De qué",
    "Older ones": "Los anteriores",
    "Oldest": "Más viejo",
    "Open in {system}": "Abrir en {system}",
    "Open it in its system": "Abrirlo en su sistema",
    "Pages": "Páginas",
    "Pair": "Pareja",
    (
        "Pairs from before still show what the old options wrote. They follow when one of their sides "
        "changes, or all at once with a repair."
    ): (
        "Las parejas de antes muestran todavía lo que escribieron las opciones viejas. Siguen cuando cambia "
        "uno de sus lados, o todas a la vez con una reparación."
    ),
    "Partition": "Partición",
    "Password": "Contraseña",
    "Pause": "Pausar",
    "Paused": "En pausa",
    "Paused by {name}.": "Pausado por {name}.",
    "Place in the log": "Lugar en el registro",
    "Plots": "Gráficas",
    "Progress": "Progreso",
    "Puente has not met this record yet.": "Puente todavía no ha visto esta ficha.",
    "Put aside, or with nobody to write to": "Apartados, o sin nadie a quien escribir",
    "Reason": "Motivo",
    "Record": "Ficha",
    "Records": "Fichas",
    "Remove": "Quitar",
    "Remove this user?": "¿Quitar a este usuario?",
    "Repair all pairs of a flow": "Reparar todas las parejas de un flujo",
    "Repair {count} pairs": "Reparar {count} parejas",
    "repair: the source counts as changed, and only what we wrote is overwritten": (
        "reparar: el origen cuenta como cambiado y solo se sobrescribe lo que escribimos nosotros"
    ),
    "Replay": "Repetición",
    "Replay its changes": "Repetir sus cambios",
    "Replay {count} changes": "Repetir {count} cambios",
    "Replays": "Repeticiones",
    "Report of {time}": "Informe de {time}",
    "right side": "lado derecho",
    "Role": "Papel",
    "Roles": "Papeles",
    "Same as {record}": "El mismo que {record}",
    "Save the options": "Guardar las opciones",
    "Search": "Buscar",
    "Set": "Poner",
    "Set up: both systems are kept in step.": "Configurado: los dos sistemas se mantienen iguales.",
    "Set-up": "Configuración",
    "Settled up to": "Resuelto hasta",
    "Show what it would write": "Mostrar qué escribiría",
    "Side": "Lado",
    "Small letters, digits and hyphens: talleres-acme": "Minúsculas, cifras y guiones: talleres-acme",
    "Some records wait for a person; everything else goes on.": (
        "Algunas fichas esperan a una persona; todo lo demás sigue."
    ),
    "State": "Estado",
    "Stop keeping these two records in step?": "¿Dejar de mantener iguales estas dos fichas?",
    "Sync now": "Sincronizar ahora",
    "System": "Sistema",
    "Take documents issued from": "Tomar documentos emitidos desde",
    "Ten characters or more. Three or four words are easy to keep.": (
        "Diez caracteres o más. Tres o cuatro palabras se recuerdan bien."
    ),
    "That did not work": "Eso no ha funcionado",
    "The button from one program to the other fails?": "¿Falla el botón de un programa al otro?",
    "The first load has begun.": "La primera carga ha empezado.",
    "The first user": "El primer usuario",
    "The log holds no change of this record: it came by a list, or long ago.": (
        "El registro no tiene cambios de esta ficha: llegó por una consulta, o hace mucho."
    ),
    "The log holds nothing of them from {log} on, and backups from {backups} on.": (
        "El registro no contiene nada suyo desde el {log}, y las copias desde el {backups}."
    ),
    "The name or the password is wrong.": "El nombre o la contraseña no son correctos.",
    "The number that was typed is not the record's.": "El número escrito no es el de la ficha.",
    "The options are saved.": "Las opciones están guardadas.",
    "The password is changed.": "La contraseña se ha cambiado.",
    "The program printed a link when it started: open it to make the first user. Or type:": (
        "El programa mostró un enlace al arrancar: ábralo para crear el primer usuario. O escriba:"
    ),
    "The provider does not answer. Try again later.": "El proveedor no responde. Pruebe más tarde.",
    "The provider knows you; Puente does not.": "El proveedor le conoce; Puente no.",
    "The replay goes on.": "La repetición continúa.",
    "The replay has begun.": "La repetición ha empezado.",
    "The replay is cancelled.": "La repetición se ha cancelado.",
    "The replay is paused.": "La repetición está en pausa.",
    "The role of {name} is changed.": "El papel de {name} se ha cambiado.",
    (
        "The rows are gone; the store's files may hold remains, since another process was in the way. Forget "
        "them once more."
    ): (
        "Las filas ya no están; los ficheros pueden guardar restos, porque otro proceso lo impidió. Olvídelos "
        "otra vez."
    ),
    "The side that is right": "El lado que tiene razón",
    "The two records are joined.": "Las dos fichas están enlazadas.",
    "The two records are no longer kept in step.": "Las dos fichas ya no se mantienen iguales.",
    "The values of this attempt are not kept.": "Los valores de este intento no se guardan.",
    "The whole report as CSV": "El informe entero en CSV",
    "There is no such page.": "No existe esa página.",
    "There is no such record.": "No existe esa ficha.",
    "There is no such user.": "No existe ese usuario.",
    "There is none yet.": "Todavía no hay ninguno.",
    "This form is from another log-in. Load the page again.": (
        "Este formulario es de otra entrada. Cargue la página de nuevo."
    ),
    "This log-in was not begun here, or too long ago.": "Esta entrada no empezó aquí, o hace demasiado.",
    "Time": "Hora",
    "Time zone": "Zona horaria",
    "To the content": "Ir al contenido",
    "Too many wrong passwords.": "Demasiadas contraseñas equivocadas.",
    "Try all {count} again": "Reintentar los {count}",
    "Try the chosen again": "Reintentar los elegidos",
    "Type {record} to go on": "Escriba {record} para continuar",
    "Unlink": "Desenlazar",
    "Until": "Hasta",
    "Users": "Usuarios",
    "Values": "Valores",
    "Verdict": "Juicio",
    "Wait a minute, then try again.": "Espere un minuto y vuelva a intentarlo.",
    "Waiting for a time": "Esperan un momento",
    "Waiting for the next look…": "Esperando la próxima revisión…",
    "Waiting in the installation": "Esperas de la instalación",
    "Waits for you": "Le espera a usted",
    "Waits until {time}": "Espera hasta {time}",
    "What": "Qué",
    "What a look would do": "Qué haría una revisión",
    "What happens": "Qué pasa",
    "What waits": "Lo que espera",
    "What was found": "Lo encontrado",
    "What was read and written": "Lo que se leyó y se escribió",
    "What was told": "Lo que se avisó",
    "What was tried": "Lo que se intentó",
    "What would happen": "Qué pasaría",
    "Who": "Quién",
    "Who did what": "Quién hizo qué",
    "Who wins when both sides changed the same field": "Quién gana si los dos lados cambian el mismo campo",
    "Working": "Trabajando",
    "write {value} to {side}": "escribir {value} en {side}",
    "Written": "Escritos",
    "Written in the last hour": "Escritos en la última hora",
    "You will be the administrator of this installation.": "Usted será el administrador de esta instalación.",
    "Your role does not allow this. An administrator can change it.": (
        "Su papel no lo permite. Un administrador puede cambiarlo."
    ),
    "{changes} changes of {records} records": "{changes} cambios de {records} fichas",
    "{count} are dismissed.": "{count} descartados.",
    "{count} are tried again.": "Se reintentan {count}.",
    "{count} changes not looked at yet": "{count} cambios sin mirar todavía",
    "{count} decided.": "{count} decididos.",
    "{count} fields would be written.": "Se escribirían {count} campos.",
    "{count} lists are asked for.": "Se han pedido {count} consultas.",
    "{count} pairs; the first of them:": "{count} parejas; las primeras:",
    "{count} tries": "{count} intentos",
    "{done} of {total}": "{done} de {total}",
    "{name} cannot log in any more.": "{name} ya no puede entrar.",
    "{name} may log in now.": "{name} ya puede entrar.",
    "{time} left": "quedan {time}",
    "{title} answers as it should.": "{title} responde como debe.",
    "{title} is connected.": "{title} está conectado.",
}

_REASONS: Final = {
    "Several records may be the same, or only the name is.": (
        "Varias fichas podrían ser la misma, o solo coincide el nombre."
    ),
    "The record with the same keys is joined with another one: perhaps a double.": (
        "La ficha con las mismas claves está enlazada con otra: quizá sea un duplicado."
    ),
    "A client is gone and another has its tax number: perhaps merged in its system.": (
        "Un cliente ya no está y otro tiene su NIF: quizá los han fusionado en su sistema."
    ),
    "The number in the other system's field is not the number of the record that it is joined with.": (
        "El número del campo del otro sistema no es el de la ficha con la que está enlazada."
    ),
    "The other system refuses the record. Correct it there where the message says, then try again.": (
        "El otro sistema rechaza la ficha. Corríjala donde dice el mensaje y reinténtelo."
    ),
    "A pair was written five times in ten minutes: somebody else writes too.": (
        "Una pareja se ha escrito cinco veces en diez minutos: alguien más escribe."
    ),
    "Somebody looked for it and wants it made: it is made now.": (
        "Alguien la ha buscado y quiere que se cree: se crea ahora."
    ),
    "A record may have been made, and the system cannot be asked. Look there before trying again.": (
        "Puede que se haya creado una ficha, y no se puede preguntar al sistema. Mire allí antes de reintentarlo."
    ),
    "A message of a shape that nobody knew. A list has covered what it told.": (
        "Un aviso con una forma desconocida. Una consulta ha cubierto lo que decía."
    ),
    "An error of ours. Report it; after an update, try again.": (
        "Un error nuestro. Avísenos; tras una actualización, reinténtelo."
    ),
    "The system, or the way to it, failed. It is tried again by itself.": (
        "Falló el sistema o el camino hasta él. Se reintenta solo."
    ),
    "Too many calls: the system asked for a pause.": "Demasiadas llamadas: el sistema ha pedido una pausa.",
    "A side still shows the value from before our write.": (
        "Un lado todavía muestra el valor de antes de nuestra escritura."
    ),
    "A change was told and none was seen: one more look follows.": (
        "Se avisó de un cambio y no se vio ninguno: se mirará otra vez."
    ),
    "Another write of this pair is on its way.": "Otra escritura de esta pareja está en camino.",
    "It needs another record first.": "Necesita otra ficha antes.",
    "Another record waits for this one.": "Otra ficha espera a esta.",
    "The other side is listed before anything is made there.": "Antes de crear nada se lista el otro lado.",
    "More changes than can be worked off at once: it waits for its turn.": (
        "Más cambios de los que caben a la vez: espera su turno."
    ),
    "The flow is paused.": "El flujo está en pausa.",
}

_WORDS: Final = {
    "yes": "sí",
    "no": "no",
    "all": "todos",
    "none": "ninguno",
    "unknown": "desconocido",
    "everywhere": "en todas partes",
    "kept": "guardado",
    "connected": "conectado",
    "a person": "una persona",
    "a time": "un momento",
    "for a person": "a una persona",
    "for a time": "un momento",
    "half are faster than": "la mitad tarda menos de",
    "changes": "cambios",
    "seconds": "segundos",
    "as usual": "como siempre",
    "are joined": "se enlazan",
    "are made at the other side": "se crean en el otro lado",
    "wait for your word": "esperan su decisión",
    "waits for {time}": "espera desde hace {time}",
    "decided": "decidido",
    "not there": "no está",
    # Roles.
    "viewer": "lectura",
    "operator": "operador",
    "admin": "administrador",
    # Outcomes of attempts.
    "created": "creado",
    "applied": "aplicado",
    "bound": "enlazado",
    "echo": "eco",
    "nothing": "nada que hacer",
    "not live": "aún no en marcha",
    "not wanted": "no se desea",
    "gone": "borrado",
    "counterpart gone": "contraparte borrada",
    "kept apart": "se mantiene aparte",
    "waits": "espera",
    "needs a person": "necesita a una persona",
    # Where a look came from.
    "hook": "aviso",
    "sweep": "consulta",
    "load": "carga",
    "waiting": "en espera",
    "replay": "repetición",
    # Reasons.
    "retry": "reintento",
    "throttled": "frenado",
    "stale": "sin refrescar",
    "recheck": "otra mirada",
    "intent": "escritura abierta",
    "blocked": "bloqueado",
    "wanted": "pedido",
    "index": "listado",
    "budget": "cola",
    "ambiguous": "dudoso",
    "rejected": "rechazado",
    "bug": "error nuestro",
    "unreadable": "ilegible",
    "in doubt": "en duda",
    "confirmed": "confirmado",
    "loop": "bucle",
    "bound elsewhere": "enlazado con otro",
    "other id": "otro número",
    "not yet": "todavía no",
    # Findings and decisions.
    "exact": "exacto",
    "probable": "probable",
    "new": "nuevo",
    "bind": "enlazar",
    "apart": "aparte",
    # Verdicts.
    "ok": "bien",
    "warn": "aviso",
    "stall": "parado",
    # Checks.
    "failed": "fallo",
    "warning": "aviso",
    "not checked": "sin comprobar",
    "host": "servidor",
    "certificate": "certificado",
    "token": "clave",
    "read": "leer",
    "write": "escribir",
    "prefix": "cuenta",
    "hooks": "avisos",
    "shipped link": "enlace propio",
    "columns": "columnas",
    "database": "base de datos",
    "manufacturer": "fabricante",
    "numbers": "números",
    "own field": "campo propio",
    "password": "contraseña",
    "version": "versión",
    "year": "ejercicio",
}

_FLOWS: Final = {
    "Clients, both ways": "Clientes, en los dos sentidos",
    "Clients and contacts, both ways": "Clientes y contactos, en los dos sentidos",
    "A contact with a name and a valid tax number is a client": "Un contacto con nombre y NIF válido es cliente",
    "A contact with one of these statuses is one": "También lo es uno con uno de estos estados",
    "A contact with one of these tags is one": "También lo es uno con una de estas etiquetas",
    "By what, after the number, a counterpart is found": "Por qué se busca la contraparte, además del número",
    "Each document becomes an Asunto of its client, once": "Cada documento es un Asunto de su cliente, una vez",
    "Which kinds of document become Asuntos": "Qué tipos de documento se convierten en Asuntos",
    "The language of Asuntos": "El idioma de los Asuntos",
    "Take documents issued from this date": "Tomar documentos emitidos desde esta fecha",
}

SPANISH: Final[Mapping[str, str]] = {
    **_SENTENCES,
    **_REASONS,
    **_WORDS,
    **_FLOWS,
    **names.STATES,
    **names.RECORDS,
    **names.FIELDS,
}
