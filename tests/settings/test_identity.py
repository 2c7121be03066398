"""The section `identity`: tenants, and whose tokens are believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from befit.catalog import Workspace
from befit.identity import ALGORITHMS, Role
from befit.settings import examine_workspace, load_settings

ISSUER = "issuer: https://idp.example/realm, audience: befit"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "workflows").mkdir()
    return Workspace(tmp_path)


def write(workspace: Workspace, section: str) -> None:
    workspace.config_file.write_text(f"models: {{}}\nidentity: {section}\n")


def test_without_the_section_there_is_one_tenant_and_no_issuer(workspace: Workspace) -> None:
    workspace.config_file.write_text("models: {}\n")
    identity = load_settings(workspace).identity
    assert (identity.tenants, identity.issuers) == (("default",), ())


def test_every_word_of_an_issuer_is_read(workspace: Workspace) -> None:
    workspace.config_file.write_text(
        """
models: {}
identity:
  tenants: [north]
  issuers:
    - issuer: https://idp.example/realm
      audience: [befit, desk]
      tenant: north
      jwks_uri: https://keys.example/all
      algorithms: [ES256]
      clock_skew_s: 5
      groups_claim: realm_access.roles
      name_claim: email
      groups: {"CN=Claims Desk,DC=example": claims-desk}
      roles: {leads: reviewer}
"""
    )
    identity = load_settings(workspace).identity
    (issuer,) = identity.issuers
    assert identity.tenants == ("default", "north")
    assert issuer.url == "https://idp.example/realm"
    assert issuer.discovery_url == "https://idp.example/realm/.well-known/openid-configuration"
    assert issuer.audiences == {"befit", "desk"}
    assert (issuer.tenant, issuer.clock_skew_s, issuer.algorithms) == ("north", 5, {"ES256"})
    assert issuer.groups == {"CN=Claims Desk,DC=example": "claims-desk"}
    assert issuer.roles == {"leads": Role.REVIEWER}
    assert (issuer.groups_claim, issuer.name_claim) == ("realm_access.roles", "email")
    assert issuer.jwks_uri == "https://keys.example/all"


def test_by_default_only_asymmetric_algorithms_are_believed(workspace: Workspace) -> None:
    write(workspace, f"{{issuers: [{{{ISSUER}}}]}}")
    (issuer,) = load_settings(workspace).identity.issuers
    assert issuer.algorithms == set(ALGORITHMS)
    assert not [each for each in ALGORITHMS if each == "none" or each.startswith("HS")]


def test_this_machine_may_be_asked_over_http(workspace: Workspace) -> None:
    write(workspace, "{issuers: [{issuer: 'http://127.0.0.1:9400', audience: befit}]}")
    assert load_settings(workspace).identity.issuers[0].url == "http://127.0.0.1:9400"


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("{tenant: [a]}", "did you mean 'tenants'?"),
        ("{tenants: ['a/b']}", "identity.tenants"),
        (f"{{issuers: [{{{ISSUER}, tenant: nort}}], tenants: [north]}}", "did you mean 'north'?"),
        (f"{{issuers: [{{{ISSUER}}}, {{{ISSUER}}}]}}", "an issuer named twice"),
        ("{issuers: [{audience: befit}]}", "issuer"),
        ("{issuers: [{issuer: 'https://idp.example'}]}", "audience"),
        ("{issuers: [{issuer: 'https://idp.example', audience: []}]}", "audience"),
        ("{issuers: [{issuer: 'http://idp.example', audience: a}]}", "https only"),
        ("{issuers: [{issuer: 'http://127.0.0.1.evil.example', audience: a}]}", "https only"),
        ("{issuers: [{issuer: 'https://u:hunter2@idp.example', audience: a}]}", "no user name"),
        ("{issuers: [{issuer: 'file:///etc/keys', audience: a}]}", "http"),
        (f"{{issuers: [{{{ISSUER}, jwks_uri: 'http://idp.example/k'}}]}}", "https only"),
        (f"{{issuers: [{{{ISSUER}, algorithms: [HS256]}}]}}", "cannot sign"),
        (f"{{issuers: [{{{ISSUER}, algorithms: [none]}}]}}", "cannot sign"),
        (f"{{issuers: [{{{ISSUER}, algorithms: []}}]}}", "algorithms"),
        (f"{{issuers: [{{{ISSUER}, clock_skew_s: 3600}}]}}", "300"),
        (f"{{issuers: [{{{ISSUER}, roles: {{a: root}}}}]}}", "roles"),
        (f"{{issuers: [{{{ISSUER}, groups: {{a: 'b c'}}}}]}}", "groups"),
        (f"{{issuers: [{{{ISSUER}, audiance: x}}]}}", "did you mean 'audience'?"),
    ],
)
def test_a_wrong_word_is_told_with_its_place(workspace: Workspace, section: str, told: str) -> None:
    write(workspace, section)
    problems = examine_workspace(workspace).problems
    assert problems
    assert told in " ".join(map(str, problems))
    assert "hunter2" not in " ".join(map(str, problems))
