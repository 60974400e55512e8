"""A failed connection says what to try."""

from __future__ import annotations

import pytest

from contract.trouble import advice


@pytest.mark.parametrize(
    ("why", "names"),
    [
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate",
            "ca_file",
        ),
        ("certificate verify failed: IP address mismatch, certificate is not valid for '127.0.0.1'.", "mqtt.host"),
        ("certificate verify failed: certificate has expired (_ssl.c:1006)", "clock"),
        ("[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca", "ca_file"),
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", "cert_file"),
        ("[code:135] Not authorized", "mqtt.password_file"),
        ("[Errno 111] Connection refused", "mqtt.port"),
        ("[Errno -2] Name or service not known", "DNS"),
        ("[Errno 113] No route to host", "router"),
        ("Operation timed out", "firewall"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "mqtt.port"),
        ("something that nobody foresaw", "broker's own log"),
    ],
)
def test_what_to_try_fits_what_was_said(why: str, names: str) -> None:
    assert names in advice(why)
