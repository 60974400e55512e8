"""The bytes of every example, written out: a change of the wire does not pass unseen.

When one of these must change, shelters in the field speak the old bytes: raise ``VERSION``, or show that the old side
still reads the new ones.
"""

from __future__ import annotations

import pytest

from contract import wire
from contract.examples import Example, examples

GOLDEN = {
    "first": (
        b'{"e":"k3v9x2","s":1,"t":1795474800012,"r":[["VSl4-A",0,18420,-6050,715,4],["VOgPKg",84,-3310,1013]],'
        b'"d":{"VSl4-A":["inverter",[0,50,53,77]],"VOgPKg":["meter",[80,83]]}}'
    ),
    "live": (
        b'{"e":"k3v9x2","s":4711,"t":1795474800012,"r":[["VSl4-A",0,18420,-6050,715,4],["VOgPKg",84,-3310,1013]]}'
    ),
    "gap": (b'{"e":"k3v9x2","s":4712,"t":1795474800012,"r":[["VSl4-A",0,18420,-6050,"n",4],["VOgPKg",84,"t"]]}'),
    "history": (
        b'{"e":"k3v9x2","s":[[4700,4702]],"t":1795474800012,"c":[["VSl4-A",[0,5000,5000],[18420,-25,7],[-6050,'
        b'0,2],[715,0,1],4],["VOgPKg",[84,5000,5000],[-3310,40,40],1013]]}'
    ),
    "grid_lost": (b'{"e":"k3v9x2","s":4713,"t":1795474805012,"k":"grid_lost","y":"alarm","i":"inverter"}'),
    "data_lost": (
        b'{"e":"k3v9x2","s":4714,"t":1795474806000,"k":"data_lost","y":"warning","l":[{"a":1,"b":240,"f":17937'
        b'46800000,"u":1793747995000,"n":660,"y":"thinned_1min"}]}'
    ),
    "online": (
        b'{"online":true,"at_ms":1795474800000,"agent":"0.1.0","interval_s":5,"clock":"known","devices":[{"id"'
        b':"inverter","profile":"huawei-sun2000","online":true,"last_answer_ms":1795474800012,"model":"SUN2000'
        b'-33KTL","serial":"0000000000","refused":["battery.soh_pct"]},{"id":"meter","profile":"sdm630","onlin'
        b'e":false,"last_answer_ms":1795474735000}],"outbox":{"epoch":"k3v9x2","next_seq":4713,"waiting":3,"fi'
        b'rst_seq":4700,"oldest_ms":1795474800000,"bytes":1048576,"bytes_max":268435456}}'
    ),
    "last_will": (b'{"online":false}'),
    "ack": (b'{"e":"k3v9x2","a":[[1,4699],[4711,4711]],"n":{"17":"future_time"},"t":1795474800420}'),
    "need": (b'{"e":"k3v9x2","d":["VOgPKg"],"t":1795474800420}'),
    "again": (b'{"e":"k3v9x2","g":[[4720,4811]],"t":1795474800420}'),
}


def test_every_example_has_its_golden_bytes() -> None:
    assert [sample.name for sample in examples()] == list(GOLDEN)


@pytest.mark.parametrize("sample", examples(), ids=lambda sample: sample.name)
def test_the_bytes_are_the_agreed_ones(sample: Example) -> None:
    assert wire.encode(sample.message) == GOLDEN[sample.name]
