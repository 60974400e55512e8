"""Who may do what: roles, rights, wards. Pure.

A role is a set of rights, the table below and nothing else. A person may be bound to wards: then what changes something
is allowed for shelters of these wards only; reading is not bound, since neighbours help each other in a disaster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a person is in this system."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    TECHNICIAN = "technician"
    ADMIN = "admin"


class Right(StrEnum):
    """What a route or a page asks of who calls it."""

    READ = "read"
    """Everything that staff see."""
    SWITCH = "switch"
    """Declare, confirm and end incidents, answer proposals, save groups."""
    TELL = "tell"
    """Say of a shelter what no device measures: open, crowded, people, medical need."""
    PROVE = "prove"
    """Accept a shelter's new key, change site facts that proofs rest on."""
    RULES = "rules"
    """Change who is notified of what, subscriptions, webhooks."""
    ADMIN = "admin"
    """People, tokens, policies."""


RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    Role.VIEWER: frozenset({Right.READ}),
    Role.OPERATOR: frozenset({Right.READ, Right.SWITCH, Right.TELL}),
    Role.TECHNICIAN: frozenset({Right.READ, Right.TELL, Right.PROVE}),
    Role.ADMIN: frozenset(Right),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks. ``name`` goes into the book of decisions."""

    name: str
    rights: frozenset[Right]
    wards: frozenset[str] = frozenset()
    """Japanese names of the wards that the person is bound to; empty: the whole city."""
    user: str = ""
    """Login name; empty: a token or the service's own machine."""
    may_name_others: bool = False
    """The command line on the service's machine says who decides (``--by``); nobody else may."""
    csrf: str = ""
    """What a form of this session has to carry; empty where there are no cookies."""

    def may(self, right: Right, wards: Iterable[str] = ()) -> bool:
        """Whether this is allowed, for shelters of these wards."""
        return right in self.rights and (not self.wards or set(wards) <= self.wards)


MACHINE: Final = Principal(name="shelter-central", rights=frozenset(Right), may_name_others=True)
"""Commands on the service's machine, which know its token."""
EVERYBODY: Final = Principal(name="", rights=frozenset({Right.READ}))
"""Who has not said who he is, where reading is open (tests, and a service that says so)."""
