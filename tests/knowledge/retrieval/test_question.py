"""A question carries its conversation, the latest turns the most."""

from __future__ import annotations

import numpy as np
import pytest

from befit.knowledge.index import words_of
from befit.knowledge.retrieval import QueryWeights, Question, packaged_weights
from befit.knowledge.retrieval.question import MOST_TURNS
from befit.messages import ContentPart, Message

WEIGHTS = QueryWeights(word_decay=0.5, word_answer=0.1, vector_decay=0.5, vector_answer=0.2)


def talk(*texts: str) -> list[Message]:
    roles = ("user", "assistant")
    return [Message(role=roles[at % 2], content=text) for at, text in enumerate(texts)]


def test_a_question_alone_is_its_own_vector_and_words() -> None:
    question = Question.of("pump leaks")
    vector = np.eye(4, dtype=np.float32)[:1]
    np.testing.assert_array_equal(question.vector(vector, WEIGHTS), vector[0])
    assert words_of(question.words(WEIGHTS)) == {"pump": 1.0, "leak": 1.0}


def test_earlier_questions_fade_and_the_last_answer_counts_a_little() -> None:
    history = talk("first pump", "old answer", "second valve", "last answer")
    question = Question.of("third leak", history)
    assert question.texts == ("third leak", "second valve", "first pump", "last answer")
    words = words_of(question.words(WEIGHTS))
    assert words["leak"] == 1.0
    assert words["valv"] == 0.5
    assert words["pump"] == 0.25
    assert words["answer"] == pytest.approx(0.1)
    assert "old" not in words
    vector = question.vector(np.eye(4, dtype=np.float32), WEIGHTS)
    expected = np.array([1, 0.5, 0.25, 0.2])
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), rtol=1e-6)


def test_blank_turns_system_messages_and_pictures_say_nothing() -> None:
    history = [
        Message(role="system", content="be brief"),
        Message(role="user", content="  "),
        Message(role="user", content=[ContentPart(type="image_url")]),
        Message(role="assistant", content=None),
        Message(role="tool", content="42"),
    ]
    assert Question.of("pump", history).texts == ("pump",)


def test_a_long_conversation_costs_no_more_than_its_latest_turns() -> None:
    history = talk(*(f"turn {number}" for number in range(200)))
    question = Question.of("now", history)
    assert len(question.texts) == 1 + MOST_TURNS + 1
    assert question.texts[1] == "turn 198"


def test_a_vector_for_each_text_is_asked_for() -> None:
    with pytest.raises(ValueError, match="1 vectors for 2 texts"):
        Question.of("b", talk("a")).vector(np.ones((1, 4), np.float32), WEIGHTS)


def test_what_ships_names_its_data_and_fades() -> None:
    weights = packaged_weights()
    assert any("Apache-2.0" in source for source in weights.fitted_on)
    assert 0 < weights.query.word_decay < 1
    assert 0 < weights.query.vector_decay < 1


def test_the_conversation_it_was_read_from_can_be_told_again() -> None:
    turns = [
        Message(role="user", content="Where?"),
        Message(role="assistant", content="Here."),
        Message(role="user", content="When?"),
        Message(role="assistant", content="Now."),
    ]
    question = Question.of("Why?", turns)
    assert question.history == (turns[0], turns[2], turns[3])
    assert Question.of("Why?", question.history) == question
    assert Question.of("Why?").history == ()
