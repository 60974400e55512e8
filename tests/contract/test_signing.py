"""Signatures: who signed, nothing changed, and openssl agrees."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.signing import KeyFileError, Signer, fingerprint, in_text, is_signed_by, of_text, public_pem

SIGNER = Signer.new()


@given(st.binary(max_size=200))
def test_a_document_is_signed_by_its_signer_alone(document: bytes) -> None:
    signature = SIGNER.sign(document)
    assert is_signed_by(SIGNER.public, document, signature)
    assert not is_signed_by(Signer.new().public, document, signature)


@given(st.binary(min_size=1, max_size=80), st.data())
def test_one_changed_bit_breaks_a_signature(document: bytes, data: st.DataObject) -> None:
    signature = SIGNER.sign(document)
    place = data.draw(st.integers(0, 8 * len(document) - 1))
    changed = bytearray(document)
    changed[place // 8] ^= 1 << place % 8
    assert not is_signed_by(SIGNER.public, bytes(changed), signature)


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_nonsense_is_no_signature_and_never_an_exception(public: bytes, signature: bytes) -> None:
    assert not is_signed_by(public, b"document", signature)
    assert not is_signed_by(SIGNER.public, b"document", signature)


def test_a_key_survives_its_file() -> None:
    again = Signer.of_pem(SIGNER.pem())
    assert again.public == SIGNER.public
    assert "PRIVATE" not in repr(again)
    assert fingerprint(SIGNER.public) in repr(again)


@pytest.mark.parametrize("pem", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n"])
def test_a_file_that_holds_no_key_is_named_so(pem: bytes) -> None:
    with pytest.raises(KeyFileError, match="PEM"):
        Signer.of_pem(pem)


def test_another_kind_of_key_is_named_so() -> None:
    from cryptography.hazmat.primitives import serialization as how
    from cryptography.hazmat.primitives.asymmetric import ec

    other = ec.generate_private_key(ec.SECP256R1())
    pem = other.private_bytes(how.Encoding.PEM, how.PrivateFormat.PKCS8, how.NoEncryption())
    with pytest.raises(KeyFileError, match="Ed25519"):
        Signer.of_pem(pem)


def test_text_of_a_key_comes_back_only_in_its_length() -> None:
    assert of_text(in_text(SIGNER.public), length=32) == SIGNER.public
    assert of_text(in_text(SIGNER.public), length=64) is None
    assert of_text("no base64!", length=32) is None


def test_a_fingerprint_can_be_read_out() -> None:
    shown = fingerprint(SIGNER.public)
    assert len(shown) == 19
    assert shown.count("-") == 3
    assert shown != fingerprint(Signer.new().public)


def test_openssl_proves_the_same(tmp_path: Path) -> None:
    document, key, signature = tmp_path / "report.json", tmp_path / "key.pem", tmp_path / "report.sig"
    document.write_bytes(b'{"kind": "commissioning_report"}\n')
    key.write_bytes(public_pem(SIGNER.public))
    signature.write_bytes(SIGNER.sign(document.read_bytes()))
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(key), "-rawin"]
    verify += ["-in", str(document), "-sigfile", str(signature)]
    assert subprocess.run(verify, capture_output=True, check=False, timeout=20).returncode == 0
    document.write_bytes(b'{"kind": "commissioning_report" }\n')
    assert subprocess.run(verify, capture_output=True, check=False, timeout=20).returncode != 0
