"""TLS: the check of a certificate and its key before anything is served with them, and what is served."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NoReturn

from livehead.errors import UsageError


class _EncryptedKey(Exception):
    """OpenSSL wants a passphrase."""


def verify_tls_files(cert: Path, key: Path) -> None:
    """Load a PEM certificate chain and its private key as the server would. Reads files.

    Raises :class:`~livehead.errors.UsageError` if either cannot be read, if they do not belong together, and for an
    encrypted key: nobody may be there to type a passphrase.
    """
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, password=_refuse)
    except _EncryptedKey:
        raise UsageError(
            f"--tls-key {key} is encrypted, and Livehead does not ask for a passphrase. "
            f"Write a plain copy with `openssl pkey -in {key} -out plain.pem` and name that."
        ) from None
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"--tls-cert {cert} and --tls-key {key}: {error}") from None


def restrict(context: ssl.SSLContext) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 (:rfc:`9325` section 3.1), and no renegotiation, which costs a client nothing to ask for."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _refuse() -> NoReturn:
    raise _EncryptedKey
