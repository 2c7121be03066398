"""Scene 5: one question to the company's own documents, asked by people of different rights."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

import msgspec

from befit.cli.demo.documents import (
    AskedDocument,
    DocumentsDocument,
    QuotedDocument,
    request_document,
)
from befit.cli.demo.screen import Screen
from befit.cli.demo.stage import Asked, Question, Stage

COLLECTION = "house"
_PEOPLE_OFFICE, _WORKSHOP = "ines:people-office", "tomas:workshop"
_PAY = "What does a test pilot get for a flight above 100 m?"
_BANK = "Which bank keeps the company's money?"
_ASKED = ((_PAY, _PEOPLE_OFFICE), (_PAY, _WORKSHOP), (_BANK, _PEOPLE_OFFICE))
_RULES = """\
# Who may read what, by path. The first rule that fits a document decides.
rules:
  - {path: "people-office/**", groups: [people-office], data_class: confidential}
  - {path: "workshop/**", groups: [workshop, people-office]}
  - {path: "everyone/**", groups: [everyone]}
"""


class _Report(msgspec.Struct):
    """What is told of `befit ingest`."""

    added: int
    passages: int
    decision_id: str


async def play_documents(stage: Stage, screen: Screen) -> DocumentsDocument:
    """Take a folder in, then ask twice about pay and once about what no document says."""
    title = "The same question, by who may read what"
    screen.scene(5, title)
    folder = _written(stage.workspace.root)
    await stage.reload()
    with screen.progress("reading the documents") as progress:
        params = {"source": str(folder), "collection": COLLECTION}
        report = msgspec.convert(await stage.perform("ingest", params, progress), _Report)
    screen.say(
        f"{report.added} documents, {report.passages} passages, with the rules of "
        "knowledge/acl.yaml: what lies in people-office/ is confidential and for its people "
        "alone. Answers are quotes; a document's class joins the question's before a model is "
        "chosen, and what a reader may not read is not there for them."
    )
    shown: list[AskedDocument] = []
    for number, (text, reader) in enumerate(_ASKED, start=1):
        question = Question(text=text, collection=COLLECTION, reader=reader)
        asked = await stage.ask(question)
        screen.request(f"as {reader}", text, asked)
        _tell_sources(screen, asked)
        shown.append(_asked(f"documents-{number}", question, asked))
    return DocumentsDocument(
        scene="documents",
        title=title,
        requests=tuple(each.request for each in shown),
        collection=COLLECTION,
        ingest_id=report.decision_id,
        asked=tuple(shown),
    )


def _written(root: Path) -> Path:
    """The documents and the rules, as the company's people would lay them down."""
    folder = root / "documents"
    data = resources.files("befit.cli.demo") / "data"
    with resources.as_file(data / "knowledge") as kept:
        shutil.copytree(kept, folder)
    handbook = (data / "handbook.md").read_bytes()
    (folder / "everyone" / "support-handbook.md").write_bytes(handbook)
    (root / "knowledge").mkdir(exist_ok=True)
    (root / "knowledge" / "acl.yaml").write_text(_RULES)
    return folder


def _tell_sources(screen: Screen, asked: Asked) -> None:
    for each in asked.citations:
        screen.say(f"  {each.doc_id}, characters {each.start} to {each.end}")


def _asked(case: str, question: Question, asked: Asked) -> AskedDocument:
    return AskedDocument(
        request=request_document(case, asked.account, asked.output),
        reader=question.reader or "",
        found=bool(asked.found),
        citations=tuple(
            QuotedDocument(
                doc_id=each.doc_id,
                version=each.version,
                start=each.start,
                end=each.end,
                text=each.text,
            )
            for each in asked.citations
        ),
    )
