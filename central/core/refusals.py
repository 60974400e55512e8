"""What a person may not do with an incident or a shelter now, and why. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class No(StrEnum):
    """Why an act is refused."""

    ALREADY = "already"
    STAND_DOWN_FIRST = "stand_down_first"
    OPEN_A_NEW_ONE = "open_a_new_one"
    IS_CLOSED = "is_closed"
    ANOTHER_PERSON = "another_person"
    STILL_OUT = "still_out"
    NOTHING_SENT = "nothing_sent"
    IT_OBEYS = "it_obeys"
    UNDER_WAY = "under_way"
    ON_ITS_OWN = "on_its_own"
    NOT_VERIFIED = "not_verified"
    STILL_HELD = "still_held"
    REGISTERED = "registered"
    NOT_OUT = "not_out"


SAYS: Final = {
    No.ALREADY: "that was done already",
    No.STAND_DOWN_FIRST: "it still holds its shelters: stand it down first",
    No.OPEN_A_NEW_ONE: "it is standing down: open a new incident instead",
    No.IS_CLOSED: "it is closed: open a new incident instead",
    No.ANOTHER_PERSON: (
        "this is the whole city, so another person than the one who declared it has to confirm. "
        "If nobody else can be reached: break glass, which everybody will see"
    ),
    No.STILL_OUT: "shelters have not shown that they are back: wait, send a crew, or close it all the same",
    No.NOTHING_SENT: "nothing was sent to this shelter, so there is nothing to send again",
    No.IT_OBEYS: "it has proven this order: there is nothing to send again",
    No.UNDER_WAY: "it still has time to answer: wait until its deadline",
    No.ON_ITS_OWN: "the grid is gone and it cares for itself: it comes to the order when the grid is back",
    No.NOT_VERIFIED: "its commissioning does not prove any more that it can be switched: commission it again",
    No.STILL_HELD: "an incident still holds this shelter: stand that down first",
    No.REGISTERED: "it is registered: whoever stands its incident down releases it",
    No.NOT_OUT: "nothing that the city ordered is left there",
}


class RefusedError(ValueError):
    """An act that is not allowed now. ``no`` names why."""

    def __init__(self, no: No) -> None:
        self.no = no
        super().__init__(SAYS[no])
