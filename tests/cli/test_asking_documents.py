"""`befit ask --collection`: what two readers see of the same folder, and where it stands."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Shell, needs_weights

RULES = """
rules:
  - {path: "hr/**", groups: [hr], data_class: confidential}
  - {path: "**", groups: [everyone]}
"""
BAND = "What is the salary band of a lamp designer?"
HOTEL = "How much is paid for a hotel room?"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    needs_weights()
    folder = tmp_path_factory.mktemp("asked")
    documents = folder / "documents"
    (documents / "hr").mkdir(parents=True)
    (documents / "travel.md").write_text(
        "# Travel\n\nA hotel room is paid for up to 120 EUR a night. Trains come first.\n"
    )
    (documents / "hr" / "bands.md").write_text(
        "# Bands\n\nThe salary band of a lamp designer is 48,000 to 61,000 EUR a year.\n"
    )
    Shell(folder, {"OMP_NUM_THREADS": "1"})("init", "ws")
    (folder / "ws" / "knowledge").mkdir(exist_ok=True)
    (folder / "ws" / "knowledge" / "acl.yaml").write_text(RULES)
    shell = Shell(folder / "ws", {"OMP_NUM_THREADS": "1"})
    shell("ingest", str(documents), "--collection", "handbook")
    return shell


def test_an_answer_is_printed_with_its_sources(asked: Shell) -> None:
    result = asked("ask", HOTEL, "--collection", "handbook", "--as", "mara")
    answer, _, sources = result.out.partition("\nSources\n")
    assert "A hotel room is paid for up to 120 EUR a night. [1]" in answer
    assert sources.splitlines()[0].startswith("  [1] handbook/travel.md (Travel), characters ")
    assert "minilm-l6 (device" in result.err


def test_who_may_not_read_it_hears_that_the_documents_do_not_say(asked: Shell) -> None:
    hana = asked("ask", BAND, "--collection", "handbook", "--as", "hana:hr", "--json").json
    assert "48,000 to 61,000" in hana["output"]
    assert hana["data_class"] == "confidential"
    assert hana["found"] is True
    mara = asked("ask", BAND, "--collection", "handbook", "--as", "mara", "--json").json
    assert mara["output"] == "The documents do not say."
    assert (mara["status"], mara["found"], mara["citations"]) == ("answered", False, [])
    shown = asked("audit", "show", hana["decision_id"]).out
    assert "Documents of handbook" in shown
    assert "* handbook/hr/bands.md" in shown
    assert "48,000" not in shown


def test_a_conversation_is_named_and_goes_on_in_another_command(asked: Shell) -> None:
    talk = ("--collection", "handbook", "--as", "hana:hr", "--conversation", "pay", "--json")
    assert asked("ask", BAND, *talk).json["data_class"] == "confidential"
    after = asked("ask", HOTEL, *talk).json
    assert "120 EUR" in after["output"]
    assert after["data_class"] == "confidential"


def test_a_wrong_collection_exits_1_and_names_the_nearest(asked: Shell) -> None:
    result = asked("ask", HOTEL, "--collection", "handbok", code=1)
    assert "did you mean 'handbook'?" in result.err
