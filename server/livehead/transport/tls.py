"""TLS: the check of a certificate and its key before anything is served with them, and what is served."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from cryptography import x509
from cryptography.x509.oid import NameOID

from livehead.errors import UsageError


class _EncryptedKey(Exception):
    """OpenSSL wants a passphrase."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Of a server: the host names and addresses that it is for, and from when until when it is valid."""

    names: tuple[str, ...]
    begins: datetime
    ends: datetime


def read_certificate(cert: Path) -> Certificate:
    """The first of a PEM chain. Raises :class:`~livehead.errors.UsageError` where there is none. Reads a file."""
    try:
        found = x509.load_pem_x509_certificates(cert.read_bytes())[0]
    except OSError as error:
        raise UsageError(f"--tls-cert {cert}: {error.strerror}. Check the path.") from None
    except ValueError:
        raise UsageError(f"--tls-cert {cert} holds no PEM certificate. Name the chain's file, fullchain.pem.") from None
    try:
        also = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(name.value) for name in also if isinstance(name, x509.DNSName | x509.IPAddress)]
    except x509.ExtensionNotFound:
        names = [str(each.value) for each in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return Certificate(tuple(names), found.not_valid_before_utc, found.not_valid_after_utc)


def verify_tls_files(cert: Path, key: Path, now: datetime | None = None) -> None:
    """Load a PEM certificate chain and its private key as the server would. Reads files.

    Raises :class:`~livehead.errors.UsageError` if either cannot be read, if they do not belong together, if the
    certificate has expired, and for an encrypted key: nobody may be there to type a passphrase.
    """
    found = read_certificate(cert)
    if found.ends < (now or datetime.now(UTC)):
        raise UsageError(
            f"--tls-cert {cert} expired on {found.ends:%Y-%m-%d %H:%M} UTC, and browsers refuse it. Renew it, or serve "
            "without it behind an HTTPS proxy."
        )
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, password=_refuse)
    except _EncryptedKey:
        raise UsageError(
            f"--tls-key {key} is encrypted, and Livehead does not ask for a passphrase. "
            f"Write a plain copy with `openssl pkey -in {key} -out plain.pem` and name that."
        ) from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise UsageError(
                f"--tls-key {key} is not the key of --tls-cert {cert} (KEY_VALUES_MISMATCH). "
                "Name the two of one renewal."
            ) from None
        raise UsageError(f"--tls-cert {cert} and --tls-key {key}: {error}") from None
    except OSError as error:
        raise UsageError(f"--tls-key {key}: {error.strerror}. Check the path.") from None


def restrict(context: ssl.SSLContext) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 (:rfc:`9325` section 3.1), and no renegotiation, which costs a client nothing to ask for."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _refuse() -> NoReturn:
    raise _EncryptedKey
