"""``shelter-central certificates``, ``provision``, ``renew`` and ``revoke``: what they write and what the book says."""

from __future__ import annotations

import io
import json
import sqlite3
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as how
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from central.core.provisioning import DAY_MS, VALID_DAYS, Issued, Kind, State, due, newest, span_ms, to_revoke
from central.provision import Authority, ProvisionError, key_of_request, new_key
from edge_agent.cli import app as edge
from edge_agent.config import parse_config
from tests.deploy.parts import HERE, THERE, WHO, Administrator

NOW = 1_790_000_000_000


def request_for(name: str, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return built.public_bytes(how.Encoding.PEM)


def listed(admin: Administrator) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(admin.says("certificates", "list", "--json").output)
    return found


def issued(name: str, *, days_left: int, made_ms: int = NOW, revoked_ms: int = 0, kind: Kind = Kind.SITE) -> Issued:
    return Issued(
        serial=f"{name}{made_ms}".lower(),
        kind=kind,
        name=name,
        pem="",
        by="x",
        made_ms=made_ms,
        from_ms=made_ms,
        ends_ms=NOW + days_left * DAY_MS,
        revoked_ms=revoked_ms,
    )


class TestRules:
    def test_a_certificate_is_due_a_quarter_of_a_year_before_its_end(self) -> None:
        states = {days: issued(HERE, days_left=days).state(NOW) for days in (91, 90, 89, 0, -1)}
        assert states == {91: State.GOOD, 90: State.GOOD, 89: State.DUE, 0: State.ENDED, -1: State.ENDED}
        assert issued(HERE, days_left=91, revoked_ms=1).state(NOW) is State.REVOKED

    def test_one_with_a_successor_or_withdrawn_is_not_due(self) -> None:
        old, new = issued(HERE, days_left=10, made_ms=1), issued(HERE, days_left=700, made_ms=2)
        alone, gone = issued(THERE, days_left=20), issued("E0000000003111", days_left=5, revoked_ms=1)
        first = issued("central", days_left=3, kind=Kind.CENTRAL)
        assert due([old, new, alone, gone, first], NOW) == [first, alone]
        assert newest([new, old])[Kind.SITE, HERE] is new

    def test_nothing_holds_longer_than_the_authority(self) -> None:
        ends = NOW + 100 * DAY_MS
        assert span_ms(Kind.SITE, NOW, authority_ends_ms=ends)[1] == ends
        assert span_ms(Kind.SITE, NOW, authority_ends_ms=NOW + 9_000 * DAY_MS)[1] == NOW + VALID_DAYS * DAY_MS
        with pytest.raises(ValueError, match="has ended"):
            span_ms(Kind.SITE, NOW, authority_ends_ms=NOW)

    def test_what_can_be_withdrawn(self) -> None:
        old, new = issued(HERE, days_left=10, made_ms=1), issued(HERE, days_left=700, made_ms=2)
        ended = issued(THERE, days_left=-1)
        known = [old, new, ended, issued("CA", days_left=900, kind=Kind.AUTHORITY)]
        assert to_revoke(known, HERE, NOW) == [old, new]
        assert to_revoke(known, new.serial.upper(), NOW) == [new]
        for which, why in ((THERE, "ended already"), ("nobody", "no certificate"), ("CA", "can't withdraw itself")):
            with pytest.raises(ValueError, match=why):
                to_revoke(known, which, NOW)


class TestRequest:
    def test_only_a_whole_request_of_this_shelter_with_a_strong_key_is_taken(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        assert key_of_request(request_for(HERE, key), HERE, where="x.csr") == key.public_key()
        weak = rsa.generate_private_key(65_537, 1_024)
        changed = bytearray(x509.load_pem_x509_csr(request_for(HERE, key)).public_bytes(how.Encoding.DER))
        changed[-1] ^= 1
        broken = x509.load_der_x509_csr(bytes(changed)).public_bytes(how.Encoding.PEM)
        for pem, why in (
            (request_for(THERE, key), f"made for {THERE}"),
            (request_for(HERE, weak), "2048 bits"),
            (broken, "x.csr"),
            (b"hello", "x.csr: no certificate request"),
        ):
            with pytest.raises(ProvisionError, match=why):
                key_of_request(pem, HERE, where="x.csr")


class TestCommands:
    def test_the_keys_are_their_owners_alone_and_a_second_authority_is_refused(self, admin: Administrator) -> None:
        for secret in (admin.data / "authority" / "ca.key", admin.keys / "broker.key", admin.folder / "central.key"):
            assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        said = admin.says("certificates", "init", *WHO, code=2)
        assert "an authority already" in said.output
        (admin.data / "authority" / "ca.key").chmod(0o644)
        said = admin.says("provision", HERE, "--out", admin.folder, *WHO, code=2)
        assert "chmod 600" in said.output

    def test_the_zip_holds_what_a_technician_needs(self, admin: Administrator) -> None:
        admin.says("keys", "new", *WHO)
        said = admin.says("provision", HERE, "--out", admin.folder, *WHO)
        assert "delete it afterwards" in said.output
        packed = admin.folder / f"{HERE}.zip"
        assert stat.S_IMODE(packed.stat().st_mode) == 0o600
        with zipfile.ZipFile(packed) as archive:
            files = {Path(name).name: archive.read(name) for name in archive.namelist()}
        assert set(files) == {"README.txt", "ca.crt", "client.crt", "client.key", "city.pub.pem", "site.yaml"}
        site = yaml.safe_load(files["site.yaml"])
        assert site["site"] == HERE
        assert site["mqtt"]["host"] == "127.0.0.1"
        assert set(site["mqtt"]["tls"].values()) <= set(files)
        meter = {"id": "lan1", "tcp": {"host": "192.168.1.20"}, "devices": [{"id": "meter", "profile": "sdm630"}]}
        config = parse_config({**site, "buses": [meter]}, admin.folder / "site.yaml")
        assert config.mqtt.tls is not None
        assert config.mqtt.tls.key_file == admin.folder / "client.key"
        assert config.outbox.keep_delivered_h == 48
        certificate = x509.load_pem_x509_certificate(files["client.crt"])
        key = how.load_pem_private_key(files["client.key"], None)
        assert certificate.public_key() == key.public_key()
        assert "秘密" in files["README.txt"].decode()

    def test_with_a_request_the_key_stays_in_the_box(self, admin: Administrator) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        (admin.folder / "client.csr").write_bytes(request_for(HERE, key))
        admin.says("provision", HERE, "--csr", admin.folder / "client.csr", "--out", admin.folder, *WHO)
        with zipfile.ZipFile(io.BytesIO((admin.folder / f"{HERE}.zip").read_bytes())) as archive:
            names = {Path(name).name for name in archive.namelist()}
            certificate = x509.load_pem_x509_certificate(archive.read(f"{HERE}/client.crt"))
        assert "client.key" not in names
        assert certificate.public_key() == key.public_key()

    def test_the_box_asks_and_its_key_stays_with_it_however_often(self, admin: Administrator) -> None:
        box = admin.folder / "etc"
        first = CliRunner().invoke(edge, ["request", HERE, "--dir", str(box), "--lang", "ja"])
        assert "秘密" in first.output
        assert stat.S_IMODE((box / "client.key").stat().st_mode) == 0o600
        key = (box / "client.key").read_bytes()
        again = CliRunner().invoke(edge, ["request", HERE, "--dir", str(box), "--lang", "en"])
        assert again.exit_code == 0
        assert "stays" in again.output
        assert (box / "client.key").read_bytes() == key
        admin.says("provision", HERE, "--csr", box / "client.csr", "--out", admin.folder, *WHO)
        admin.says("provision", THERE, "--csr", box / "client.csr", "--out", admin.folder, *WHO, code=2)
        (box / "client.key").write_text("no key")
        for arguments, why in (
            (["request", HERE, "--dir", str(box)], "--dir"),
            (["request", "school", "--dir", str(box)], "E0000000001111"),
            (["request", HERE, "--dir", "/proc/nowhere"], "--dir"),
        ):
            refused = CliRunner().invoke(edge, arguments)
            assert refused.exit_code == 2
            assert why in refused.output

    def test_what_the_records_forgot_is_entered_again_and_can_be_withdrawn(self, admin: Administrator) -> None:
        box, broker = admin.files(HERE)["cert_file"], admin.keys / "broker.crt"
        serials = {str(one["serial"]): str(one["kind"]) for one in listed(admin)}
        with sqlite3.connect(admin.data / "records.sqlite") as db:
            db.execute("DELETE FROM certificate WHERE kind != 'authority'")
        admin.says("revoke", HERE, *WHO, code=2)
        for file in (box, broker, admin.folder / "central.crt"):
            admin.says("certificates", "adopt", file, *WHO)
        assert {str(one["serial"]): str(one["kind"]) for one in listed(admin)} == serials
        assert "is known already" in admin.says("certificates", "adopt", box, *WHO, code=2).output
        assert HERE in admin.says("revoke", HERE, *WHO).output
        stranger = Administrator(admin.folder / "stranger")
        stranger.folder.mkdir()
        stranger.set_up()
        other = stranger.folder / "central.crt"
        assert "no certificate of this authority" in admin.says("certificates", "adopt", other, *WHO, code=2).output

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (("provision", "E0000000009111", *WHO), "is not registered"),
            (("provision", "school", *WHO), "no national shelter ID"),
            (("provision", HERE, "--by", "田中", "--why", " "), "why: give the reason"),
            (("renew", *WHO), "--due"),
            (("renew", THERE, *WHO), "no certificate to renew"),
            (("revoke", THERE, *WHO), "no certificate of that name"),
        ],
    )
    def test_what_cannot_be_done_is_said_with_what_to_try(
        self, admin: Administrator, arguments: tuple[str, ...], why: str
    ) -> None:
        assert why in admin.says(*arguments, code=2).output

    def test_without_an_authority_it_says_how_to_make_one(self, tmp_path: Path) -> None:
        said = Administrator(tmp_path).says("revoke", HERE, *WHO, code=2)
        assert "certificates init" in said.output

    def test_a_renewal_is_for_the_same_key_and_holds_no_secret(self, admin: Administrator) -> None:
        before = x509.load_pem_x509_certificate(admin.files(HERE)["cert_file"].read_bytes())
        admin.says("renew", HERE, "--out", admin.folder / "new", *WHO)
        text = (admin.folder / "new" / f"{HERE}.crt").read_bytes()
        after = x509.load_pem_x509_certificate(text)
        assert after.public_key() == before.public_key()
        assert after.serial_number != before.serial_number
        assert b"PRIVATE" not in text
        admin.says("renew", "127.0.0.1", "--out", admin.folder / "new", *WHO)
        broker = x509.load_pem_x509_certificate((admin.folder / "new" / "127.0.0.1.crt").read_bytes())
        names = broker.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert {str(name.value) for name in names} == {"127.0.0.1", "localhost"}

    def test_renew_due_takes_those_that_end_soon(self, admin: Administrator) -> None:
        admin.files(HERE)
        assert "none is due" in admin.says("renew", "--due", "--out", admin.folder, *WHO).output
        with sqlite3.connect(admin.data / "records.sqlite") as db:
            db.execute("UPDATE certificate SET ends_ms = made_ms + 86400000 WHERE kind = 'site'")
        said = admin.says("certificates", "list", "--due")
        assert HERE in said.output
        assert "broker" not in said.output
        said = admin.says("renew", "--due", "--out", admin.folder, *WHO)
        assert said.output.count(".crt: holds until") == 1
        assert "none is due" in admin.says("certificates", "list", "--due").output

    def test_withdrawn_stands_in_list_book_and_the_broker_s_file(self, admin: Administrator) -> None:
        certificate = x509.load_pem_x509_certificate(admin.files(HERE)["cert_file"].read_bytes())
        before = x509.load_pem_x509_crl(admin.crl.read_bytes())
        admin.says("revoke", HERE, "--by", "田中", "--why", "盗難")
        crl = x509.load_pem_x509_crl(admin.crl.read_bytes())
        authority = x509.load_pem_x509_certificate((admin.keys / "ca.crt").read_bytes())
        assert before.get_revoked_certificate_by_serial_number(certificate.serial_number) is None
        assert crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
        assert crl.next_update_utc == authority.not_valid_after_utc
        (row,) = [one for one in listed(admin) if one["name"] == HERE]
        assert (row["state"], row["revoked_by"], row["revoked_why"]) == ("revoked", "田中", "盗難")
        book = json.loads(admin.says("audit", "list", "--json").output)["entries"]
        actions = [one["action"] for one in book]
        assert actions.count("certificate_made") == 4
        assert actions.count("certificate_revoked") == 1
        admin.crl.unlink()
        admin.says("certificates", "crl")
        again = x509.load_pem_x509_crl(admin.crl.read_bytes())
        assert again.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None


def test_a_key_with_a_passphrase_opens_with_it_alone(tmp_path: Path) -> None:
    made, _ = Authority.make(tmp_path / "a", "CA", passphrase="合言葉".encode(), by="x", now_ms=NOW)
    assert b"ENCRYPTED" in (tmp_path / "a" / "ca.key").read_bytes()
    assert Authority.open(tmp_path / "a", passphrase="合言葉".encode()).pem == made.pem
    for passphrase, why in ((None, "--passphrase-file"), (b"wrong", "wrong passphrase")):
        with pytest.raises(ProvisionError, match=why):
            Authority.open(tmp_path / "a", passphrase=passphrase)
    other, _ = Authority.make(tmp_path / "b", "CA", passphrase=None, by="x", now_ms=NOW)
    (tmp_path / "b" / "ca.crt").write_bytes(made.pem)
    with pytest.raises(ProvisionError, match="do not belong together"):
        Authority.open(tmp_path / "b", passphrase=None)
    signed = other.sign(Kind.SITE, HERE, new_key()[0], by="x", now_ms=NOW)
    assert replace(signed, revoked_ms=NOW).state(NOW) is State.REVOKED
