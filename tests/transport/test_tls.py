"""The TLS files are checked before the server starts, and nobody is asked for a passphrase."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from livehead import logs
from livehead.cli import main
from livehead.errors import UsageError
from livehead.transport.tls import read_certificate, verify_tls_files
from transport.certificates import ENCRYPTED, write_pair


def test_a_pair_is_accepted(tmp_path: Path) -> None:
    cert, key = write_pair(tmp_path)
    verify_tls_files(cert, key)
    assert read_certificate(cert).names == ("localhost",)


@pytest.mark.parametrize("expired", [False, True])
def test_what_browsers_or_nobody_can_use_is_refused_in_one_line(
    expired: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    if expired:
        cert, key = write_pair(tmp_path, begins=now - timedelta(days=2), ends=now - timedelta(hours=1))
        words, cure = "expired on", "Renew it"
    else:
        cert, key = write_pair(tmp_path, ENCRYPTED)
        words, cure = "is encrypted", "openssl pkey"
    with pytest.raises(UsageError, match=words):
        verify_tls_files(cert, key)
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    assert main(["serve", "--engine", "preview", "--port", "0", "--tls-cert", str(cert), "--tls-key", str(key)]) == 2
    said = capfd.readouterr()
    assert "pass phrase" not in said.out + said.err
    assert said.err.count("\n") == 1
    assert cure in said.err


def test_files_that_do_not_belong_together_or_are_missing(tmp_path: Path) -> None:
    cert, key = write_pair(tmp_path)
    (tmp_path / "other").mkdir()
    _, other = write_pair(tmp_path / "other")
    with pytest.raises(UsageError, match="KEY_VALUES_MISMATCH"):
        verify_tls_files(cert, other)
    with pytest.raises(UsageError, match=r"no\.pem"):
        verify_tls_files(tmp_path / "no.pem", other)
    with pytest.raises(UsageError, match=r"no\.key"):
        verify_tls_files(cert, tmp_path / "no.key")
    with pytest.raises(UsageError, match="no PEM certificate"):
        verify_tls_files(key, key)
