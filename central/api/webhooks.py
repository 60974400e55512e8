"""``/api/v1/webhooks``: register receivers of news, see how deliveries stand, try again what was given up."""

from __future__ import annotations

from collections.abc import Awaitable
from http import HTTPStatus
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Response

from central.api.gate import needs, within
from central.api.models import webhooks as models
from central.api.problems import Problem
from central.api.routes import ERRORS
from central.core.access import Principal, Right
from central.core.city import Queries
from central.core.hooks import Filter, Hook, HookError
from central.hooks_out import HookBook
from central.newsroom import Newsroom

Ruler = Annotated[Principal, Depends(needs(Right.RULES))]
HookId = Annotated[str, Path(max_length=40, description="Webhook's id", examples=["hook-1f2e3d4c"])]
Number = Annotated[int, Path(ge=1, le=2**53, description="Number of the news", examples=[1042])]
T = TypeVar("T")
EVERYWHERE: Final = "全市"
"""Stands for the wards of a webhook that is told of the whole city."""


def router(book: HookBook, newsroom: Newsroom, queries: Queries) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"], responses=ERRORS)

    @routes.get("", summary="All webhooks and how their deliveries stand")
    async def every(_: Ruler) -> models.WebhookList:
        """The oldest first, without their secrets."""
        counts = await book.rows.counts()
        return models.WebhookList(
            webhooks=[models.webhook_out(one, counts.get(one.id, 0)) for one in await book.rows.all()]
        )

    @routes.post("", status_code=HTTPStatus.CREATED, summary="Register a webhook")
    async def add(body: models.WebhookIn, who: Ruler) -> models.WebhookMade:
        """The answer holds the secret with which deliveries are signed; it is shown this once. News are told from now
        on. Nothing is sent yet: `POST /api/v1/webhooks/{hook_id}/test` does."""
        hook = await registered(book, newsroom, queries, body.name, body.url, body.filter.filter(), who)
        return models.WebhookMade(webhook=models.webhook_out(hook, 0), secret=hook.secret)

    @routes.get("/{hook_id}", summary="One webhook")
    async def one(hook_id: HookId, _: Ruler) -> models.WebhookOut:
        """Without its secret, which was shown once at the registration."""
        hook = await found(book.hook(hook_id))
        return models.webhook_out(hook, (await book.rows.counts()).get(hook_id, 0))

    @routes.delete("/{hook_id}", status_code=HTTPStatus.NO_CONTENT, summary="Remove a webhook")
    async def remove(hook_id: HookId, who: Ruler) -> Response:
        """Its dead letters go with it."""
        await touchable(book, hook_id, who)
        await found(book.remove(hook_id, by=who.name))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @routes.post("/{hook_id}/test", summary="Send a test message now")
    async def test(hook_id: HookId, who: Ruler) -> models.Tried:
        """Signed as every delivery, with `X-Shelter-Id: test`. It is sent once, and waits for no other."""
        await touchable(book, hook_id, who)
        taken, said = await found(book.test(hook_id))
        return models.Tried(taken=taken, said=said)

    @routes.get("/{hook_id}/dead-letters", summary="What could not be delivered")
    async def letters(
        hook_id: HookId, _: Ruler, limit: Annotated[int, Query(ge=1, le=1_000, description="At most so many")] = 100
    ) -> models.LetterList:
        """News that nobody took for 24 hours, the newest first. They stay until somebody tries them again."""
        await found(book.hook(hook_id))
        return models.LetterList(
            dead_letters=[models.letter_out(each) for each in await book.rows.letters(hook_id, limit=limit)]
        )

    @routes.post("/{hook_id}/dead-letters/retry", summary="Try all dead letters of a webhook once more")
    async def retry_all(hook_id: HookId, who: Ruler) -> models.Asked:
        """Under their first ids. What fails again stays a dead letter."""
        await touchable(book, hook_id, who)
        return models.Asked(asked=await found(book.retry(hook_id, None, by=who.name)))

    @routes.post("/{hook_id}/dead-letters/{n}/retry", summary="Try one dead letter once more")
    async def retry(hook_id: HookId, n: Number, who: Ruler) -> models.Asked:
        """Under its first id."""
        await touchable(book, hook_id, who)
        asked = await found(book.retry(hook_id, n, by=who.name))
        if not asked:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "No such dead letter",
                f"News {n} is no dead letter of {hook_id}.",
                where="path: n",
                attempt="GET /api/v1/webhooks/{hook_id}/dead-letters lists them.",
            )
        return models.Asked(asked=asked)

    return routes


async def registered(
    book: HookBook, newsroom: Newsroom, queries: Queries, name: str, url: str, asked: Filter, who: Principal
) -> Hook:
    """Register, or say what is wrong.

    Raises:
        Problem: it can't be one.
    """
    unknown = asked.wards - {now.site.ward for now in queries.now().sites}
    # Who is bound to wards may not have the whole city told.
    within(who, Right.RULES, asked.wards or {EVERYWHERE})
    try:
        if unknown:
            raise HookError(f"wards: no shelter is in {', '.join(sorted(unknown))}")
        return await book.add(name, url, asked, after_n=newsroom.latest, by=who.name)
    except HookError as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "Not a webhook", f"{error}.", where=f"body: {str(error).partition(':')[0]}"
        ) from None


async def touchable(book: HookBook, hook_id: str, who: Principal) -> None:
    """Refuse a webhook that is told of more than a person's wards.

    Raises:
        Problem: there is none with this id, or it is not this person's.
    """
    within(who, Right.RULES, (await found(book.hook(hook_id))).filter.wards or {EVERYWHERE})


async def found(work: Awaitable[T]) -> T:
    """What is asked of a webhook.

    Raises:
        Problem: there is none with this id.
    """
    try:
        return await work
    except LookupError as error:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "Unknown webhook",
            f"No webhook has the id {str(error.args[0])[:60]!r}.",
            where="path: hook_id",
            attempt="GET /api/v1/webhooks lists all.",
        ) from None
