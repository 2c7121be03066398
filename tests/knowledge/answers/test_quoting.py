from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.knowledge.answers import (
    NOT_IN_DOCUMENTS,
    Quotation,
    candidate_sentences,
    packaged_quoting,
    quote,
)
from befit.knowledge.answers.evidence import Evidence
from befit.knowledge.answers.model import QuotingModel, View
from befit.knowledge.answers.sentence import MOST_SENTENCES
from befit.knowledge.retrieval import Question, Support
from befit.knowledge.search import Found
from tests.knowledge.answers.conftest import Reading
from tests.knowledge.answers.found import found, passage
from tests.knowledge.answers.handbook import PAGES

_DIMENSIONS = 8


def _always() -> QuotingModel:
    """The shipped model, but for a threshold that everything reaches."""
    ships = packaged_quoting()
    view = View(threshold=0.0, intercept=0.0, weights={})
    return QuotingModel(
        **{
            **{name: getattr(ships, name) for name in ships.__struct_fields__},
            "few": view,
            "some": view,
            "many": view,
        }
    )


def _quoted(question: str, given_: Found, best: str, *others: str) -> Quotation:
    """A quotation where `best` and `others` are close to the question, the latter less."""
    sentences = candidate_sentences(given_)
    asked = np.eye(1, _DIMENSIONS, dtype=np.float32)
    vectors = np.zeros((len(sentences), _DIMENSIONS), np.float32)
    vectors[:, 1] = 1
    for at, each in enumerate(sentences):
        nearness = 0.9 if best in each.text else 0.85 if any(o in each.text for o in others) else 0
        vectors[at, 0], vectors[at, 1] = nearness, np.sqrt(1 - nearness**2)
    return quote(
        Question.of(question),
        given_,
        sentences,
        question_vectors=asked,
        sentence_vectors=vectors,
        model=_always(),
    )


def _require_valid(quotation: Quotation, given_: Found) -> None:
    texts = {each.passage_id: each for each in given_.passages}
    assert len(quotation.citations) == len(quotation.places)
    for citation, (start, end) in zip(quotation.citations, quotation.places, strict=True):
        source = texts[citation.passage_id]
        assert quotation.text[start:end] == citation.text
        assert source.text[citation.start - source.start : citation.end - source.start] == (
            citation.text
        )
        assert citation.version == source.version
        assert citation.page == source.page
    assert len({each.passage_id for each in quotation.citations}) <= 3


def test_a_quotation_stands_in_the_document_at_the_place_it_names() -> None:
    given_ = found(passage("The desk opens at nine. It closes at five.", start=1_000))
    quotation = _quoted("When does the desk open?", given_, "opens at nine")
    assert quotation.text == "The desk opens at nine. [1]"
    assert [(each.start, each.end) for each in quotation.citations] == [(1_000, 1_023)]
    _require_valid(quotation, given_)


def test_a_sentence_that_leans_on_the_one_before_is_quoted_with_it() -> None:
    given_ = found(passage("Visitors sign in. They wear a green badge. Dogs stay outside."))
    quotation = _quoted("What do visitors wear?", given_, "green badge")
    assert quotation.text == "Visitors sign in. They wear a green badge. [1]"
    _require_valid(quotation, given_)


def test_a_row_of_a_table_is_quoted_under_its_header() -> None:
    table = "Model | Ribs | Weight\nHeron | 8 | 540 g\nWren | 6 | 310 g\nTern | 7 | 420 g"
    given_ = found(passage(f"Our models are these.\n\n{table}\n\nAsk for others.", start=20))
    quotation = _quoted("How heavy is the Tern?", given_, "Tern")
    assert quotation.text == "Model | Ribs | Weight\nTern | 7 | 420 g [1]"
    _require_valid(quotation, given_)


def test_the_header_of_a_markdown_table_is_found_above_its_rule() -> None:
    table = "| Model | Ribs |\n| --- | --- |\n| Heron | 8 |\n| Wren | 6 |"
    given_ = found(passage(f"Models\n\n{table}"))
    quotation = _quoted("How many ribs has the Wren?", given_, "Wren")
    assert "| Model | Ribs |\n| Wren | 6 |" in quotation.text
    _require_valid(quotation, given_)


def test_sentences_apart_are_joined_by_an_ellipsis() -> None:
    given_ = found(passage("Lunch costs four crowns. Dogs stay outside. Soup costs one crown."))
    quotation = _quoted("What does it cost?", given_, "Lunch costs", "Soup costs")
    assert quotation.text == "Lunch costs four crowns. \u2026 Soup costs one crown. [1]"
    _require_valid(quotation, given_)


def test_at_most_three_passages_are_quoted_and_numbered_in_order() -> None:
    given_ = found(*(passage(f"The fee is {n} crowns.", name=f"page {n}") for n in range(5)))
    quotation = _quoted("What is the fee?", given_, "The fee is")
    assert [f"[{n}]" in quotation.text for n in (1, 2, 3, 4)] == [True, True, True, False]
    _require_valid(quotation, given_)


def test_nothing_found_is_not_in_the_documents() -> None:
    empty = np.empty((0, _DIMENSIONS), np.float32)
    asked = np.ones((1, _DIMENSIONS), np.float32)
    quotation = quote(
        Question.of("Anything?"),
        found(),
        (),
        question_vectors=asked,
        sentence_vectors=empty,
        model=packaged_quoting(),
    )
    assert quotation == Quotation(found=False, probability=0.0, text=NOT_IN_DOCUMENTS)


def test_what_is_not_in_the_documents_cites_nothing(reading: Reading) -> None:
    retriever = reading.open(PAGES)
    quotation = reading.ask(PAGES, retriever, "Who was the first astronaut?")
    assert not quotation.found
    assert quotation.text == NOT_IN_DOCUMENTS
    assert not quotation.citations
    assert not quotation.places


def test_vectors_of_another_number_are_refused() -> None:
    given_ = found(passage("The desk opens at nine. It closes at five."))
    with pytest.raises(ValueError, match="1 vectors for 2 sentences"):
        quote(
            Question.of("When?"),
            given_,
            candidate_sentences(given_),
            question_vectors=np.ones((1, _DIMENSIONS), np.float32),
            sentence_vectors=np.ones((1, _DIMENSIONS), np.float32),
            model=packaged_quoting(),
        )


def test_a_huge_passage_gives_a_bounded_number_of_sentences() -> None:
    given_ = found(passage("One more rule. " * 5_000), passage("Another rule.", name="second"))
    assert len(candidate_sentences(given_)) == MOST_SENTENCES


def test_of_a_long_table_the_rows_with_the_questions_words_are_compared() -> None:
    rows = "\n".join(f"Item {n} | {n} crowns" for n in range(400))
    table = passage(f"Item | Price\n{rows}")
    at = table.text.index("Item 377")
    table = dataclasses.replace(table, highlights=((at, at + 4), (at + 5, at + 8)))
    sentences = candidate_sentences(found(table, passage("Dogs stay outside.", name="b")))
    assert "Item 377 | 377 crowns" in {each.text for each in sentences}
    assert "Dogs stay outside." in {each.text for each in sentences}


def test_an_earlier_question_helps_to_choose(reading: Reading) -> None:
    retriever = reading.open(PAGES)
    question = Question(text="And the Wren?", earlier=("How many ribs does the Heron have?",))
    quotation = reading.quote(question, reading.found(PAGES, retriever, question))
    assert "Wren | 56 cm | 6 | 310 g" in quotation.text


def test_the_shipped_model_names_its_data_and_weighs_features_that_exist() -> None:
    model = packaged_quoting()
    assert model.fitted_on
    assert "Apache-2.0" in model.fitted_on[0]
    given_ = found(passage("The desk opens at nine."))
    evidence = Evidence.of(
        Question.of("When?"),
        given_,
        candidate_sentences(given_),
        question_vectors=np.ones((1, _DIMENSIONS), np.float32) / np.sqrt(_DIMENSIONS),
        sentence_vectors=np.ones((1, _DIMENSIONS), np.float32) / np.sqrt(_DIMENSIONS),
        query=model.query,
    )
    for view in (model.few, model.some, model.many):
        assert set(view.weights) <= set(evidence.features)
        assert 0 < view.threshold < 1


@given(st.integers(0, 300), st.floats(0, 1), st.floats(0, 1))
def test_more_passages_change_a_decision_without_a_jump(
    considered: int, nearest: float, worded: float
) -> None:
    model = packaged_quoting()
    names = {name for view in (model.few, model.some, model.many) for name in view.weights}
    features = dict.fromkeys(names, 0.3) | {"nearest": nearest, "worded": worded}
    probability, is_found = model.decide(features, considered=considered)
    assert 0 <= probability <= 1
    if considered >= 5:
        following, _ = model.decide(features, considered=considered + 1)
        assert abs(following - probability) < 0.03
    again = model.decide(features, considered=considered)
    assert again == (probability, is_found)


_TEXT = st.text(
    st.sampled_from("ab .!?\n|\u2026\u3002\u05d0\U0001f600-0123"), min_size=1, max_size=200
).filter(str.strip)


@given(st.lists(_TEXT, min_size=1, max_size=6), st.integers(0, 10_000), st.integers(0, 99))
@settings(deadline=None, max_examples=200)
def test_every_citation_is_verbatim_whatever_the_text(
    texts: list[str], start: int, seed: int
) -> None:
    given_ = found(
        *(passage(text, name=f"p{at}", start=start) for at, text in enumerate(texts)),
        support=dataclasses.replace(Support(), considered=len(texts)),
    )
    sentences = candidate_sentences(given_)
    drawn = np.random.default_rng(seed).standard_normal((len(sentences) + 1, _DIMENSIONS))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    quotation = quote(
        Question.of("what then?"),
        given_,
        sentences,
        question_vectors=drawn[:1].astype(np.float32),
        sentence_vectors=drawn[1:].astype(np.float32),
        model=_always(),
    )
    assert quotation.found == bool(sentences)
    _require_valid(quotation, given_)
