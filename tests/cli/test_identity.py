"""People, groups and tenants on the command line, beside a server and alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from befit.testing import ScriptedUpstream
from tests.cli.conftest import Served, Shell, make_workspace, serve


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, near: ScriptedUpstream, far: ScriptedUpstream
) -> Iterator[Served]:
    made = make_workspace(tmp_path_factory.mktemp("served"), near, far)
    config = made.folder / "befit.yaml"
    config.write_text(config.read_text() + "\nidentity: {tenants: [north]}\n")
    yield from serve(made)


def test_people_and_groups_are_kept_from_the_command_line(server: Served) -> None:
    shell = server.shell
    assert "there are no people" in shell("people", "list").err
    added = shell("people", "add", "mara", "--role", "user", "--role", "reviewer", "--json").json
    assert added["roles"] == ["reviewer", "user"]
    assert "group desk is added" in shell("groups", "add", "desk", "--description", "d").out
    shell("groups", "add-member", "desk", "mara")
    assert "mara" in shell("groups", "show", "desk").out
    assert "groups    desk" in shell("people", "show", added["id"]).out
    assert "reviewer,user" in shell("people", "list").out
    key = shell("keys", "create", "laptop", "--person", "mara", "--json").json
    assert next(iter(key)) == "id"
    assert key["person"] == "mara"
    assert "disabled" in shell("people", "disable", "mara").out
    assert "enabled" in shell("people", "enable", "mara").out
    assert "is removed" in shell("people", "remove", "mara").out
    assert shell("groups", "list", "--json").json["groups"][0]["members"] == []
    assert "removed" in shell("groups", "remove", "desk").out


def test_what_is_not_there_exits_1_and_what_is_taken_too(server: Served) -> None:
    shell = server.shell
    shell("people", "add", "jo")
    assert "no person 'ja'; did you mean 'jo'?" in shell("people", "show", "ja", code=1).err
    assert "no group 'desk'" in shell("groups", "show", "desk", code=1).err
    assert "is somebody's already" in shell("people", "add", "jo", code=1).err


def test_a_tenant_is_named_before_the_command_or_by_the_environment(server: Served) -> None:
    shell = server.shell
    shell("--tenant", "north", "people", "add", "nora")
    assert "nora" in shell("--tenant", "north", "people", "list").out
    assert "nora" not in shell("people", "list").out
    assert "nora" in Shell(shell.folder, {"BEFIT_TENANT": "north"})("people", "list").out
    told = shell("--tenant", "nort", "people", "list", code=2)
    assert told.err == "befit: no tenant 'nort'; did you mean 'north'?\n"


def test_an_unknown_tenant_exits_2_without_a_server_too(shell: Shell) -> None:
    told = shell("--tenant", "north", "people", "list", code=2)
    assert told.err == "befit: no tenant 'north'; tenants are default\n"
