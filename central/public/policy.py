"""The file that says what is published: read, checked whole, every fault with its place."""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from central.core.publication import Part, Policy, Service, When

BYTES_MAX: Final = 65_536
TIER_MAX: Final = 8


class PolicyError(ValueError):
    """A policy that can't be used. The text names every fault and its place, one a line."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    publish: dict[Part, When]
    services: dict[Service, Annotated[int, Field(ge=1, le=TIER_MAX)] | Literal["none"]]
    hours_classes_h: Annotated[list[Annotated[float, Field(gt=0, le=720)]], Field(min_length=1, max_length=10)]

    @field_validator("publish")
    @classmethod
    def _all_parts(cls, told: dict[Part, When]) -> dict[Part, When]:
        # What a file forgets must not be published by a default that nobody has read.
        missing = [part.value for part in Part if part not in told]
        if missing:
            raise ValueError(f"say of {', '.join(missing)} whether and when: always, while_open or never")
        return told

    @field_validator("hours_classes_h")
    @classmethod
    def _rising(cls, told: list[float]) -> list[float]:
        if sorted(set(told)) != told:
            raise ValueError("want rising hours, such as [3, 6, 12, 24]")
        return told


def read_policy(data: bytes) -> Policy:
    """A policy from the bytes of its file.

    Raises:
        PolicyError: names every fault.
    """
    if len(data) > BYTES_MAX:
        raise PolicyError(f"the file is larger than {BYTES_MAX} bytes: a policy has a few lines")
    try:
        given = yaml.safe_load(data.decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PolicyError(f"not YAML in UTF-8: {' '.join(str(error).split())}") from None
    if not isinstance(given, dict):
        raise PolicyError("want publish, services and hours_classes_h (shelter-central public policy example)")
    try:
        told = _File.model_validate(given)
    except ValidationError as error:
        raise PolicyError("\n".join(_said(fault) for fault in error.errors())) from None
    return Policy(
        parts=told.publish,
        tiers={service: None if tier == "none" else tier for service, tier in told.services.items()},
        hours_classes_h=tuple(told.hours_classes_h),
    )


def example() -> bytes:
    """The file to start from; it holds where the city has none of its own."""
    return (resources.files("central.public") / "library" / "policy.yaml").read_bytes()


def load_policy(path: Path | None) -> Policy:
    """The policy of a file, or the one that holds without a file.

    Raises:
        PolicyError: it can't be read or used.
    """
    if path is None:
        return read_policy(example())
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path}: {error.strerror}") from None
    try:
        return read_policy(data)
    except PolicyError as error:
        raise PolicyError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from None


_KNOWN: Final = {
    (): [*_File.model_fields],
    ("publish",): [part.value for part in Part],
    ("services",): [service.value for service in Service],
}


def _said(fault: Any) -> str:
    where = tuple(str(part) for part in fault["loc"] if part != "[key]")
    text = fault["msg"].removeprefix("Value error, ")
    if fault["loc"][-1:] == ("[key]",) or fault["type"] == "extra_forbidden":
        known = _KNOWN.get(where[:-1], [])
        near = difflib.get_close_matches(where[-1], known, n=1)
        text = f"unknown; perhaps {near[0]!r}" if near else f"unknown; want one of {', '.join(known)}"
    return f"{'.'.join(where)}: {text}"
