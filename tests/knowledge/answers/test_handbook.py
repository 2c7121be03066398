"""What a new user sees: a folder of a few short files, asked in plain words."""

from __future__ import annotations

import numpy as np
import pytest

from tests.knowledge.answers.conftest import Reading
from tests.knowledge.answers.handbook import ANSWERED, PAGES, UNANSWERED, Page
from tests.knowledge.answers.near_misses import NEIGHBOURS, NOT_SAID, SAID


def test_a_handbook_answers_what_it_says_and_nothing_else(reading: Reading) -> None:
    retriever = reading.open(PAGES)
    given = [(each, reading.ask(PAGES, retriever, each.question)) for each in ANSWERED]
    right = [each for each, quotation in given if each.answer in quotation.text]
    abstained = [q for q in UNANSWERED if not reading.ask(PAGES, retriever, q).found]
    assert len(right) >= 34  # of 40
    assert len(abstained) >= 34  # of 40
    wrong = [each for each, quotation in given if quotation.found and each not in right]
    assert len(wrong) <= 2


@pytest.mark.parametrize("size", [1, 3, 10])
def test_a_folder_of_few_files_answers_as_well(reading: Reading, size: int) -> None:
    draws = np.random.default_rng(size)
    right = abstained = 0
    asked = ANSWERED[size % 2 :: 2]
    unanswered = UNANSWERED[size % 2 :: 2]
    for each, not_said in zip(asked, unanswered, strict=True):
        own = [page for page in PAGES if page.name == each.page]
        others = [page for page in PAGES if page.name != each.page]
        order: list[int] = draws.permutation(len(others)).tolist()
        pages = [*own, *(others[at] for at in order[: size - 1])]
        retriever = reading.open(pages)
        right += each.answer in reading.ask(pages, retriever, each.question).text
        abstained += not reading.ask(pages, retriever, not_said).found
    assert right >= 17  # of 20
    assert abstained >= 17


def test_without_the_page_that_says_it_the_documents_do_not_say(reading: Reading) -> None:
    abstained = 0
    for page in PAGES[::3]:
        pages = [each for each in PAGES if each is not page]
        retriever = reading.open(pages)
        for each in ANSWERED:
            if each.page == page.name:
                abstained += not reading.ask(pages, retriever, each.question).found
    asked = sum(each.page in {page.name for page in PAGES[::3]} for each in ANSWERED)
    assert abstained >= 0.85 * asked


def test_a_question_on_something_else_is_not_answered(reading: Reading) -> None:
    retriever = reading.open(PAGES)
    for text in (
        "What is the boundary layer of a flat plate?",
        "Who won the chess championship?",
        "How do I bake sourdough bread?",
        "asdf qwer zxcv",
        "?",
        "\u4f11\u6687\u662f\u591a\u5c11\u5929",
    ):
        assert not reading.ask(PAGES, retriever, text).found


def test_one_copy_of_every_page_changes_no_answer_to_nonsense(reading: Reading) -> None:
    twice = [*PAGES, *(page._replace(name=f"{page.name}-copy") for page in PAGES)]
    retriever = reading.open(twice)
    asked = ANSWERED[::4]
    right = [
        each for each in asked if each.answer in reading.ask(twice, retriever, each.question).text
    ]
    assert len(right) >= 7  # of 10


@pytest.mark.parametrize("beside", [(), PAGES], ids=["alone", "beside the handbook"])
def test_what_is_asked_of_one_is_not_answered_by_its_neighbour(
    reading: Reading, beside: tuple[Page, ...]
) -> None:
    pages = (*NEIGHBOURS, *beside)
    retriever = reading.open(pages)
    right = [
        each for each in SAID if each.answer in reading.ask(pages, retriever, each.question).text
    ]
    abstained = [each for each in NOT_SAID if not reading.ask(pages, retriever, each).found]
    assert len(right) >= 22  # of 25
    assert len(abstained) >= 18  # of 20
