"""``/ngsi-ld/v1/subscriptions``: other systems ask to be told (5.8). All of it wants the right to change rules."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from central.api.gate import needs
from central.core.access import Principal, Right
from central.core.ngsi import subs
from central.core.ngsi.ask import check_uri
from central.core.ngsi.terms import inline, ours
from central.ngsi import http
from central.ngsi.notifier import Notifier, Subscriber

Subscribing = Annotated[Principal, Depends(needs(Right.RULES))]
SubscriptionId = Annotated[str, Path(description="A URN", examples=["urn:ngsi-ld:Subscription:1f2e3d4c"])]
PATH = "/ngsi-ld/v1/subscriptions"
_REFUSED: dict[int | str, dict[str, Any]] = {
    413: {**http.ERRORS[400], "description": "More than 100 kB"},
    415: {**http.ERRORS[400], "description": "Neither JSON nor JSON-LD"},
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"type": "object"}, "example": http.SUBSCRIPTION} for kind in (http.JSON, http.LD)
        },
    }
}


def router(notifier: Notifier, clock: Callable[[], int]) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["ngsi-ld"], route_class=http.EtsiRoute, responses=http.ERRORS)

    def shown(one: Subscriber) -> dict[str, Any]:
        return subs.shown(one.kept.document, one.told, one.kept.sent, clock())

    @routes.post(
        PATH,
        summary="Subscribe (5.8.1)",
        status_code=HTTPStatus.CREATED,
        response_class=Response,
        responses={201: {"description": "Its Location is where it is"}, **_REFUSED, 409: http.ERRORS[400]},
        openapi_extra=_BODY,
    )
    async def create(request: Request, who: Subscribing) -> Response:
        """Body: a Subscription, JSON or JSON-LD, at most 100 kB. The answer's Location is where it is."""
        document, context = await http.body(request)
        kept = subs.kept(document)
        told = subs.read(kept, context, default_id=f"urn:ngsi-ld:Subscription:{uuid.uuid4()}", now_ms=clock())
        await notifier.add(kept, told, who.name)
        return Response(status_code=HTTPStatus.CREATED, headers={"Location": f"{PATH}/{told.id}"})

    @routes.get(
        PATH,
        summary="Subscriptions (5.8.4)",
        response_class=Response,
        responses=http.said([http.SUBSCRIPTION]),
        openapi_extra=http.documented("limit", "offset", "count"),
    )
    async def query(request: Request, _who: Subscribing) -> Response:
        """The oldest first."""
        http.known_only(request, "limit", "offset", "count", "local")
        part = http.page(request)
        found = list(notifier.subscribers.values())
        told = [shown(one) for one in found[part.offset : part.offset + part.limit]]
        kind = http.media_type(request)
        return http.answer(told, kind, http.context_of(request), part.headers(request, len(found)))

    @routes.get(
        PATH + "/{subscription_id}",
        summary="One subscription (5.8.3)",
        response_class=Response,
        responses=http.said(http.SUBSCRIPTION),
    )
    async def retrieve(request: Request, _who: Subscribing, subscription_id: SubscriptionId) -> Response:
        """As it was given, with the @context of its names and what became of its notifications."""
        http.known_only(request, "local")
        one = notifier.find(_id(subscription_id))
        context = inline(one.kept.document["@context"], http.CONTEXT_PATH, ours(http.our_url(request)))
        return http.answer(shown(one), http.media_type(request), context)

    @routes.patch(
        PATH + "/{subscription_id}",
        summary="Change a subscription (5.8.2)",
        status_code=HTTPStatus.NO_CONTENT,
        response_class=Response,
        responses=_REFUSED,
        openapi_extra=_BODY,
    )
    async def update(request: Request, who: Subscribing, subscription_id: SubscriptionId) -> Response:
        """Members that are given replace the old ones; null takes one away."""
        notifier.find(_id(subscription_id))
        change, _ = await http.body(request)
        await notifier.change(subscription_id, change, who.name)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @routes.delete(
        PATH + "/{subscription_id}",
        summary="End a subscription (5.8.5)",
        status_code=HTTPStatus.NO_CONTENT,
        response_class=Response,
    )
    async def delete(who: Subscribing, subscription_id: SubscriptionId) -> Response:
        """Nothing is sent from now on."""
        await notifier.drop(_id(subscription_id), who.name)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return routes


def _id(told: str) -> str:
    check_uri(told, "id")
    return told
