"""An incident may take over what rationing proposes for each shelter, when staff say so and never by itself."""

from __future__ import annotations

from pathlib import Path

import httpx

from central.api.app import create_app
from central.api.desk import Desk
from central.core.incidents import Wish
from contract.steering import Mode
from tests.central.api.test_incidents import FIRST, KEY, SECOND, TOKEN, UNPROVEN, WHO
from tests.central.control.parts import house
from tests.central.fake import FakeQueries

BODY = {"mode": "backup", "scope": {"kind": "sites", "names": [UNPROVEN, FIRST, SECOND]}, "tiers_closed": 3} | WHO
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


async def test_each_shelter_gets_its_own_tiers_only_when_asked_and_never_more_than_wanted(tmp_path: Path) -> None:
    rations = {FIRST: 1, SECOND: 5, "E0000000009111": 2}
    async with house(tmp_path, signer=KEY) as city:
        desk = Desk(city.control, city.live, rations=lambda: rations)
        app = create_app(FakeQueries(), ready=dict, clock=city.clock, desk=desk, token=TOKEN)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://city/api/v1", headers=HEADERS) as client:
            plain = (await client.post("/incidents", json=BODY)).json()
            assert plain["tiers_by_site"] == {}
            made = (await client.post("/incidents", json=BODY | {"ration": True})).json()
            assert made["tiers_by_site"] == {FIRST: 1, SECOND: 5}, "of the shelters that are meant alone"
            rations.clear()  # What was taken over stays as it was then.
            confirmed = await client.post(f"/incidents/{made['id']}/confirm", json={"by": "佐藤", "why": "確認"})
            assert confirmed.status_code == 200, confirmed.text
            assert {site: order.desired.tiers_closed for site, order in city.control.fleet.orders.items()} == {
                FIRST: 1,
                SECOND: 3,
            }
            none = await client.post("/incidents", json=BODY | {"ration": True})
            assert none.status_code == 409
            assert "tiers_w" in none.json()["try"]
    # After a restart the book says the same.
    async with house(tmp_path, signer=KEY, is_new=False) as city:
        assert city.control.incident(made["id"]).wish.tiers_of(FIRST) == 1
        assert city.control.incident(plain["id"]).wish.tiers_of(FIRST) == 3


def test_rationing_only_ever_lowers_the_number() -> None:
    wish = Wish(mode=Mode.BACKUP, tiers_closed=2, tiers_by_site=(("A", 1), ("B", 4)))
    assert [wish.tiers_of(site) for site in "ABC"] == [1, 2, 2]
