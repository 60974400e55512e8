"""The address of the records' database and its password, which stands in a file of its own."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote


def address_of(url: str | None, password_file: Path | None) -> str | None:
    """The address with the password of its user; without a file as it is.

    Raises:
        ValueError: the file can't be read, or there is no user whose password it could be.
    """
    if url is None or password_file is None:
        return url
    try:
        password = password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"records_password_file: {error}") from None
    head, _, rest = url.partition("://")
    user, mark, host = rest.rpartition("@")
    if not mark:
        raise ValueError("records_password_file wants a user in records_url: postgresql+psycopg://USER@HOST/DATABASE")
    return f"{head}://{user.partition(':')[0]}:{quote(password, safe='')}@{host}"
