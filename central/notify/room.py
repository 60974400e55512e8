"""Opens the room: the file of rules, the channels, the two loops."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from central.core.city import CityNow
from central.core.notify.people import Channel, RuleBook
from central.core.notify.reading import read_book
from central.doorkeeper import key_at
from central.newsroom import Newsroom
from central.notify.desk import NoticeDesk, RuleFile
from central.notify.post import Post
from central.notify.senders import senders_of
from central.settings import NotifySettings, Settings, SettingsError
from central.store.notices import NoticeRows


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyRoom:
    """What pages and loops use."""

    desk: NoticeDesk
    post: Post
    key: bytes
    """Marks the addresses by which people acknowledge."""


def ready_channels(settings: NotifySettings) -> set[Channel]:
    """Channels that the settings have set up."""
    ready = {
        Channel.LINE: settings.line_token_file is not None,
        Channel.MAIL: settings.mail.host is not None,
        Channel.WEBHOOK: settings.webhook_secret_file is not None,
        Channel.APPRISE: bool(settings.apprise),
    }
    return {channel for channel, is_ready in ready.items() if is_ready}


def rule_file(settings: NotifySettings, wards: Callable[[], Collection[str]]) -> RuleFile:
    """The file of the settings, read.

    Args:
        settings: of notifications.
        wards: Japanese names of the city's wards; none: the registry is still empty, and names are not checked.

    Raises:
        SettingsError: it can't be used; the text names every fault.
    """

    def read(data: bytes) -> RuleBook:
        return read_book(data, wards=wards() or None, ready=ready_channels(settings), services=settings.apprise)

    file = RuleFile(settings.rules, read)
    file.look()
    if file.fault:
        raise SettingsError("\n".join(f"{settings.rules}: {line}" for line in file.fault.splitlines()))
    return file


async def open_room(
    settings: Settings,
    rows: NoticeRows,
    newsroom: Newsroom,
    *,
    city: Callable[[], CityNow],
    now: Callable[[], int],
) -> NotifyRoom:
    """Open it; nothing runs yet.

    Raises:
        SettingsError: the file of rules can't be used.
        StoreError: the records can't be read.
    """
    rules = rule_file(settings.notify, lambda: {now.site.ward for now in city().sites})
    key = key_at(settings.data / "notify-key")
    senders = senders_of(settings.notify, allow_hosts=settings.outgoing.allow_hosts, now=now)
    post = Post(rows, senders, lambda: rules.book, now=now)
    desk = NoticeDesk(
        rows,
        newsroom,
        rules,
        city=city,
        key=key,
        public_url=settings.http.public_url or "",
        ring=post.ring,
        now=now,
    )
    await desk.load()
    return NotifyRoom(desk=desk, post=post, key=key)
