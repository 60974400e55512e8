"""Walking a SunSpec device: from the marker through the chain of models to a map."""

from __future__ import annotations

from device_profiles.load import Profile
from device_profiles.model import Discovery


def walk(profile: Profile) -> Discovery:
    """Find the chain and map what the profile takes from its models."""
    raise NotImplementedError
    yield
