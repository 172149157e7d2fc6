"""What BitFactura's page leaves open, one switch each."""

from services.sandbox.courier import HOOK_SWITCHES
from services.sandbox.switches import Switch

SWITCHES: tuple[Switch, ...] = (
    Switch(
        name="unknown_prefix",
        default="422",
        choices=("422", "401"),
        meaning="Status for a token whose account does not exist.",
    ),
    Switch(
        name="echo_url_in_401",
        default=False,
        meaning="The text of a 401 ends with the whole URL, token included.",
    ),
    Switch(
        name="raw_slash_refused",
        default=False,
        meaning="A token whose slash stands unencoded in the query string is refused.",
    ),
    Switch(
        name="filters",
        default="partial",
        choices=("partial", "exact", "ignored"),
        meaning="How name, email, shortcut and tax_no match in the list of clients.",
    ),
    Switch(
        name="tax_no_filter_strips",
        default=False,
        meaning="The filter tax_no compares without punctuation.",
    ),
    Switch(
        name="default_order",
        default="newest_first",
        choices=("newest_first", "oldest_first"),
        meaning="Order of a list that asks for none.",
    ),
    Switch(
        name="plain_updated_at_descends",
        default=False,
        meaning="order=updated_at without .desc gives the last modified first.",
    ),
    Switch(
        name="unique_external_id",
        default=False,
        meaning="A second client with the same external_id is refused with 422.",
    ),
    Switch(
        name="client_tax_no_check",
        default=False,
        meaning="A client card refuses a tax number that the invoice check refuses.",
    ),
    Switch(
        name="invoice_tax_no_check",
        default="form",
        choices=("form", "check_digit", "off"),
        meaning="How buyer_tax_no and seller_tax_no of the home country are checked on an invoice.",
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
        name="honours_skip_webhooks",
        default=False,
        meaning="A write with skip_webhooks raises no hooks.",
    ),
    Switch(
        name="view_url_on_get",
        default=False,
        meaning="GET shows an invoice's view_url; the recorded ones lack it.",
    ),
    Switch(
        name="link_host",
        default="vendor",
        choices=("vendor", "sandbox"),
        meaning="Host of view_url, payment_url and deal.url: the vendor's other domain, or this server.",
    ),
    Switch(
        name="invoices_locked",
        default=False,
        meaning="An issued invoice was reported to the state and cannot be edited: 422.",
    ),
    Switch(
        name="pdf_redirects",
        default=False,
        meaning="GET of an invoice's PDF answers 302.",
    ),
    Switch(
        name="product_price_from",
        default="net",
        choices=("net", "gross"),
        meaning="Which price of a product is the given one; the other is computed.",
    ),
    Switch(
        name="hook_generation",
        default="current",
        choices=("current", "2018"),
        meaning="Shape of hook bodies; 2018 lacks id, client_id, deal.status and deal.currency.",
    ),
    Switch(
        name="hook_app_name",
        default="fakturownia",
        choices=("fakturownia", "bitfactura", "BitFactura"),
        meaning="app_name in hook bodies, and in lower case the key in external_ids.",
    ),
    Switch(
        name="hook_locale",
        default="es",
        choices=("es", "en", "pl", "fr"),
        meaning="locale in hook bodies.",
    ),
    Switch(
        name="destroy_payload",
        default="last_known",
        choices=("last_known", "id_only"),
        meaning="What a destroy hook carries.",
    ),
    Switch(
        name="client_sync_shape",
        default="one_per_client",
        choices=("one_per_client", "one_body", "pages_of_100"),
        meaning="How client:sync sends all clients.",
    ),
    Switch(
        name="unwrapped_hook_secret",
        default="body_token",
        choices=("body_token", "none"),
        meaning="What a webhook row made without the wrapper keeps as its secret.",
    ),
    Switch(
        name="delete_answer",
        default="ok",
        choices=("ok", "204"),
        meaning='A DELETE answers 200 with "ok", or 204 without a body.',
    ),
    Switch(
        name="requests_per_second",
        default=0,
        meaning="Requests per account and second above which 429 is answered; 0 for no limit.",
    ),
    *HOOK_SWITCHES,
)
