"""Mail: one message over SMTP, with TLS from the start or by STARTTLS, to an address that may be called."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from shared import errors
from shared.connectors.outgoing import AddressRefused, OutgoingRules

Security = Literal["tls", "starttls", "plain"]
_SCHEMES: Final[dict[str, tuple[Security, int]]] = {
    "smtps": ("tls", 465),
    "smtp": ("starttls", 587),
    "smtp+plain": ("plain", 25),
}
_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    host: str
    port: int
    security: Security
    user: str
    password: str = field(repr=False)
    rules: OutgoingRules
    ca_file: Path | None = None

    def send(
        self,
        *,
        sender: str,
        recipients: Sequence[str],
        message_id: str,
        subject: str,
        text: str,
        at: datetime,
    ) -> None:
        """Hand one message over; blocks for seconds at most for each step. Raises Retryable and NeedsOperator.

        The same `message_id` gives the same Message-ID, so that a repeated delivery can be told.
        """
        mail = EmailMessage()
        mail["From"] = sender
        mail["To"] = ", ".join(recipients)
        mail["Subject"] = " ".join(subject.split())[:200]
        mail["Date"] = format_datetime(at)
        mail["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answer comes back
        mail.set_content(text)
        try:
            with self._connected() as connection:
                if self.user:
                    connection.login(self.user, self.password)
                connection.send_message(mail, from_addr=sender, to_addrs=list(recipients))
        except smtplib.SMTPAuthenticationError:
            raise errors.NeedsOperator(
                f"{self.host} does not accept the login.",
                way_out="Look at PUENTE_ALERT_SMTP_USER and PUENTE_ALERT_SMTP_PASSWORD_FILE.",
            ) from None
        except smtplib.SMTPNotSupportedError:
            raise errors.NeedsOperator(
                f"{self.host} does not offer what PUENTE_ALERT_SMTP asks of it.",
                way_out="smtps:// is TLS from the start, smtp:// is STARTTLS; logging in needs either.",
            ) from None
        except smtplib.SMTPRecipientsRefused as problem:
            codes = sorted({code for code, _words in problem.recipients.values()})
            raise errors.Retryable(f"{self.host} refuses the recipients ({codes}).") from None
        except smtplib.SMTPResponseException as problem:
            raise errors.Retryable(f"{self.host} answers {problem.smtp_code}.") from None
        except ssl.SSLError:
            raise errors.Retryable(f"The certificate of {self.host} is not valid.") from None
        except (smtplib.SMTPException, OSError) as problem:
            raise errors.Retryable(f"{self.host} cannot be reached ({type(problem).__name__}).") from None

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.ca_file is not None:
            context.load_verify_locations(cafile=self.ca_file)
        addresses = self._addresses()
        if self.security == "tls":
            return _TlsTo(addresses, self.host, self.port, context)
        connection = _To(addresses, self.host, self.port)
        if self.security == "starttls":
            try:
                connection.starttls(context=context)
            except BaseException:
                connection.close()
                raise
        return connection

    def _addresses(self) -> Sequence[str]:
        """The addresses to call: resolved once, and every one that the name has must be allowed."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        addresses = [str(each[4][0]).split("%")[0] for each in found]
        plain = self.security == "plain"
        if not all(self.rules.permits(ip_address(each), plain=plain) for each in addresses):
            raise AddressRefused(self.host)
        return addresses


class _To(smtplib.SMTP):
    """Connects to addresses that were looked up before; the name stays the one that the certificate must show."""

    def __init__(self, addresses: Sequence[str], host: str, port: int) -> None:
        self._addresses = addresses
        super().__init__(host, port, timeout=_SECONDS)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        *others, last = self._addresses
        for address in others:
            with suppress(OSError):
                return socket.create_connection((address, port), timeout)
        return socket.create_connection((last, port), timeout)


class _TlsTo(_To):
    """The same with TLS from the start."""

    def __init__(self, addresses: Sequence[str], host: str, port: int, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(addresses, host, port)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._context.wrap_socket(super()._get_socket(host, port, timeout), server_hostname=host)


def mail_server(url: str, *, user: str, password: str, rules: OutgoingRules, ca_file: Path | None) -> MailServer:
    """Read `smtps://host`, `smtp://host:587` or `smtp+plain://host:25`. Raises Misconfigured."""
    way_out = (
        "Write smtps://mail.example.com (TLS) or smtp://mail.example.com:587 (STARTTLS); smtp+plain:// is for a "
        "relay inside PUENTE_OUTGOING_ALLOW. User and password have settings of their own."
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _unreadable(way_out) from None
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.username is not None or parts.path.strip("/"):
        raise _unreadable(way_out)
    security, usual = _SCHEMES[parts.scheme]
    if security == "plain" and user:
        raise errors.Misconfigured(
            "PUENTE_ALERT_SMTP would send the password in clear.", setting="PUENTE_ALERT_SMTP", way_out=way_out
        )
    if bool(user) != bool(password):
        raise errors.Misconfigured(
            "PUENTE_ALERT_SMTP_USER and PUENTE_ALERT_SMTP_PASSWORD_FILE go together.",
            setting="PUENTE_ALERT_SMTP_USER",
            way_out="Set both, or none.",
        )
    return MailServer(
        host=parts.hostname,
        port=port or usual,
        security=security,
        user=user,
        password=password,
        rules=rules,
        ca_file=ca_file,
    )


def _unreadable(way_out: str) -> errors.Misconfigured:
    return errors.Misconfigured("PUENTE_ALERT_SMTP cannot be read.", setting="PUENTE_ALERT_SMTP", way_out=way_out)
