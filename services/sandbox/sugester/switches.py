"""What Sugester's page leaves open, one switch each. Most of this vendor is undocumented."""

from services.sandbox.courier import HOOK_SWITCHES
from services.sandbox.switches import Switch

SWITCHES: tuple[Switch, ...] = (
    Switch(
        name="bearer_accepted",
        default=False,
        meaning="Authorization: Bearer is read, as on the group's newer platform.",
    ),
    Switch(
        name="unauthorized_answer",
        default="401",
        choices=("401", "login_page", "redirect"),
        meaning="A bad token gets 401, the login page with 200, or a redirect to it.",
    ),
    Switch(
        name="create_status",
        default="201",
        choices=("201", "200"),
        meaning="Status of a successful create.",
    ),
    Switch(
        name="delete_answer",
        default="ok",
        choices=("ok", "204"),
        meaning='A DELETE answers 200 with "ok", or 204 without a body.',
    ),
    Switch(
        name="per_page_ignored",
        default=False,
        meaning="Every page has 25 records whatever per_page says.",
    ),
    Switch(
        name="page_ignored",
        default=False,
        meaning="Every page is the first one.",
    ),
    Switch(
        name="default_order",
        default="newest_first",
        choices=("newest_first", "oldest_first"),
        meaning="Order of lists.",
    ),
    Switch(
        name="list_order",
        default=False,
        meaning="The parameter order is read, as at the sister product.",
    ),
    Switch(
        name="client_search",
        default=False,
        meaning="The list of clients reads name, email, tax_no (partly) and external_id (exactly).",
    ),
    Switch(
        name="deals_by_client",
        default=True,
        meaning="The list of deals reads client_id.",
    ),
    Switch(
        name="deleted_listed",
        default=False,
        meaning="Deleted records stay in lists with deleted: true; reading one is 404 all the same.",
    ),
    Switch(
        name="external_ids_returned",
        default=False,
        meaning="external_ids of clients and deals are shown on read.",
    ),
    Switch(
        name="deal_document_fields",
        default=False,
        meaning="invoice_no, currency, date, paid, status and kind of a deal are shown on read.",
    ),
    Switch(
        name="unique_clients",
        default=False,
        meaning="A second client with the same e-mail or tax number is refused with 422.",
    ),
    Switch(
        name="deals_matched_by_external_ids",
        default=False,
        meaning="A second create of a deal with the same external_ids updates the first.",
    ),
    Switch(
        name="try_update_matches",
        default="external_ids_then_email",
        choices=("external_ids_then_email", "tax_no", "nothing"),
        meaning="By what a create with try_update finds the client to update.",
    ),
    Switch(
        name="status_repeat",
        default="returned",
        choices=("returned", "refused"),
        meaning="Creating a status whose name exists returns that one, or is refused with 422.",
    ),
    Switch(
        name="activity_moves_updated_at",
        default=False,
        meaning="A post about a client moves the client's updated_at.",
    ),
    Switch(
        name="external_update_answer",
        default="object",
        choices=("object", "ok"),
        meaning='external_update answers with the object, or with "ok".',
    ),
    Switch(name="short_text_limit", default=255, meaning="Characters that a short text field holds."),
    Switch(
        name="long_text",
        default="refuse",
        choices=("refuse", "truncate"),
        meaning="What happens to a text over the limit: 422, or cut without a word.",
    ),
    Switch(
        name="unchanged_put_counts",
        default=False,
        meaning="A PUT that changes nothing moves updated_at and raises the update hook.",
    ),
    Switch(
        name="webhooks",
        default=False,
        meaning="Sugester sends hooks at all.",
    ),
    Switch(
        name="webhooks_api",
        default=False,
        meaning="Webhook rows are managed at /app/webhooks.json, as at the sister product.",
    ),
    Switch(
        name="unwrapped_hook_secret",
        default="body_token",
        choices=("body_token", "none"),
        meaning="What a webhook row made without the wrapper keeps as its secret.",
    ),
    Switch(
        name="destroy_payload",
        default="last_known",
        choices=("last_known", "id_only"),
        meaning="What a destroy hook carries.",
    ),
    Switch(
        name="hook_locale",
        default="es",
        choices=("es", "en", "pl"),
        meaning="locale in hook bodies.",
    ),
    Switch(
        name="requests_per_second",
        default=0,
        meaning="Requests per account and second above which 429 is answered; 0 for no limit.",
    ),
    *HOOK_SWITCHES,
)
