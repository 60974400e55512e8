"""``shelter-edge request``: the box makes its key itself and asks the city for a certificate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.commands.common import fail, spoken_language

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_WORDS = {
    "ja": {
        "no_site": "{site} は避難所の番号ではありません(例 E0000000001111)。",
        "no_key": "{path}: 秘密鍵として読めません。別のフォルダーを --dir で指定してください。({why})",
        "stuck": "{path} に書けません: {why}。書き込めるフォルダーを --dir で指定してください。",
        "made": "{key} を作りました。秘密です。この箱から出さないでください。",
        "kept": "{key} はすでにあるので、そのまま使います。",
        "next": "{request} を市に送る(秘密ではない)。市では shelter-central provision {site} --csr client.csr",
    },
    "en": {
        "no_site": "{site} is no national shelter ID such as E0000000001111.",
        "no_key": "{path}: can't be read as a private key ({why}). Name another folder by --dir.",
        "stuck": "{path} can't be written: {why}. Name a folder by --dir that can.",
        "made": "Made {key}. It is a secret: it never leaves this box.",
        "kept": "{key} is there already and stays.",
        "next": "Send {request} to the city (no secret); there: shelter-central provision {site} --csr client.csr",
    },
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(request)


def request(
    site: Annotated[str, typer.Argument(help="National shelter ID, such as E0000000001111.")],
    folder: Annotated[Path, typer.Option("--dir", help="Folder for client.key and client.csr.")] = Path(),
    lang: Annotated[str | None, typer.Option(help="ja or en; usually as the system says.")] = None,
) -> None:
    """Make this box's key, and a request for its certificate. 箱の鍵と証明書の申請書を作ります。

    The key stays here, readable by its owner alone; only the request travels. With a key that is there already a new
    request is made for it, so it may be repeated.

    \b
    Example:
      sudo shelter-edge request E0000000001111 --dir /etc/shelter
    """
    from contract.topics import is_site_id

    words = _WORDS[spoken_language(lang)]
    if not is_site_id(site):
        fail(words["no_site"].format(site=site))
    key_file, request_file = folder / "client.key", folder / "client.csr"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        key, is_new = _key(key_file)
        request_file.write_bytes(_request(key, site))
    except OSError as error:
        fail(words["stuck"].format(path=error.filename or folder, why=error.strerror or error))
    except (ValueError, TypeError) as error:
        fail(words["no_key"].format(path=key_file, why=error))
    typer.echo(words["made" if is_new else "kept"].format(key=key_file))
    typer.echo(words["next"].format(request=request_file, site=site))


def _key(path: Path) -> tuple[EllipticCurvePrivateKey, bool]:
    """The key of the file, and whether it was made now."""
    from cryptography.hazmat.primitives import serialization as how
    from cryptography.hazmat.primitives.asymmetric import ec

    if path.exists():
        found = how.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(found, ec.EllipticCurvePrivateKey):
            raise ValueError("want a key of elliptic curves")
        return found, False
    key = ec.generate_private_key(ec.SECP256R1())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.private_bytes(how.Encoding.PEM, how.PrivateFormat.PKCS8, how.NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    return key, True


def _request(key: EllipticCurvePrivateKey, site: str) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives import serialization as how
    from cryptography.x509.oid import NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, site)])
    built = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return built.public_bytes(how.Encoding.PEM)
