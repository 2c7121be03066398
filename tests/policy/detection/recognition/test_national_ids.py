"""National ids: which are found by themselves, and which need a word beside them."""

from __future__ import annotations

import pytest

from befit.policy.detection.recognition.lettered_ids import LETTERED_TYPES
from befit.policy.detection.recognition.national_ids import DIGIT_IDS
from tests.policy.detection.recognition.seeing import found, in_digits_of, types

ALONE = [
    ("US_SSN", "536-90-4399"),
    ("FR_NIR", "2 95 10 99 126 111 93"),
    ("BE_NN", "85.07.30-033.28"),
    ("CH_AHV", "756.9217.0769.85"),
    ("NO_FODSELSNUMMER", "15108695088"),
    ("BR_CPF", "390.533.447-05"),
    ("FI_HETU", "131052-308T"),
    ("ES_NIF", "54362315-K"),
    ("ES_NIE", "X2482300W"),
    ("IT_FISCAL_CODE", "RCCMNL83S18D969H"),
    ("MX_CURP", "BOXW310820HNERXN09"),
    ("CN_RIC", "360426199101010071"),
    ("UK_NINO", "AB 12 34 56 C"),
    ("KR_RRN", "971013-9019902"),
]

NAMED = [
    ("US_SSN", "SSN", "536904399"),
    ("UK_NHS", "NHS number", "943 476 5870"),
    ("CA_SIN", "social insurance number", "123-456-782"),
    ("AU_TFN", "TFN", "123 456 782"),
    ("DE_TAX_ID", "Steuer-ID", "36574261809"),
    ("NL_BSN", "BSN", "111222333"),
    ("PT_NIF", "NIF", "501964843"),
    ("PL_PESEL", "PESEL", "44051401359"),
    ("CZ_RC", "rodné číslo", "710319/2745"),
    ("SE_PERSONNUMMER", "personnummer", "880320-0016"),
    ("DK_CPR", "CPR", "211062-5629"),
    ("IE_PPS", "PPS number", "6433435F"),
    ("AT_VNR", "SVNR", "1237 010180"),
    ("RO_CNP", "CNP", "1630615123457"),
    ("BG_EGN", "ЕГН", "7523169263"),
    ("HR_OIB", "OIB", "33392005961"),
    ("EE_IK", "isikukood", "36805280109"),
    ("TR_TCKIMLIK", "T.C. kimlik no", "17291716060"),
    ("ZA_ID", "ID number", "7503305044089"),
    ("IN_AADHAAR", "Aadhaar", "2341 2341 2346"),
    ("IN_PAN", "PAN", "ACUPA7085R"),
    ("JP_MY_NUMBER", "My Number", "621498320257"),
    ("CL_RUT", "RUT", "12.531.909-2"),
    ("ES_NIF", "DNI", "54362315K"),
    ("UK_NINO", "national insurance number", "AB123456C"),
    ("US_ITIN", "ITIN", "912-90-3456"),
    ("LT_ASMENS", "asmens kodas", "33309240064"),
    ("GR_AMKA", "AMKA", "01013099997"),
    ("IL_ID", "Israeli ID", "039337423"),
]


UNCHECKED = {"UK_NINO", "IN_PAN", "US_SSN", "US_ITIN", "DK_CPR"}
CHECKED = [each for each in NAMED if each[0] not in UNCHECKED]


@pytest.mark.parametrize(("kind", "number"), ALONE)
def test_an_id_whose_form_says_enough_is_found_by_itself(kind: str, number: str) -> None:
    assert found(f"it is {number}.") == [(kind, number)]


@pytest.mark.parametrize(("kind", "word", "number"), NAMED)
def test_an_id_is_found_beside_the_word_for_it(kind: str, word: str, number: str) -> None:
    assert (kind, number) in found(f"my {word} is {number}, thanks")
    assert (kind, number) in found(f"{number} ({word})")


@pytest.mark.parametrize(("kind", "word", "number"), NAMED)
def test_without_the_word_a_weak_number_is_just_a_number(kind: str, word: str, number: str) -> None:
    assert kind not in types(f"order {number} shipped")


@pytest.mark.parametrize(("kind", "word", "number"), CHECKED)
def test_a_wrong_digit_is_no_id_even_beside_the_word(kind: str, word: str, number: str) -> None:
    place = next(index for index in reversed(range(len(number))) if number[index].isdigit())
    wrong = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]
    assert kind not in types(f"my {word} is {wrong}, thanks")


def test_ids_split_on_purpose_are_found_beside_their_word() -> None:
    assert types("my ssn is 5 3 6 9 0 4 3 9 9") == {"US_SSN"}
    assert types("my ssn is 536\u200b90\u200b4399") == {"US_SSN"}
    assert types("PESEL: " + in_digits_of("\uff10", "44051401359")) == {"PL_PESEL"}


@pytest.mark.parametrize("separator", ["\n", "\t", ",", ";", ":", "|", "_", "    ", "\r\n"])
def test_beside_its_word_an_id_is_found_whatever_keeps_its_groups_apart(separator: str) -> None:
    for kind, word, groups in [
        ("US_SSN", "SSN", "536 90 4399"),
        ("UK_NHS", "NHS number", "943 476 5870"),
        ("IN_AADHAAR", "Aadhaar", "2341 2341 2346"),
        ("PL_PESEL", "PESEL", " ".join("44051401359")),
    ]:
        written = separator.join(groups.split())
        assert (kind, written) in found(f"my {word} is {written}.")
        assert kind not in types(f"order {written}.")


def test_an_id_joined_to_its_word_is_found() -> None:
    assert types("ssn536904399") == {"US_SSN"}
    assert types("x15108695088") == set()


@pytest.mark.parametrize("unseen", ["\x00", "\u3164", "\U000e0100", "\u17b4", "\U0001d173"])
def test_characters_that_nobody_sees_hide_no_id_with_letters(unseen: str) -> None:
    for kind, number in ALONE:
        written = unseen.join(number)
        assert found(f"it is {written}.") == [(kind, written)]


def test_a_word_inside_another_word_says_nothing() -> None:
    assert types("classname 536904399") == set()
    assert types("basins 123456782") == set()


def test_numbers_of_no_area_or_known_as_examples_are_no_social_security_numbers() -> None:
    assert types("000-12-3456 666-12-3456 912-99-3456 123-00-4567 123-45-0000") == set()


def test_every_id_that_can_be_found_has_an_example() -> None:
    known = {each.type for each in DIGIT_IDS} | set(LETTERED_TYPES)
    assert {kind for kind, *_ in (*ALONE, *NAMED)} == known
