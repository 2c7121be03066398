"""`befit ingest` and `befit knowledge` as a user runs them, without a server and beside one."""

from __future__ import annotations

import json
import signal
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import docx
import pytest

from tests.cli.conftest import Shell, needs_weights, serve, until

RULES = """
rules:
  - {path: "hr/**", groups: [hr]}
  - {path: "**", groups: [everyone]}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    needs_weights()
    folder = tmp_path_factory.mktemp("home")
    outside = Shell(folder, {"OMP_NUM_THREADS": "1"})
    outside("init", "ws")
    workspace = folder / "ws"
    (workspace / "knowledge").mkdir(exist_ok=True)
    (workspace / "knowledge" / "acl.yaml").write_text(RULES)
    return Shell(workspace, {"OMP_NUM_THREADS": "1"})


def pdf(text: str) -> bytes:
    """A PDF of one page that says this."""
    content = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources 6 0 R>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Font<</F1 5 0 R>>>>",
    ]
    out = bytearray(b"%PDF-1.4\n")
    places: list[int] = []
    for number, each in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % each for each in places)
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    return bytes(out)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real files of six kinds, one that is broken and one that is a trap."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "hr").mkdir()
    (folder / "travel.md").write_text("# Travel\n\nTrains are first class beyond two hours.\n")
    (folder / "notes.txt").write_text("The boiler is inspected every spring by the plant team.\n")
    (folder / "rays.html").write_text(
        "<html><head><title>Radiology</title><script>alert(1)</script></head>"
        "<body><h1>Archive</h1><p>X-rays are kept for ten years.</p></body></html>"
    )
    document = docx.Document()
    document.add_heading("Salary bands")
    document.add_paragraph("Band seven begins at ninety-one thousand a year.")
    document.save(str(folder / "hr" / "bands.docx"))
    (folder / "visitors.pdf").write_bytes(pdf("Visitors sign the book at gate four."))
    (folder / "sites.csv").write_text("site,city\nnorth,Kestrel\nsouth,Marlow\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 cut off")
    with zipfile.ZipFile(folder / "bomb.docx", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("word/document.xml", b"<a>" + b" " * 300_000_000)
    return folder


def searched(
    shell: Shell, folder: Path, collection: str, queries: dict[str, str]
) -> dict[str, list[str]]:
    """What is found by queries, each by its own reader: `mara` or `tom:hr` before a colon."""
    file = folder / "queries.jsonl"
    rows = [{"query_id": each, "query": each, "as": who} for each, who in queries.items()]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ("--queries", str(file), "--collection", collection, "--json")
    found = shell("search", *arguments).json["queries"]
    return {each["query_id"]: [hit["doc_id"] for hit in each["results"]] for each in found}


def test_a_run_that_is_killed_goes_on_where_it_was(home: Shell, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    texts = [f"Row {at}: the pump at site {at} is oiled on day {at}. " * 8 for at in range(250)]
    rows.write_text(
        "".join(
            json.dumps({"doc_id": f"d{at}", "text": each}) + "\n" for at, each in enumerate(texts)
        )
    )
    running = home.start("ingest", str(rows), "--collection", "rows", "--data-class", "public")
    live = home.folder / ".befit" / "knowledge" / "default"

    def generation() -> int:
        number = (live / "live").read_text()
        return (live / number / "vectors").stat().st_size

    def is_begun() -> bool:
        return (live / "live").exists() and generation() > 0

    until(lambda: is_begun() or running.poll() is not None, within_s=90)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    report = home("ingest", str(rows), "--collection", "rows", "--json").json
    assert report["added"] + report["unchanged"] == 250
    assert 0 < report["unchanged"] + report["finished"] <= 250
    assert home("knowledge", "verify", "--json").json["ok"]
    home("audit", "verify")


def test_an_interrupted_run_says_what_is_kept_and_holds_the_workspace_by_its_name(
    home: Shell, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    texts = [f"Row {at}: the valve at site {at} is turned on day {at}. " * 8 for at in range(900)]
    rows.write_text("".join(json.dumps({"text": each}) + "\n" for each in texts))
    running = home.start("ingest", str(rows), "--collection", "cut-off")
    lock = home.folder / ".befit" / "lock"
    until(lambda: lock.read_text().endswith("ingest\n") or running.poll() is not None)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "what was taken in is kept; the same command goes on from there" in err


def test_a_source_that_is_not_there_is_wrong_use_in_one_line(home: Shell) -> None:
    told = home("ingest", "no-such-folder", "--collection", "handbook", code=2)
    assert len(told.err.strip().splitlines()) == 1
    assert "no-such-folder" in told.err
    home("ingest", ".", "--collection", "handbook", "--every", "soon", code=2)
    home("ingest", "no-such-folder", "--collection", "handbook", "--watch", code=2)


@pytest.fixture(scope="module")
def served(home: Shell) -> Iterator[Shell]:
    for _ in serve(home):
        yield home


def test_a_folder_of_mixed_files_is_taken_in_and_two_users_find_different_things(
    served: Shell, mixed: Path, tmp_path: Path
) -> None:
    done = served("ingest", str(mixed), "--collection", "handbook", "--json")
    report = done.json
    assert (report["added"], report["complete"]) == (6, True)
    assert {each["what"] for each in report["skipped"]} == {"broken.pdf", "bomb.docx"}
    assert "skipped: broken.pdf" in done.err
    wanted = {
        "first class trains": "travel.md",
        "how long are x-rays kept": "rays.html",
        "where do visitors sign": "visitors.pdf",
        "which city is the north site in": "sites.csv",
        "when is the boiler inspected": "notes.txt",
    }
    queries = dict.fromkeys(wanted, "mara") | {"salary": "mara", "salary band seven": "tom:hr"}
    found = searched(served, tmp_path, "handbook", queries)
    assert {query: found[query][0] for query in wanted} == wanted
    assert "hr/bands.docx" not in found["salary"]
    assert found["salary band seven"][0] == "hr/bands.docx"


def test_a_second_run_says_what_changed_in_between(
    served: Shell, mixed: Path, tmp_path: Path
) -> None:
    (mixed / "travel.md").write_text("# Travel\n\nNobody flies within the country.\n")
    (mixed / "notes.txt").unlink()
    told = served("ingest", str(mixed), "--collection", "handbook").out
    assert "0 added, 1 changed, 4 unchanged, 1 removed, 2 skipped" in told
    assert "version 2" in told
    found = searched(served, tmp_path, "handbook", {"who flies": "mara", "boiler": "mara"})
    assert found["who flies"][0] == "travel.md"
    assert "notes.txt" not in found["boiler"]
    shown = served("knowledge", "show", "travel.md").out
    assert "group everyone, by the rule ** of knowledge/acl.yaml" in shown
    assert "decision dec_" in shown


def test_beside_a_running_server_it_is_found_by_the_next_question(
    served: Shell, tmp_path: Path
) -> None:
    folder = tmp_path / "plant"
    folder.mkdir()
    (folder / "valve.md").write_text("# Valve V-9\n\nValve V-9 is replaced after three winters.\n")
    inside = Shell(tmp_path, served.environ | {"BEFIT_WORKSPACE": str(served.folder)})
    report = inside("ingest", "plant", "--collection", "plant", "--json").json
    assert (report["added"], report["source"]) == (1, f"file:{folder}")
    query = "when is the valve replaced"
    assert searched(served, tmp_path, "plant", {query: "mara"}) == {query: ["valve.md"]}
    named = ("knowledge", "remove", "valve.md", "--collection", "plant")
    refused = inside(*named, code=1).err
    assert "document valve.md of collection plant would go, for everybody" in refused
    assert "repeat with --yes" in refused
    assert searched(served, tmp_path, "plant", {query: "mara"}) == {query: ["valve.md"]}
    assert inside(*named, "--yes").out == "document valve.md of collection plant removed\n"
    assert searched(served, tmp_path, "plant", {query: "mara"}) == {query: []}


def test_watching_takes_in_what_changes_until_it_is_interrupted(
    served: Shell, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("Lamps are changed in pairs.")
    watching = served.start(
        "ingest", str(tmp_path), "--collection", "watched", "--watch", "--every", "1s", "--json"
    )
    assert watching.stdout is not None
    reports = _documents(watching.stdout)
    try:
        first = next(reports)
        (tmp_path / "b.txt").write_text("Fuses are kept in the red drawer.")
        second = next(reports)
        (tmp_path / "a.txt").unlink()
        third = next(reports)
    finally:
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=60)
    counts = [(each["added"], each["removed"]) for each in (first, second, third)]
    assert counts == [(1, 0), (1, 0), (0, 1)]
    listed = served("knowledge", "list", "--json").json["collections"]
    figures = {each["name"]: each["figures"] for each in listed}
    assert figures["watched"]["documents"] == 1
    assert watching.returncode in {0, 130}


def _documents(lines: Iterable[str]) -> Iterator[dict[str, int]]:
    """The documents that a command prints one after another, each once it is whole."""
    held = ""
    for line in lines:
        held += line
        if line.rstrip() == "}":
            yield json.loads(held)
            held = ""
