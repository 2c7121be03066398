"""Answers from documents over HTTP: what the official client sees of them, whole and streamed."""

from __future__ import annotations

import json

import pytest

from befit.knowledge.access import Acl
from befit.knowledge.answers import NOT_IN_DOCUMENTS
from befit.testing import Reply
from befit.testing.shelving import Shelved, shelve
from befit.vocabulary import DataClass
from tests.embedder import CARD

HOTEL = "How much is paid for a hotel room?"
TEXT = "A hotel room is paid for up to 120 EUR a night. Breakfast is not paid for apart.\n"
DOCUMENTS = (
    Shelved(
        doc_id="travel.md",
        title="Travel",
        text=TEXT,
        uri="https://lamps.example/travel",
        data_class=DataClass.PUBLIC,
    ),
    Shelved(doc_id="canteen.md", text="The canteen is open from eleven to two.\n", page=3),
    Shelved(
        doc_id="salaries.md",
        text="The salary band of a lamp designer is 48,000 to 61,000 EUR a year.\n",
        acl=Acl(groups=frozenset({"hr"})),
        data_class=DataClass.CONFIDENTIAL,
    ),
)
WORKFLOWS = {
    "ask-documents": "description: Ask the documents.\nknowledge: {}\n",
    "write-it": """
description: Write from the documents.
knowledge: {collections: [handbook], mode: write}
escalation: {models: [near]}
""",
}
ASKED = {"befit": {"collection": "handbook"}}


@pytest.fixture
async def house(build, embedder):
    async with build(embedder=embedder, more=CARD, workflows=WORKFLOWS) as house:
        await shelve(embedder.shelf(house.platform), "handbook", DOCUMENTS)
        yield house


def _question(text=HOTEL):
    return [{"role": "user", "content": text}]


async def test_the_official_client_reads_citations_and_annotations(house):
    answer = await house.openai().chat.completions.create(
        model="auto", messages=_question(), extra_body=ASKED
    )
    message = answer.choices[0].message
    assert "120 EUR" in message.content
    first = message.annotations[0]
    assert first.type == "url_citation"
    assert first.url_citation.title == "Travel"
    assert first.url_citation.url == "https://lamps.example/travel"
    start, end = first.url_citation.start_index, first.url_citation.end_index
    cited = answer.befit["citations"][0]
    assert cited["text"] in message.content[start:end]
    assert first.befit == cited
    assert TEXT[cited["start"] : cited["end"]] == cited["text"]
    contract = {"doc_id", "passage_id", "version", "page", "start", "end", "text"}
    assert contract <= cited.keys()
    assert cited["page"] is None
    assert answer.befit["found"] is True
    assert answer.befit["workflow"] == "ask-documents"
    assert answer.model == "minilm-l6"
    assert answer.usage.prompt_tokens > 0


async def test_a_stream_brings_the_same(house):
    stream = await house.openai().chat.completions.create(
        model="auto",
        messages=_question(),
        stream=True,
        stream_options={"include_usage": True},
        extra_body=ASKED,
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    annotations = [
        each
        for chunk in chunks
        for choice in chunk.choices
        for each in getattr(choice.delta, "annotations", None) or ()
    ]
    last = next(chunk for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason)
    assert last.befit["found"] is True
    assert [each["befit"] for each in annotations] == last.befit["citations"]
    place = annotations[0]["url_citation"]
    assert last.befit["citations"][0]["text"] in text[place["start_index"] : place["end_index"]]


async def test_a_written_stream_leaves_only_once_it_is_checked(house):
    wrong = Reply(text="A hotel room is paid for up to 999 EUR a night [1].", chunks=4)
    house.near.answer_with(wrong)
    stream = await house.openai().chat.completions.create(
        model="workflow:write-it", messages=_question(), stream=True
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert "999" not in text
    assert "120 EUR" in text
    assert "999" not in str(chunks)


async def test_what_may_not_be_read_is_not_in_the_documents(house):
    answer = await house.openai().chat.completions.create(
        model="auto",
        messages=_question("What is the salary band of a lamp designer?"),
        extra_body=ASKED,
    )
    assert answer.choices[0].message.content == NOT_IN_DOCUMENTS
    assert answer.befit["found"] is False
    assert answer.befit["citations"] == []
    assert answer.choices[0].message.annotations is None


async def test_a_document_that_no_browser_opens_is_named(house):
    answer = await house.openai().chat.completions.create(
        model="auto", messages=_question("When is the canteen open?"), extra_body=ASKED
    )
    places = [each.url_citation.url for each in answer.choices[0].message.annotations]
    assert "urn:befit:handbook:canteen.md" in places
    pages = {each["doc_id"]: each["page"] for each in answer.befit["citations"]}
    assert pages["canteen.md"] == 3


async def test_a_run_tells_its_citations(house):
    async with house.http() as http:
        found = await http.post(
            "/v1/workflows/ask-documents/runs", json={"input": HOTEL, "collection": "handbook"}
        )
    document = found.json()
    assert "120 EUR" in document["output"]
    assert document["found"] is True
    assert document["citations"][0]["doc_id"] == "travel.md"


async def test_what_does_not_fit_is_an_error_with_its_decision(house):
    async with house.http() as http:
        for befit, status in (
            ({"collection": "nowhere"}, 404),
            ({"collection": "handbook", "workflow": "triage"}, 400),
            ({"workflow": "ask-documents"}, 400),
        ):
            body = {"model": "auto", "messages": _question(), "befit": befit}
            answer = await http.post("/v1/chat/completions", json=body)
            assert answer.status_code == status
            assert answer.json()["error"]["decision_id"].startswith("dec_")


async def test_the_commands_document_tells_what_is_cited(house):
    document = await house.operate("ask", {"text": HOTEL, "collection": "handbook"})
    assert document["found"] is True
    assert document["citations"][0]["mark"] == 1
    nothing = await house.operate(
        "ask", {"text": "Who was king in 1412?", "collection": "handbook"}
    )
    assert (nothing["found"], nothing["citations"]) == (False, [])
    plain = await house.operate("ask", {"text": "hello", "workflow": "triage"})
    assert "found" not in plain
    route = await house.operate("route", {"text": HOTEL, "collection": "handbook"})
    assert route["data_class"] == "confidential"
    assert "citations" not in route
    assert json.dumps(route)
