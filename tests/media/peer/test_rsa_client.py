"""Clients whose certificate is an RSA one, as GStreamer's is."""

from __future__ import annotations

import datetime

import pytest
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import SRTPProtectionProfile
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from caller import Caller
from livehead.media.peer.peer import Peer

pytestmark = pytest.mark.asyncio


def certificate(monkeypatch: pytest.MonkeyPatch) -> RTCCertificate:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    now = datetime.datetime.now(tz=datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    made = RTCCertificate(key=key, cert=signed)
    create = made._create_ssl_context

    def create_for_rsa(profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = create(profiles)
        context.set_cipher_list(b"ECDHE-RSA-AES128-GCM-SHA256")
        return context

    monkeypatch.setattr(made, "_create_ssl_context", create_for_rsa)
    return made


async def test_it_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Caller() as caller, Peer() as peer:
        monkeypatch.setattr(caller.peer, "_RTCPeerConnection__certificates", [certificate(monkeypatch)])
        await caller.accept(await peer.answer(await caller.offer()))
        await peer.connected.wait()
        assert peer.failure is None
