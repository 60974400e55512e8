"""The same service as for the API."""

from tests.central.api.conftest import service

__all__ = ["service"]
