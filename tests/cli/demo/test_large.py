"""`--large NAME`: the user's own large model, measured and used as policy lets it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from befit.catalog import ModelCard, Price, Via, Workspace, WorkspaceEdit, write_template
from befit.cli.demo.company import find_large
from befit.errors import InvalidRequest, NotFound, WorkspaceError
from befit.messages import ChatRequest
from befit.testing import ScriptedUpstream
from befit.vocabulary import SizeClass, Zone
from tests.cli.demo.conftest import Played, play


def large_card(url: str = "http://127.0.0.1:9/v1", **changes: object) -> ModelCard:
    return ModelCard(
        name="big",
        family="big",
        size=SizeClass.LARGE,
        via=Via.OPENAI,
        zone=Zone.EXTERNAL,
        url=url,
        upstream_model="big",
        able=frozenset({"plan"}),
        cost=Price(
            input_usd_per_million=Decimal(2),
            output_usd_per_million=Decimal(8),
            source="the test",
            as_of=date(2026, 1, 1),
        ),
        **changes,
    )


def workspace_with(folder: Path, card: ModelCard) -> Path:
    write_template(folder)
    edit = WorkspaceEdit(Workspace.at(folder))
    edit.put_card(card)
    edit.commit()
    return folder


def test_the_card_comes_from_the_users_workspace(tmp_path: Path) -> None:
    folder = workspace_with(tmp_path, large_card(key_ref="file:keys/big"))
    found = find_large("big", folder)
    assert found.url == "http://127.0.0.1:9/v1"
    assert found.key_ref == f"file:{tmp_path / 'keys' / 'big'}"


def test_a_name_that_is_no_card_is_told_with_the_nearest(tmp_path: Path) -> None:
    folder = workspace_with(tmp_path, large_card())
    with pytest.raises(NotFound, match=r"'bog'.*did you mean 'big'"):
        find_large("bog", folder)


def test_a_folder_without_a_workspace_is_told(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="befit init"):
        find_large("big", tmp_path)


@pytest.mark.parametrize("name", ["smollm2-135m", "minilm-l6"])
def test_a_small_model_is_not_dressed_as_a_large_one(name: str, tmp_path: Path) -> None:
    folder = workspace_with(tmp_path, large_card())
    with pytest.raises(InvalidRequest, match=name):
        find_large(name, folder)


@pytest.fixture(scope="module")
def external(tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, list[str]]:
    """A play beside an external large model that answers every ticket alike."""
    with ScriptedUpstream("account_access", models=("big",)) as upstream:
        folder = tmp_path_factory.mktemp("demo") / "kept"
        played = play(folder, tickets=4, large=large_card(upstream.url))
        received = [ChatRequest.from_json(each.body).text for each in upstream.requests]
    return played, received


@pytest.mark.heavy
def test_an_external_large_model_is_measured_on_invented_tickets(
    external: tuple[Played, list[str]],
) -> None:
    played, _ = external
    measured, row = played.scene("tickets")["large"], played.row("all on the large one")
    assert measured["measured"] and measured["n"] == row["n"] == row["crossed_boundary"] == 4
    assert row["cost_usd_per_million"] > 0
    assert "declared public" in " ".join(played.printed.split())


@pytest.mark.heavy
def test_internal_tickets_never_go_to_it(external: tuple[Played, list[str]]) -> None:
    played, received = external
    assert played.row("Befit")["crossed_boundary"] == 0
    # Four tickets of the measurement and the one public question; nothing else.
    assert len(received) == 5
    assert all("big" in each["excluded"] for each in played.scene("tickets")["requests"])


@pytest.mark.heavy
def test_a_broad_question_goes_to_it_only_where_its_class_allows(
    external: tuple[Played, list[str]],
) -> None:
    played, received = external
    internal, public = played.scene("planning")["requests"]
    assert internal["status"] == "pending_person" and not internal["calls"]
    assert "may not go to zone external" in internal["excluded"]["big"]
    assert (public["status"], public["model"]) == ("answered", "big")
    assert received[-1].startswith("We think of selling weather kites")
