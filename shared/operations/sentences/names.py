"""Names of states, records and fields in Spanish: what a sentence and a page call them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Of flows, pairs and runs.
STATES: Final[Mapping[str, str]] = {
    "draft": "borrador",
    "matching": "emparejando",
    "review": "en revisión",
    "loading": "cargando",
    "live": "en marcha",
    "paused": "en pausa",
    "active": "activa",
    "gone-left": "borrada a la izquierda",
    "gone-right": "borrada a la derecha",
    "gone-both": "borrada en ambos lados",
    "merged": "fusionado",
    "detached": "desenlazada",
    "forgotten": "olvidada",
    "running": "en curso",
    "done": "hecho",
    "cancelled": "cancelado",
    "nudge": "como siempre",
    "repair": "reparar",
}

# And by what they are found.
RECORDS: Final[Mapping[str, str]] = {
    "clients": "cliente",
    "contacts": "contacto",
    "invoices": "factura",
    "deals": "Asunto",
    "id": "número",
}

FIELDS: Final[Mapping[str, str]] = {
    "name": "nombre",
    "shortcut": "nombre corto",
    "company": "empresa",
    "first_name": "nombre de pila",
    "last_name": "apellidos",
    "tax_no": "NIF",
    "register_number": "número de registro",
    "email": "correo",
    "phone": "teléfono",
    "mobile_phone": "móvil",
    "fax": "fax",
    "phone_note": "notas del teléfono",
    "www": "web",
    "street": "calle",
    "street_no": "número de calle",
    "post_code": "código postal",
    "city": "población",
    "province": "provincia",
    "country": "país",
    "use_delivery_address": "usa dirección de entrega",
    "delivery_address": "dirección de entrega",
    "bank": "banco",
    "bank_account": "cuenta bancaria",
    "note": "nota",
    "description": "descripción",
    "number": "número",
    "title": "título",
    "kind": "tipo",
    "status": "estado",
    "client": "cliente",
    "price": "importe",
    "currency": "moneda",
    "date": "fecha",
    "paid": "pagado",
    "link": "enlace",
}
