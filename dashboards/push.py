"""Puts boards and alert rules into a running Grafana by its HTTP API, where provisioning by files is not wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from grafana_client import GrafanaApi, TokenAuth
from grafana_client.client import GrafanaClientError, GrafanaException

from dashboards.rules import UID
from dashboards.sources import FOLDER, FOLDER_UID

_ADVICE: Final = {
    401: "the token is not accepted: make one for a service account with the role Editor",
    403: "the token may not do this: give its service account the role Editor",
    404: "an older Grafana, or another path before /api: give its address without /api",
    409: "alert rules of these names came from files: leave out --alerts, or take the files away",
    412: "a board of that uid was changed in Grafana meanwhile",
}


class PushError(Exception):
    """Grafana did not take it. The text says where and what to try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """One board as Grafana has it now."""

    uid: str
    title: str
    url: str
    version: int


def push(
    url: str,
    token: str,
    boards: Iterable[Mapping[str, Any]],
    *,
    message: str,
    rules: Mapping[str, Any] | None = None,
    timeout_s: float = 20.0,
) -> list[Pushed]:
    """Write the boards into their folder, over what stands there.

    Args:
        url: Grafana's address.
        token: of a service account that may edit.
        boards: as built.
        message: stands in Grafana's version history.
        rules: a group of alert rules for the same folder; ``None``: none is written. They can be edited in Grafana
            afterwards, as boards can; the next push writes over them.
        timeout_s: for each request.

    Raises:
        PushError: it is away or refuses; boards before that one are written.
    """
    if not token or any(character.isspace() for character in token):
        raise PushError("the token's file is empty or holds more than one token")
    grafana = GrafanaApi.from_url(url, credential=TokenAuth(token), timeout=timeout_s)
    try:
        _folder(grafana)
        pushed = [_one(grafana, board, message) for board in boards]
        if rules is not None:
            # Without provenance: what the API made could be edited nowhere but by the API.
            alerting = grafana.alertingprovisioning
            alerting.update_rule_group(FOLDER_UID, rules["title"], dict(rules), disable_provenance=True)
        return pushed
    except GrafanaException as error:
        raise PushError(f"{url}: {_said(error)}") from error
    except OSError as error:
        raise PushError(f"{url}: no answer: {error} (does Grafana run there?)") from error


def _folder(grafana: GrafanaApi) -> None:
    try:
        grafana.folder.get_folder(FOLDER_UID)
    except GrafanaClientError as error:
        if error.status_code != 404:
            raise
        grafana.folder.create_folder(FOLDER, uid=FOLDER_UID)


def _one(grafana: GrafanaApi, board: Mapping[str, Any], message: str) -> Pushed:
    if not UID.fullmatch(board["uid"]):
        raise PushError(f"{board['uid']!r} cannot be the uid of a board")
    answer = grafana.dashboard.update_dashboard(
        {"dashboard": {**board, "id": None}, "folderUid": FOLDER_UID, "overwrite": True, "message": message}
    )
    return Pushed(uid=answer["uid"], title=board["title"], url=answer["url"], version=int(answer["version"]))


def _said(error: GrafanaException) -> str:
    advice = f" ({_ADVICE[error.status_code]})" if error.status_code in _ADVICE else ""
    return f"HTTP {error.status_code}: {error.message}{advice}"
