"""Settings of the city's single sign-on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from central.core.access import Role

Name = Annotated[str, Field(min_length=1, max_length=300)]


class OidcSettings(BaseModel):
    """The city's single sign-on (OpenID Connect). Without ``issuer`` people sign in with their passwords alone."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    issuer: str | None = None
    """As the provider writes it; its document is ISSUER/.well-known/openid-configuration."""
    client_id: Annotated[str, Field(min_length=1, max_length=200)] = "shelter-central"
    client_secret_file: Path | None = None
    """Without it the provider has to take a public client (PKCE is used in any case)."""
    ca_file: Path | None = None
    """Certificate authority of a provider in the city's own network."""
    name: Annotated[str, Field(min_length=1, max_length=40)] = "市の統合認証"
    name_en: Annotated[str, Field(min_length=1, max_length=40)] = "the city's single sign-on"
    scopes: list[Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,100}$")]] = ["openid", "profile"]
    login_claim: Name = "preferred_username"
    """Becomes the login name, as far as an '@'."""
    name_claim: Name = "name"
    groups_claim: Name = "groups"
    """A claim, or a path such as realm_access.roles."""
    roles: dict[Name, Role] = {}
    """Group → viewer, operator, technician or admin."""
    wards: dict[Name, list[Name]] = {}
    """Group → wards, or ['*'] for the whole city. Without any, everybody has the whole city."""
    make_accounts: bool = True
    """Whether somebody who comes for the first time gets an account; else only linked people come in."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.issuer is None:
            return self
        parts = urlsplit(self.issuer)
        is_near = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}
        if (parts.scheme != "https" and not is_near) or not parts.hostname or parts.username or parts.query:
            raise ValueError("oidc.issuer: want https://HOST/PATH as the provider writes it")
        if "openid" not in self.scopes:
            raise ValueError("oidc.scopes: openid is missing")
        if self.make_accounts and not self.roles:
            raise ValueError("oidc.roles: say which of the provider's groups is which role, as {bousai: operator}")
        return self
