"""A sentence about another than what is asked about is no answer."""

from __future__ import annotations

import numpy as np
import pytest

from befit.knowledge.answers import candidate_sentences
from befit.knowledge.answers.rivals import particulars_of, sentences_about
from befit.knowledge.retrieval import Question
from befit.knowledge.search import FoundPassage
from befit.messages import Message
from tests.knowledge.answers.found import found, passage

_ROOMS = passage("Room 11 has a screen. It seats 6. Room 12 has a projector.", name="rooms")
_SCANNER_2 = passage("It is calibrated every Tuesday. Only Ada opens it.", title="Scanner 2")
_BANDS = passage("Band | Pay\nP5 | 3,100\nP7 | 4,250\n", name="bands")
_RISES = passage("In 2026 wages rise. In 2025 they fell. All are told by letter.", name="rises")
_SITES = passage("The Mistwick site opens at seven. Deliveries come late.", title="Sites")
_ROTA = passage("# On-call rota March 2026\n\nWeek | Surgeon\n10 | Ada\n11 | Bo\n", name="rota")
_BONUS = passage("Bonuses 2025\nTeam | Pool\nSails | 41000\nRibs | 36500\n", name="pools")
_BEDS = passage("Ward B7 has 28 beds. Visitors come at noon.", name="b7", title="Ward B7")
_WARD = passage("# Ward B5\n\n## Contact\n\nThe manager is Ada.\n", name="b5")
_PARKING = passage(
    "# Drizzleton\n\nParking costs 2 crowns.\n\n# Mistwick\n\nParking is free.\n", name="cars"
)


@pytest.mark.parametrize(
    ("asked", "passages", "kept"),
    [
        ("What is in room 12?", [_ROOMS], ["It seats 6.", "Room 12 has a projector."]),
        ("What is in room 21?", [_ROOMS], []),
        ("What is in a room?", [_ROOMS], ["Room 11", "It seats 6.", "Room 12"]),
        ("Is 20 people too much for a room?", [_ROOMS], ["Room 11", "It seats 6.", "Room 12"]),
        ("How often is scanner 2 calibrated?", [_SCANNER_2], ["It is", "Only Ada"]),
        ("How often is scanner 5 calibrated?", [_SCANNER_2], []),
        ("What is the pay in band P7?", [_BANDS], ["P7 | 4,250"]),
        ("What is the pay in bands P5 and P7?", [_BANDS], ["P5 | 3,100", "P7 | 4,250"]),
        ("What is the pay in band P9?", [_BANDS], []),
        ("Do wages rise in 2025?", [_RISES], ["In 2025 they fell.", "All are told"]),
        ("Do wages rise in 2023?", [_RISES], []),
        ("When does the Thunderham site open?", [_SITES], []),
        ("When does the Mistwick site open?", [_SITES], ["The Mistwick site", "Deliveries"]),
        ("Who is the surgeon in week 10 in March?", [_ROTA], ["10 | Ada"]),
        ("Who is the surgeon in week 10 in April?", [_ROTA], []),
        ("What is the pool of team Sails in 2025?", [_BONUS], ["Bonuses 2025", "Sails | 41000"]),
        ("What was the pool of Sails in 2023?", [_BONUS], []),
        ("How many beds has the oncology ward?", [_BEDS], []),
        ("How many beds has ward B7?", [_BEDS], ["Ward B7 has", "Visitors come"]),
        ("Who manages ward B5?", [_WARD], ["The manager is Ada."]),
        ("What does parking cost in Mistwick?", [_PARKING], ["Parking is free."]),
        ("What does parking cost in Drizzleton?", [_PARKING], ["Parking costs"]),
        ("What is in room 12?", [_BANDS, _ROOMS], ["It seats 6.", "Room 12 has a projector."]),
    ],
)
def test_what_is_about_another_is_left_out(
    asked: str, passages: list[FoundPassage], kept: list[str]
) -> None:
    given = found(*passages)
    sentences = candidate_sentences(given)
    fitness = np.array([float(len(each.text)) for each in sentences])
    words = [each.reads.lower() for each in sentences]
    fitness += [sum(word in text for word in asked.lower().split()) * 100 for text in words]
    mask = sentences_about(Question.of(asked), given, sentences, fitness)
    texts = [each.text for each, is_kept in zip(sentences, mask, strict=True) if is_kept]
    assert len(texts) == len(kept)
    assert all(text.startswith(start) for text, start in zip(texts, kept, strict=True))


def test_a_follow_up_that_names_nothing_is_about_the_number_asked_of_before() -> None:
    history = [
        Message(role="user", content="Where is scanner 5?"),
        Message(role="assistant", content="The documents do not say."),
    ]
    (particular,) = particulars_of(Question.of("And who repairs it?", history))
    assert particular.values == {"5"}
    assert particulars_of(Question.of("And how is the flag folded?", history)) == ()


def test_the_header_of_a_table_is_no_sentence_and_says_what_its_cells_are() -> None:
    sentences = candidate_sentences(found(_BANDS))
    assert [each.reads for each in sentences] == ["Band P5; Pay 3,100", "Band P7; Pay 4,250"]
    assert [each.text for each in sentences] == ["P5 | 3,100", "P7 | 4,250"]
    goes_on = passage("P8 | 4,900\nP9 | 5,600\n", name="bands", start=400)
    assert [each.text for each in candidate_sentences(found(goes_on))] == [
        "P8 | 4,900",
        "P9 | 5,600",
    ]
