"""Payment cards: found however they are written, and not where a number only looks like one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.detection.recognition.seeing import found, in_digits_of, luhn_completed, types

CARDS = [
    "4111111111111111",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "30569309025904",
    "3530111333300000",
    "6011111111111117",
    "6200000000000005",
]


@pytest.mark.parametrize("card", CARDS)
def test_a_card_of_every_scheme_is_found(card: str) -> None:
    assert found(f"charge {card} now") == [("CREDIT_CARD", card)]


@pytest.mark.parametrize(
    "written",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "3782 822463 10005",
        "4111\u00a01111\u20091111\u202f1111",
        "4111\u20131111\u20111111\u22121111",
        "41\u200b1111\u00ad1111\u206011\ufeff1111",
        in_digits_of("\uff10", "4111 1111 1111 1111"),
        in_digits_of("\u0660", "4111111111111111"),
        in_digits_of("\u0966", "4111111111111111"),
        in_digits_of("\U0001d7ce", "4111111111111111"),
        in_digits_of("\u2080", "4111 1111 1111 1111"),
        "".join("\u2070\u00b9\u00b2\u00b3\u2074"[int(each)] for each in "4111111111111111"),
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "4-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1",
        "41.11.11.11.11.11.11.11",
    ],
)
def test_a_card_is_found_however_it_is_split_or_spelt(written: str) -> None:
    assert found(f"pay with {written}, please") == [("CREDIT_CARD", written)]


def test_a_card_between_other_numbers_is_found_alone() -> None:
    text = "order 12 with 4111 1111 1111 1111 exp 12 27 cvv 123"
    assert found(text) == [("CREDIT_CARD", "4111 1111 1111 1111")]


def test_a_card_split_in_odd_pieces_is_found_beside_its_word() -> None:
    assert found("my visa: 7 411 1111 11111 1111 9") == [("CREDIT_CARD", "411 1111 11111 1111")]


@pytest.mark.parametrize(
    "text",
    [
        "order 4111111111111112",  # the check digit does not hold
        "id 550e8400-e29b-41d4-a716-446655440000",
        "at 1700000000000 and 1700000000000000",
        "0.4111111111111111 of it",
        "4111.111111111111",
        "blk_-4433556521525567493 and blk_4568377692254637284",
        "9fa4111111111111111b and 0x4111111111111111",
        "https://shop.example/item/4111111111111111",
        "0000 0000 0000 0000",
        "20240131123456 and 2024-01-31 12:34:56",
        "barcode 4006381333931",
        "rows 45 67 32 12 99 87 11 21",
        "41111111111111111111111111111111",
    ],
)
def test_what_only_looks_like_a_card_is_left_alone(text: str) -> None:
    assert "CREDIT_CARD" not in types(text)


FAR_APART = ["\n", "\r\n", "\t", ",", ", ", "_", "|", " | ", ":", ";", "    ", "\u2028", "/", "\f"]


@pytest.mark.parametrize("separator", FAR_APART)
@pytest.mark.parametrize(
    "groups",
    [
        ["4111", "1111", "1111", "1111"],
        ["3782", "822463", "10005"],
        ["3056", "930902", "5904"],
    ],
)
def test_a_card_in_its_groups_is_found_whatever_keeps_them_apart(
    separator: str, groups: list[str]
) -> None:
    written = separator.join(groups)
    assert found(f"pay {written}, please") == [("CREDIT_CARD", written)]


@pytest.mark.parametrize("separator", FAR_APART)
@pytest.mark.parametrize("word", ["card number", "Visa", "amex", "Kreditkarte", "PAN", "cc"])
def test_beside_its_word_a_card_is_found_in_any_groups(word: str, separator: str) -> None:
    for groups in ("411 11111 1111 1111", "41 11 11 11 11 11 11 11", "4111111111 111111"):
        written = separator.join(groups.split())
        assert found(f"{word}: {written}.") == [("CREDIT_CARD", written)]


def test_a_card_with_its_expiry_in_columns_is_found_alone() -> None:
    assert found("4111,1111,1111,1111,1227,123") == [("CREDIT_CARD", "4111,1111,1111,1111")]


@pytest.mark.parametrize(
    "text",
    [
        "4123,4111,1111,1111,1111,4987,4001",  # a column of numbers of four digits
        "4111\n1111\n1111\n1111\n2222\n3333",
        "4,111,111,111,111,111",
        "41111111,11111111",
        "4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1",
        "1990, 2005, 2010, 2011",
    ],
)
def test_rows_of_numbers_are_no_card_without_the_word(text: str) -> None:
    assert "CREDIT_CARD" not in types(text)


@pytest.mark.parametrize(
    "text",
    ["cc{}", "x{}", "{}x", "card{}end", "\u5361\u53f7{}\u3002", "://{}", "card://{}",
     "my card is at https://shop.example/{}", "http://a/{}"],
)  # fmt: skip
def test_letters_or_a_bare_scheme_joined_to_a_card_do_not_hide_it(text: str) -> None:
    assert ("CREDIT_CARD", "4111111111111111") in found(text.format("4111111111111111"))


@given(st.text(alphabet="0123456789", min_size=15, max_size=15), st.integers(0, 9))
@settings(max_examples=300, deadline=None)
def test_only_the_right_check_digit_makes_a_card(digits: str, last: int) -> None:
    right = luhn_completed("4" + digits[1:])
    other = right[:-1] + str(last)
    assert ("CREDIT_CARD", right) in found(f"card {right}") or len(set(right)) == 1
    assert (other == right) or "CREDIT_CARD" not in types(f"card {other}")


@given(st.integers(0, 2**32), st.sampled_from([" ", "-", ".", "\u00a0", "\u200b", "\u00ad", " - "]))
@settings(max_examples=200, deadline=None)
def test_one_separator_anywhere_hides_no_card(seed: int, separator: str) -> None:
    card = CARDS[seed % len(CARDS)]
    place = random.Random(seed).randrange(1, len(card))
    text = f"the card {card[:place]}{separator}{card[place:]} is mine"
    assert "CREDIT_CARD" in types(text)
