"""What Clientify's page leaves open, one switch each."""

from dataclasses import replace

from services.sandbox.courier import HOOK_SWITCHES
from services.sandbox.switches import Switch

_OWN_DEFAULTS = {"hook_failures_before_off": 0, "hook_retries": 5, "hook_timeout": 5.0}

SWITCHES: tuple[Switch, ...] = (
    Switch(
        name="versions",
        default="both",
        choices=("both", "v1", "v2"),
        meaning="Which versions of the API the account has; the other one is an unknown path.",
    ),
    Switch(
        name="v2_no_key",
        default="401",
        choices=("401", "403", "404"),
        meaning="Status of a call of v2 without a key.",
    ),
    Switch(
        name="missing_slash",
        default="redirect",
        choices=("redirect", "404"),
        meaning="A GET without the slash at the end is redirected, or an unknown path.",
    ),
    Switch(
        name="v2_fields_mandatory",
        default=True,
        meaning="GETs of v2 without fields= are refused with a list of one text; off, all fields are shown.",
    ),
    Switch(name="default_page_size", default=20, meaning="Records on a page that asks for no size."),
    Switch(name="page_size_ignored", default=False, meaning="Every page has the default size."),
    Switch(
        name="page_past_end",
        default="404",
        choices=("404", "empty"),
        meaning="A page behind the last one is 404, or empty.",
    ),
    Switch(
        name="filters",
        default="documented",
        choices=("documented", "query_only", "ignored"),
        meaning="Which filters count; the others are ignored and the whole list comes back.",
    ),
    Switch(name="query_matches_tax_number", default=True, meaning="query= looks at the tax number too."),
    Switch(
        name="custom_field_filter",
        default="cf_name",
        choices=("cf_name", "bare_name", "ignored"),
        meaning="Contacts are found by a custom field with cf_NAME=, with NAME=, or not.",
    ),
    Switch(
        name="phone_filter",
        default="digits_contained",
        choices=("digits_contained", "exact"),
        meaning="phone= matches a part of the digits, or the text as it is stored.",
    ),
    Switch(
        name="date_filters",
        default="times",
        choices=("times", "days", "ignored"),
        meaning="modified[gte] and the like take times; days only (else 400); or are ignored.",
    ),
    Switch(
        name="duplicates",
        default="insert",
        choices=("insert", "409_tax_number", "400_email", "merge_tax_number", "merge_email"),
        meaning="A second contact with the same tax number or e-mail: made, refused, or merged into the first.",
    ),
    Switch(
        name="put_lists",
        default="replace",
        choices=("replace", "append", "ignored"),
        meaning="What emails, phones, addresses and websites in an update do to those that are there.",
    ),
    Switch(
        name="v2_update",
        default="put_and_patch",
        choices=("put_and_patch", "put_only", "patch_only", "put_does_nothing"),
        meaning="How v2 updates: the other verb is 405; put_does_nothing: PUT answers 200 and changes nothing.",
    ),
    Switch(
        name="v2_top_level_email",
        default="accepted",
        choices=("accepted", "ignored", "refused"),
        meaning="email and phone at the top level of a create in v2.",
    ),
    Switch(name="first_name_required", default=True, meaning="A contact without first_name is refused."),
    Switch(name="short_text_limit", default=255, meaning="Characters that a text field holds; more is 400."),
    Switch(
        name="phone_format",
        default="as_sent",
        choices=("as_sent", "compact"),
        meaning="Phones are stored as sent, or without blanks, dots and dashes.",
    ),
    Switch(
        name="website_format",
        default="as_sent",
        choices=("as_sent", "addresses"),
        meaning="Web sites are stored as sent; or one without http:// or https:// is 400.",
    ),
    Switch(
        name="sub_resources_move_modified",
        default=True,
        meaning="A change of a phone, an address, a tag... moves the contact's modified.",
    ),
    Switch(
        name="custom_field_create",
        default="201",
        choices=("201", "200", "wrong_type", "dropped", "400", "403", "404", "405"),
        meaning="POST /custom-fields/: the status; or made as a dropdown; or 201 and not made at all.",
    ),
    Switch(
        name="custom_field_repeat",
        default="refused",
        choices=("refused", "doubled"),
        meaning="A second custom field with a name that is there: 400, or made.",
    ),
    Switch(
        name="content_type_label",
        default="contact",
        choices=("contact", "contacto", "none"),
        meaning="The label behind `contacts | `, translated, or no label at all.",
    ),
    Switch(
        name="unknown_custom_field",
        default="dropped",
        choices=("dropped", "refused"),
        meaning="A value for a custom field that is not there vanishes, or is 400.",
    ),
    Switch(
        name="custom_field_names",
        default="exact",
        choices=("exact", "any_case"),
        meaning="How the name of a custom field is compared.",
    ),
    Switch(
        name="blank_custom_value",
        default="absent",
        choices=("absent", "dashes", "empty"),
        meaning="A custom field without a value is not shown, reads back as --, or as an empty text.",
    ),
    Switch(name="custom_value_limit", default=255, meaning="Characters that a custom field holds; more is 400."),
    Switch(
        name="merged_values",
        default="winner",
        choices=("winner", "loser"),
        meaning="Whose custom fields stay when a person merges contacts and both have a value.",
    ),
    Switch(
        name="account_country",
        default="ES",
        choices=("ES", "PT", "FR", "MX", "none"),
        meaning="country in the account's settings.",
    ),
    Switch(
        name="my_account_shape",
        default="settings",
        choices=("settings", "user"),
        meaning="What /settings/my-account/ lists: the settings, or the user.",
    ),
    Switch(
        name="account_status",
        default="client_2_0",
        choices=("client_2_0", "client_1_0"),
        meaning="account_status of /me/.",
    ),
    Switch(name="webhooks_allowed", default=True, meaning="The key may manage webhooks; off, they answer 403."),
    Switch(
        name="private_targets",
        default=True,
        meaning="A webhook may point at http and at this machine, as the vendor's own tests do; off, 400.",
    ),
    Switch(
        name="hooks_for_api_writes",
        default=False,
        meaning="Writes made with the API key raise hooks too.",
    ),
    Switch(name="bulk_hooks", default=True, meaning="Bulk changes and imports in the panel raise hooks."),
    Switch(
        name="hook_shape",
        default="hook_and_data",
        choices=(
            "hook_and_data",
            "hook_and_contact",
            "event_and_contact",
            "event_and_data_contact",
            "created_updated",
        ),
        meaning="The body of a delivery: the present one, older ones, or the one with contact.created.",
    ),
    Switch(
        name="requests_per_second",
        default=0,
        meaning="Requests per account and second above which 429 is answered; 0 for no limit.",
    ),
    *(replace(switch, default=_OWN_DEFAULTS.get(switch.name, switch.default)) for switch in HOOK_SWITCHES),
)
