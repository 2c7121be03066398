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
        "a4111111111111111b",
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
