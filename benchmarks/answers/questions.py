"""The questions of both data sets, with what says the answer and whether anything does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from befit.knowledge.retrieval import Question
from befit.messages import Message
from benchmarks.retrieval.collections import (
    ABSTRACTS,
    CONVERSATIONS,
    CranfieldDocument,
    CranfieldQuery,
    MtragPassage,
    data_folder,
    lines,
)

_ROLES = {"user": "user", "agent": "assistant"}


class Turn(msgspec.Struct):
    """One turn of a conversation."""

    speaker: str
    text: str


class _Context(msgspec.Struct):
    document_id: str


class _MtragTask(msgspec.Struct, rename={"collection": "Collection"}):
    conversation_id: str
    collection: str
    contexts: list[_Context]
    input: list[Turn]
    answerability: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A passage of either data set."""

    name: str
    collection: str
    title: str
    text: str


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Asked:
    """A question; equal to itself only.

    Attributes:
        group: its conversation, which is never on both sides of a split.
        gold: the passages that say the answer.
        is_answered: whether the documents say; None where the question is too vague to tell.
    """

    question: Question
    group: str
    collection: str
    gold: frozenset[str]
    is_answered: bool | None


_ANSWERED = {"ANSWERABLE": True, "PARTIAL": True, "UNANSWERABLE": False}


def texts() -> list[Text]:
    """All passages."""
    data = data_folder()
    passages = lines(data / CONVERSATIONS / "corpus" / "passages_mtrag_un.jsonl.gz", MtragPassage)
    papers = lines(data / ABSTRACTS / "corpus" / "docs.jsonl.gz", CranfieldDocument)
    return [
        *(
            Text(name=p.passage_id, collection=p.collection, title=p.title or "", text=p.text)
            for p in passages
        ),
        *(
            Text(name=f"paper {p.doc_id}", collection=ABSTRACTS, title=p.title, text=p.text)
            for p in papers
        ),
    ]


def asked_in_conversations() -> list[Asked]:
    """The tasks of `rag_mtrag`, in their four collections."""
    path = data_folder() / CONVERSATIONS / "dev" / "mtrag_un_tasks.jsonl.gz"
    return [
        Asked(
            question=question_of(task.input),
            group=task.conversation_id,
            collection=task.collection,
            gold=frozenset(each.document_id for each in task.contexts),
            is_answered=_ANSWERED.get(task.answerability[0]),
        )
        for task in lines(path, _MtragTask)
    ]


def asked_of_papers() -> list[Asked]:
    """The queries of `rag_cranfield`, all of which some abstracts speak to."""
    queries = lines(data_folder() / ABSTRACTS / "dev" / "queries_qrels.jsonl", CranfieldQuery)
    return [
        Asked(
            question=Question.of(query.query),
            group=f"paper query {query.query_id}",
            collection=ABSTRACTS,
            gold=frozenset(f"paper {name}" for name, gain in query.gain.items() if gain > 0),
            is_answered=True,
        )
        for query in queries
    ]


def question_of(turns: Iterable[Turn]) -> Question:
    """The last turn, with those before it."""
    messages = [Message(role=_ROLES[turn.speaker], content=turn.text) for turn in turns]
    return Question.of(messages[-1].text, messages[:-1])
