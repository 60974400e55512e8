"""What the provider's claims make of somebody: groups, wards, names. Values in, values out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.access import Role
from central.core.signon import Meaning, No, Placed, SignOnError, checked, placed
from central.settings import SettingsError, load

MEANING = Meaning(
    roles={"a": Role.ADMIN, "o": Role.OPERATOR, "t": Role.TECHNICIAN, "v": Role.VIEWER},
    wards={"north": frozenset({"花見川区", "稲毛区"}), "south": frozenset({"緑区"}), "hq": frozenset({"*"})},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
CLAIMS = [
    "iss",
    "aud",
    "azp",
    "nonce",
    "exp",
    "iat",
    "nbf",
    "sub",
    "groups",
    "preferred_username",
    "name",
    "_claim_names",
]


def told(*groups: str, **more: Any) -> dict[str, Any]:
    return {"preferred_username": "tanaka", "name": "田中", "groups": list(groups), **more}


@pytest.mark.parametrize(
    ("groups", "role", "wards"),
    [
        (("v", "hq"), Role.VIEWER, set()),
        (("t", "o", "north"), Role.OPERATOR, {"花見川区", "稲毛区"}),
        (("v", "a", "south", "north"), Role.ADMIN, {"花見川区", "稲毛区", "緑区"}),
        (("o", "south", "hq"), Role.OPERATOR, set()),
    ],
)
def test_the_strongest_role_and_all_wards_hold(groups: tuple[str, ...], role: Role, wards: set[str]) -> None:
    assert placed(told(*groups), MEANING) == Placed(login="tanaka", name="田中", role=role, wards=frozenset(wards))


@pytest.mark.parametrize(
    ("claims", "no"),
    [
        (told("hq"), No.NO_ROLE),
        (told("V", "hq"), No.NO_ROLE),
        (told("o"), No.NO_WARD),
        (told(groups=None), No.NO_ROLE),
        (told(groups={"a": 1}), No.NO_ROLE),
        (told("a", "hq", preferred_username="é"), No.LOGIN_BAD),
        (told("a", "hq", preferred_username=7), No.LOGIN_BAD),
        (told("a", "hq", name="evil\u202ename"), No.LOGIN_BAD),
        (told("a", "hq", _claim_names={"groups": "src1"}), No.GROUPS),
    ],
)
def test_who_can_not_be_placed_is_told_why(claims: dict[str, Any], no: No) -> None:
    with pytest.raises(SignOnError) as caught:
        placed(claims, MEANING)
    assert caught.value.no is no


@pytest.mark.parametrize(
    ("claim", "claims"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["o"]}}),
        ("https://city.example/groups", {"https://city.example/groups": ["o"]}),
        ("role", {"role": "o"}),
    ],
)
def test_groups_are_found_by_name_or_by_path(claim: str, claims: dict[str, Any]) -> None:
    meaning = Meaning(roles={"o": Role.OPERATOR}, groups_claim=claim)
    found = placed({"preferred_username": "Tanaka.H@city.example", **claims}, meaning)
    assert (found.login, found.name, found.role, found.wards) == ("tanaka.h", "tanaka.h", Role.OPERATOR, frozenset())


@given(st.dictionaries(st.sampled_from(CLAIMS), JSON))
def test_whatever_a_token_says_ends_in_an_answer(claims: dict[str, Any]) -> None:
    for ask in (
        lambda: checked(claims, issuer="https://i", client_id="c", nonce="n", now_s=1_700_000_000.0),
        lambda: placed(claims, MEANING),
    ):
        with pytest.raises(SignOnError) as caught:
            ask()
        assert caught.value.why


@pytest.mark.parametrize(
    ("oidc", "said"),
    [
        ({"issuer": "http://login.city.example"}, "oidc.issuer: want https"),
        ({"issuer": "https://u:p@login.city.example"}, "oidc.issuer: want https"),
        ({"issuer": "https://login.city.example"}, "oidc.roles: say which"),
        ({"issuer": "https://login.city.example", "roles": {"a": "boss"}}, "oidc.roles.a"),
        ({"issuer": "https://login.city.example", "roles": {"a": "admin"}, "scopes": ["profile"]}, "openid is missing"),
        ({"issuer": "https://login.city.example", "roles": {"a": "admin"}}, "oidc wants http.public_url"),
        ({"isuer": "x"}, "perhaps 'oidc.issuer'"),
    ],
)
def test_settings_that_can_not_be_used_say_what_to_write(tmp_path: Any, oidc: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(None, {}, {f"oidc.{name}": value for name, value in oidc.items()}, data=tmp_path)
    assert said in str(caught.value)
