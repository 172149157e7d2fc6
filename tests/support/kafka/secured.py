"""A listener with TLS and SASL for a broker of the tests, with a certificate authority made for it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER: Final = "puente"
PASSWORD: Final = "a password for this test"
_A_DAY: Final = timedelta(days=1)
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_JAAS: Final = "org.apache.kafka.common.security"


@dataclass(frozen=True, kw_only=True)
class Secured:
    """Where the listener is, and the files that a client wants."""

    port: int
    ca_file: Path
    password_file: Path
    broker_file: Path

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, topic: str, *, mechanism: str, password_file: Path | None = None) -> str:
        """The log URL of an installation that reaches the broker this way."""
        return (
            f"kafka://{self.bootstrap}/{topic}?security=sasl_ssl&sasl_mechanism={mechanism}&username={USER}"
            f"&password_file={password_file or self.password_file}&ca_file={self.ca_file}"
        )

    def settings(self, *, port: int, controller_port: int) -> str:
        """Lines for the broker's settings; they stand in place of those for the plain listener alone."""
        mine = "listener.name.secured"
        open_to = f"PLAINTEXT://127.0.0.1:{port},SECURED://{self.bootstrap}"
        lines = [
            f"listeners={open_to},CONTROLLER://127.0.0.1:{controller_port}",
            f"advertised.listeners={open_to}",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL",
            f"{mine}.ssl.keystore.type=PEM",
            f"{mine}.ssl.keystore.location={self.broker_file}",
            f"{mine}.sasl.enabled.mechanisms={','.join(_MECHANISMS)}",
            f'{mine}.plain.sasl.jaas.config={_JAAS}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
        ]
        lines += [
            f"{mine}.{name.lower()}.sasl.jaas.config={_JAAS}.scram.ScramLoginModule required;"
            for name in _MECHANISMS[1:]
        ]
        return "\n".join(lines) + "\n"

    def format_arguments(self) -> list[str]:
        """What makes the user when the broker's data are formatted."""
        return [
            word
            for name in _MECHANISMS[1:]
            for word in ("--add-scram", f'{name}=[name={USER},password="{PASSWORD}"]')
        ]


def secured(folder: Path, port: int) -> Secured:
    """Make an authority, and with it a certificate for 127.0.0.1."""
    now = datetime.now(UTC)
    ca_key, broker_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
    ca = _certificate(ca_name, ca_name, ca_key, now).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker of a test")])
    broker = _certificate(name, ca_name, broker_key, now).add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
    )
    made = Secured(
        port=port,
        ca_file=folder / "ca.pem",
        password_file=folder / "password",
        broker_file=folder / "broker.pem",
    )
    pem = serialization.Encoding.PEM
    ca_text = ca.sign(ca_key, hashes.SHA256()).public_bytes(pem)
    key_text = broker_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made.ca_file.write_bytes(ca_text)
    made.broker_file.write_bytes(key_text + broker.sign(ca_key, hashes.SHA256()).public_bytes(pem) + ca_text)
    made.password_file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    return made


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _A_DAY)
        .not_valid_after(now + _A_DAY)
    )
