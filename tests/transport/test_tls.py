"""The TLS files are checked before the server starts, and nobody is asked for a passphrase."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from livehead import logs
from livehead.cli import main
from livehead.doctor.network import check_tls
from livehead.errors import UsageError
from livehead.settings import load
from livehead.transport.tls import verify_tls_files

PLAIN = serialization.NoEncryption()
ENCRYPTED = serialization.BestAvailableEncryption(b"secret")


def write_pair(folder: Path, protection: serialization.KeySerializationEncryption) -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection))
    return paths


def test_a_pair_is_accepted(tmp_path: Path) -> None:
    cert, key = write_pair(tmp_path, PLAIN)
    verify_tls_files(cert, key)
    (found,) = check_tls(load({"tls_cert": cert, "tls_key": key}))
    assert found.state == "ok"


def test_an_encrypted_key_is_refused_without_asking(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = write_pair(tmp_path, ENCRYPTED)
    with pytest.raises(UsageError, match="encrypted"):
        verify_tls_files(cert, key)
    (found,) = check_tls(load({"tls_cert": cert, "tls_key": key}))
    assert found.state == "fail"
    assert "encrypted" in found.detail
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    assert main(["serve", "--engine", "preview", "--port", "0", "--tls-cert", str(cert), "--tls-key", str(key)]) == 2
    said = capfd.readouterr()
    assert "pass phrase" not in said.out + said.err
    assert said.err.count("\n") == 1
    assert "openssl pkey" in said.err


def test_files_that_do_not_belong_together_or_are_missing(tmp_path: Path) -> None:
    cert, _ = write_pair(tmp_path, PLAIN)
    (tmp_path / "other").mkdir()
    _, other = write_pair(tmp_path / "other", PLAIN)
    with pytest.raises(UsageError, match="KEY_VALUES_MISMATCH"):
        verify_tls_files(cert, other)
    with pytest.raises(UsageError, match=r"no\.pem"):
        verify_tls_files(tmp_path / "no.pem", other)
