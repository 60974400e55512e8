"""What to try when a broker cannot be reached or refuses: the words of sockets, OpenSSL and MQTT turned into advice.

Both sides have the same settings under the same names (``mqtt.host``, ``mqtt.tls.ca_file``…), so one advice serves.
"""

from __future__ import annotations

from typing import Final

_ADVICE: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (
        ("local issuer certificate", "self-signed certificate", "self signed certificate", "unknown ca"),
        "the broker's certificate is not from the authority in mqtt.tls.ca_file: check that file, and mqtt.host",
    ),
    (
        ("address mismatch", "hostname mismatch", "doesn't match"),
        "the broker's certificate is made out to another name: check mqtt.host",
    ),
    (
        ("certificate has expired", "certificate is not yet valid"),
        "the broker's certificate is out of date, or this machine's clock is wrong: check the clock first",
    ),
    (
        ("tlsv1 alert", "tlsv13 alert", "sslv3 alert", "certificate required", "bad certificate"),
        "the broker does not take this client's certificate: check mqtt.tls.cert_file and mqtt.tls.key_file",
    ),
    (
        ("wrong version number", "record layer failure"),
        "the broker does not speak TLS on mqtt.port: check the port, or leave mqtt.tls out",
    ),
    (
        ("not authori", "bad user name", "bad username"),
        "the broker does not know this user: check mqtt.username and mqtt.password_file, or the certificate",
    ),
    (
        ("connection refused",),
        "nothing listens on mqtt.host and mqtt.port: check both, and that the broker runs",
    ),
    (
        ("name or service not known", "name resolution", "nodename nor servname"),
        "the name in mqtt.host is not known here: check it, and this machine's DNS",
    ),
    (
        ("no route", "unreachable"),
        "no way leads to mqtt.host: check the line and the router",
    ),
    (
        ("timed out", "timeout"),
        "no answer: check the line, mqtt.host and firewalls; a refused mqtt.tls.cert_file looks so too",
    ),
)
_OTHERWISE: Final = "check the line, mqtt.host and mqtt.port, and the broker's own log"


def advice(why: str) -> str:
    """What to try, for the words that came with a failed connection."""
    said = why.lower()
    return next((text for words, text in _ADVICE if any(word in said for word in words)), _OTHERWISE)
