"""The secret in a hook's body, read before anything is trusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.connectors import hooks

DEEP_ENOUGH = hooks.MAX_DEPTH


@pytest.mark.parametrize(
    ("body", "secret"),
    [
        (b'{"api_token":"s"}', "s"),
        (b'{"client":{"api_token":"inner"},"api_token":"outer","list":[{"api_token":"x"}]}', "outer"),
        (b'{"client":{"api_token":"inner"}}', ""),
        (b"{}", ""),
        (b'{"api_token":null}', ""),
        (b'{"api_token":7}', ""),
        (b'{"api_token":["s"]}', ""),
        (b'\xef\xbb\xbf {"api_token":"\\u00f1"}', "ñ"),
        (b'{"x":' + b"[" * (DEEP_ENOUGH - 1) + b"]" * (DEEP_ENOUGH - 1) + b',"api_token":"s"}', "s"),
        (b'{"brackets":"' + b"[{" * 500 + b'","api_token":"s"}', "s"),
        (b'{"escaped":"\\"' + b"[" * 500 + b'","api_token":"s"}', "s"),
    ],
)
def test_the_secret_is_the_text_at_the_top(body: bytes, secret: str) -> None:
    assert hooks.secret_in(body, "api_token") == secret


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xff{}", "UTF-8"),
        (b"nonsense", "not JSON"),
        (b'{"api_token":"a"', "not JSON"),
        (b'{"api_token":"a"}{"api_token":"a"}', "not JSON"),
        (b'{"api_token":Infinity}', "not JSON"),
        (b'["api_token"]', "not a JSON object"),
        (b'"api_token"', "not a JSON object"),
        (b'{"api_token":"a","api_token":"a"}', "more than once"),
        (b'{"api_token":"a","api_t\\u006fken":"b"}', "more than once"),
        (b'{"x":' + b"[" * DEEP_ENOUGH + b"]" * DEEP_ENOUGH + b"}", "deeper"),
        (b'{"x":' * 100_000, "deeper"),
    ],
)
def test_a_body_that_cannot_carry_the_secret_says_what_is_wrong(body: bytes, says: str) -> None:
    with pytest.raises(hooks.BadBody) as bad:
        hooks.secret_in(body, "api_token")
    assert says in bad.value.message


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    for read in (lambda: hooks.secret_in(body, "api_token"), lambda: hooks.object_in(body)):
        said = ""
        try:
            read()
        except hooks.BadBody as bad:
            said = bad.message
        assert not said or said.endswith(".")
