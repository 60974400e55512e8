"""Topic names and shelter IDs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.topics import Channel, TopicError, is_site_id, parse, subscription, topic

site_ids = st.from_regex(r"E[0-9]{10}(11|12|20)[1-9A-Za-z]", fullmatch=True)


@given(site_ids, st.sampled_from(Channel))
def test_a_topic_can_be_taken_apart_again(site: str, channel: Channel) -> None:
    parsed = parse(topic(site, channel))
    assert (parsed.site, parsed.channel) == (site, channel)
    assert str(parsed) == topic(site, channel)


def test_a_subscription_matches_one_channel_of_every_site() -> None:
    assert subscription(Channel.TELEMETRY) == "shelter/v1/+/telemetry"


@pytest.mark.parametrize("site", ["E1210000080111", "E0000000001111", "E000000000120Z".replace("0Z", "01")])
def test_national_ids_are_known(site: str) -> None:
    assert is_site_id(site)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "E121000008011",
        "E12100000801110",
        "e1210000080111",
        "E1210000081311",
        "E1210000080110",
        "E1210000080111\n",
        "E１210000080111",
        "+",
        "#",
    ],
)
def test_what_only_looks_like_an_id_is_not_one(text: str) -> None:
    assert not is_site_id(text)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("shelter/v2/E0000000001111/telemetry", "want shelter/v1"),
        ("shelter/v1/E0000000001111/telemetry/more", "want shelter/v1"),
        ("telemetry", "want shelter/v1"),
        ("", "want shelter/v1"),
        ("shelter/v1/school/telemetry", "national shelter ID"),
        ("shelter/v1/E0000000001111/orders", "unknown channel 'orders'"),
    ],
)
def test_a_foreign_topic_is_refused_with_its_reason(name: str, told: str) -> None:
    with pytest.raises(TopicError, match=told):
        parse(name)


@given(st.text(max_size=60))
def test_no_text_does_worse_than_a_topic_error(name: str) -> None:
    try:
        parsed = parse(name)
    except TopicError:
        return
    assert str(parsed) == name
