"""The alerts learn of certificates' ends from the records, while commands change them."""

from __future__ import annotations

import asyncio

import pytest

from central.certificate_ends import CertificateEnds
from central.core.provisioning import DAY_MS, VALID_DAYS
from central.store.base import StoreError
from central.store.records import Records
from tests.deploy.parts import HERE, WHO, Administrator


async def test_the_newest_that_holds_counts_and_a_withdrawn_one_does_not(admin: Administrator) -> None:
    records = await Records.open(admin.data / "records.sqlite")
    ends = CertificateEnds(records.certificates)
    try:
        await ends.look()
        assert ends.expiries() == {}, "broker and service are not shelters"
        await asyncio.to_thread(admin.files, HERE)
        await asyncio.to_thread(admin.says, "renew", HERE, "--out", admin.folder, *WHO)
        await ends.look()
        newest = max(one.made_ms for one in await records.certificates.all())
        seconds_ms = (newest + VALID_DAYS * DAY_MS) // 1_000 * 1_000
        assert ends.expiries() == {HERE: seconds_ms}
        await asyncio.to_thread(admin.says, "revoke", HERE, *WHO)
        await ends.look()
        assert ends.expiries() == {}
    finally:
        await records.close()
    with pytest.raises(StoreError):
        await ends.look()
