"""Both legs, fused, under the reader's rights, checked once more."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.knowledge.index import EmbeddedIndex, PassageRef, Reach, spans_of
from befit.knowledge.retrieval import Question, Retriever, Support, packaged_weights
from befit.knowledge.retrieval.candidates import Candidates, gather
from befit.knowledge.retrieval.signals import SIGNALS, signals_of
from tests.knowledge.index.passages import passage
from tests.knowledge.retrieval.conversations import DIMENSIONS, SUBJECTS, about, library

ALL = Reach.of(range(len(SUBJECTS)), ["manuals"])
OWN = Reach.of([0], ["manuals"])


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedIndex:
    return library(tmp_path_factory.mktemp("library") / "index")


@pytest.fixture
def retriever(index: EmbeddedIndex) -> Retriever:
    return Retriever(index, packaged_weights())


def found(retriever: Retriever, text: str, subject: str, reach: Reach = ALL) -> list[str]:
    vector = about(subject, 99)[np.newaxis]
    return [
        h.ref.passage_id for h in retriever.search(Question.of(text), vector, reach, limit=10).hits
    ]


def test_what_both_words_and_meaning_name_comes_first(retriever: Retriever) -> None:
    for at, subject in enumerate(SUBJECTS):
        names = found(retriever, f"{subject} rule", subject)
        assert {int(name[1:]) // 10 for name in names} == {at}


def test_a_word_decides_among_passages_of_one_meaning(retriever: Retriever) -> None:
    assert found(retriever, "number7 of the tax rules", "tax")[0] == "p27"


def test_a_search_by_words_or_by_meaning_alone_finds_too(retriever: Retriever) -> None:
    assert found(retriever, "zzz", "tax")[0].startswith("p2")
    nowhere = np.full((1, DIMENSIONS), DIMENSIONS**-0.5, np.float32)
    hits = retriever.search(Question.of("travel"), nowhere, ALL, limit=10).hits
    assert {hit.ref.passage_id[:2] for hit in hits} == {"p3"}


@settings(max_examples=40, deadline=None)
@given(
    acls=st.frozensets(st.integers(0, 5)),
    subject=st.sampled_from(SUBJECTS),
    limit=st.integers(0, 60),
    revoked=st.frozensets(st.integers(0, 3)),
)
def test_no_passage_without_permission_and_revoked_ones_are_replaced(
    tmp_path_factory: pytest.TempPathFactory,
    acls: frozenset[int],
    subject: str,
    limit: int,
    revoked: frozenset[int],
) -> None:
    folder = tmp_path_factory.getbasetemp() / "shared-library"
    index = EmbeddedIndex(folder) if folder.exists() else library(folder)
    retriever = Retriever(index, packaged_weights())
    reach = Reach.of(acls, ["manuals"])
    hits = retriever.search(
        Question.of(f"{subject} rule"),
        about(subject)[np.newaxis],
        reach,
        limit=limit,
        admit=lambda refs: [ref.acl_id not in revoked for ref in refs],
    ).hits
    allowed = {acl for acl in acls if acl < len(SUBJECTS)} - revoked
    assert {hit.ref.acl_id for hit in hits} <= allowed
    assert len(hits) == min(limit, 10 * len(allowed))


def test_what_a_reader_may_not_see_shapes_nothing_that_they_get(tmp_path: Path) -> None:
    forbidden = [
        passage(number, "pump rule number3", acl_id=63, vector=about("pump", 13))
        for number in range(100, 110)
    ]
    alone = Retriever(library(tmp_path / "alone"), packaged_weights())
    index = library(tmp_path / "crowded", *forbidden)
    crowded = Retriever(index, packaged_weights())
    question, vector = Question.of("pump rule number3"), about("pump")[np.newaxis]

    def open_to(refs: Sequence[PassageRef]) -> list[bool]:
        return [ref.acl_id != 63 for ref in refs]

    plain = alone.search(question, vector, OWN, limit=5)
    filtered = crowded.search(question, vector, OWN, limit=5)
    checked = crowded.search(
        question, vector, Reach.of([0, 63], ["manuals"]), limit=5, admit=open_to
    )
    assert [h.ref.passage_id for h in filtered.hits] == [h.ref.passage_id for h in plain.hits]
    assert checked.hits == filtered.hits
    assert checked.support == filtered.support


def test_longer_legs_refill_what_was_not_let_through_as_if_it_were_not_there(
    tmp_path: Path,
) -> None:
    forbidden = [
        passage(number, "pump rule number3", acl_id=63, vector=about("pump", number))
        for number in range(100, 300)
    ]
    retriever = Retriever(library(tmp_path / "crowded", *forbidden), packaged_weights())
    question, vector = Question.of("pump rule number3"), about("pump")[np.newaxis]

    def open_to(refs: Sequence[PassageRef]) -> list[bool]:
        return [ref.acl_id != 63 for ref in refs]

    reach = Reach.of([0, 63], ["manuals"])
    alone = retriever.search(question, vector, OWN, limit=5)
    short = retriever.search(question, vector, reach, limit=5, admit=open_to)
    assert not short.is_all
    assert len(short.hits) < 5
    refilled = retriever.search(question, vector, reach, limit=5, admit=open_to, each_leg=1_000)
    assert refilled == alone
    assert refilled.is_all


def test_longer_legs_change_nothing_where_all_is_let_through(tmp_path: Path) -> None:
    more = [
        passage(number, f"pump rule number{number}", acl_id=0, vector=about("pump", number))
        for number in range(100, 400)
    ]
    aside = ThreadPoolExecutor(1)
    index = library(tmp_path / "large", *more)
    question, vector = Question.of("pump rule number3"), about("pump")[np.newaxis]
    usual = Retriever(index, packaged_weights()).search(question, vector, OWN, limit=50)
    longer = Retriever(index, packaged_weights(), aside=aside).search(
        question, vector, OWN, limit=50, each_leg=1_000
    )
    aside.shutdown()
    assert longer.hits == usual.hits
    assert (usual.is_all, longer.is_all) == (False, True)


@pytest.mark.parametrize(
    "reach", [Reach.of([], ["manuals"]), Reach.of([0], []), Reach.of([9], ["x"])]
)
def test_a_reader_with_no_rights_gets_nothing_and_no_support(
    retriever: Retriever, reach: Reach
) -> None:
    result = retriever.search(Question.of("pump"), about("pump")[np.newaxis], reach, limit=5)
    assert result.hits == ()
    assert result.support == Support()


def test_one_candidate_is_enough(tmp_path: Path) -> None:
    index = library(tmp_path / "index", passage(99, "unique", acl_id=7, vector=about("tax")))
    reach = Reach.of([7], ["manuals"])
    result = Retriever(index, packaged_weights()).search(
        Question.of("unique"), about("tax")[np.newaxis], reach, limit=5
    )
    assert [hit.ref.passage_id for hit in result.hits] == ["p99"]
    assert np.isfinite(result.support.as_row()).all()


@pytest.mark.parametrize("text", ["", "\x00", "日本語", "x" * 50_000, 'acl:"9" OR *'])
def test_a_hostile_question_stays_within_reach(retriever: Retriever, text: str) -> None:
    assert all(name in {f"p{n}" for n in range(10)} for name in found(retriever, text, "pump", OWN))


def test_support_is_stronger_where_the_documents_speak_to_the_question(
    retriever: Retriever,
) -> None:
    known = retriever.search(
        Question.of("tax rule number4"), about("tax", 5)[np.newaxis], ALL, limit=3
    )
    nowhere = np.full((1, DIMENSIONS), -(DIMENSIONS**-0.5), np.float32)
    unknown = retriever.search(Question.of("orchids in spring"), nowhere, ALL, limit=3)
    assert known.support.nearest > unknown.support.nearest
    assert known.support.covered > unknown.support.covered == 0
    assert known.support.agreement > unknown.support.agreement
    assert len(known.support.as_row()) == 11


def test_words_to_highlight_are_found_in_a_text_by_their_stem(retriever: Retriever) -> None:
    result = retriever.search(Question.of("Which rules?"), about("tax")[np.newaxis], ALL, limit=1)
    text = "Größe: the RULE 🎉 on ruling rules"
    assert [text[start:end] for start, end in spans_of(text, result.words)] == [
        "RULE",
        "ruling",
        "rules",
    ]


def test_equal_searches_rank_equally_and_scores_fall(retriever: Retriever) -> None:
    search = [
        retriever.search(Question.of("tax rule"), about("tax")[np.newaxis], ALL, limit=20)
        for _ in range(2)
    ]
    assert search[0] == search[1]
    scores = [hit.score for hit in search[0].hits]
    assert scores == sorted(scores, reverse=True)


def test_signals_do_not_depend_on_how_large_scores_are(index: EmbeddedIndex) -> None:
    weights = packaged_weights().query
    question = Question.of("tax rule number4")
    snapshot = index.snapshot()
    plain = gather(snapshot, question.words(weights), about("tax"), ALL)
    scaled = Candidates(
        rows=plain.rows,
        refs=plain.refs,
        words=plain.words * 7 + 3,
        meaning=plain.meaning * 0.1,
        vectors=plain.vectors,
        lexical=plain.lexical,
        dense=plain.dense,
        is_all=plain.is_all,
    )
    first, second = signals_of(plain), signals_of(scaled)
    assert first.matrix.shape == (len(plain), len(SIGNALS))
    np.testing.assert_allclose(first.matrix, second.matrix, atol=1e-6)
