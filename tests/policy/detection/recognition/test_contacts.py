"""Ways to reach somebody: accounts, mail, phones, addresses of machines."""

from __future__ import annotations

import pytest

from tests.policy.detection.recognition.seeing import found, types


@pytest.mark.parametrize(
    "account",
    [
        "GB82WEST12345698765432",
        "GB82 WEST 1234 5698 7654 32",
        "DE89 3704 0044 0532 0130 00",
        "FR1420041010050500013M02606",
        "NO9386011117947",
        "gb82west12345698765432",
        "DE89-3704-0044-0532-0130-00",
        "DE\u200b89370400440532\u00a0013000",
    ],
)
def test_an_account_is_found_however_it_is_written(account: str) -> None:
    assert found(f"to {account} and more") == [("IBAN_CODE", account)]


@pytest.mark.parametrize("separator", ["\n", "\t", ",", ", ", ";", ":", "|", "_", "\r\n", "    "])
def test_an_account_is_found_whatever_keeps_its_groups_apart(separator: str) -> None:
    fours = separator.join(["DE89", "3704", "0044", "0532", "0130", "00"])
    assert found(f"to {fours} and more") == [("IBAN_CODE", fours)]
    odd = separator.join(["DE89", "37040044", "0532013000"])
    assert found(f"my IBAN is {odd}.") == [("IBAN_CODE", odd)]


def test_letters_joined_to_an_account_do_not_hide_it_beside_its_word() -> None:
    account = "DE89370400440532013000"
    assert found(f"IBAN{account}") == [("IBAN_CODE", account)]
    assert found(f"iban {account}x") == [("IBAN_CODE", account)]
    assert types(f"q{account}") == set()


@pytest.mark.parametrize(
    "text",
    ["GB82WEST12345698765433", "XX82WEST12345698765432", "AB12CD34EF56GH78",
     "DE8937040044053201300"],
)  # fmt: skip
def test_an_account_whose_check_or_length_is_wrong_is_none(text: str) -> None:
    assert types(text) == set()


def test_two_accounts_in_one_sentence_are_two() -> None:
    text = "from GB82 WEST 1234 5698 7654 32 to DE89370400440532013000."
    assert [kind for kind, _ in found(text)] == ["IBAN_CODE", "IBAN_CODE"]


@pytest.mark.parametrize(
    "address",
    [
        "jo.doe+tag@mail.example.org",
        "O'Brien@example.ie",
        "müller@example.de",
        "a@b.co",
        "jo [at] example [dot] org",
        "jo\u200b@example.org",
        "jo\uff20example\uff0eorg",
    ],
)
def test_an_email_address_is_found(address: str) -> None:
    assert found(f"write to {address}!") == [("EMAIL_ADDRESS", address)]


@pytest.mark.parametrize(
    "text",
    ["logo@2x.png", "@handle", "a @ b", "git@host.example:team/repo", "pkg@1.2.3", "x@localhost"],
)
def test_what_only_has_an_at_sign_is_no_address(text: str) -> None:
    assert "EMAIL_ADDRESS" not in types(text)


@pytest.mark.parametrize(
    "number",
    ["+44 20 7946 0958", "+1 (212) 555-0123", "+49 (0)30 901820", "(212) 555-0123", "212-555-0123",
     "01 84 17 61 18", "+919876543210"],
)  # fmt: skip
def test_a_phone_number_of_a_telling_form_is_found(number: str) -> None:
    assert found(f"see {number} for more") == [("PHONE_NUMBER", number)]


def test_a_national_number_is_found_beside_a_word_for_it() -> None:
    assert found("call me at 0494 92 82 32") == [("PHONE_NUMBER", "0494 92 82 32")]
    assert types("batch 0494 92 82 32 of 2024") == set()


@pytest.mark.parametrize(
    "text",
    ["+1234567", "2024-01-31", "phone 2024-01-31", "1,234,567,890", "+999 1234 5678",
     "1/2/3/4/5/6/7/8", "5551234567", "10.0000000001", "code is not 4294967295"],
)  # fmt: skip
def test_other_numbers_are_no_phone_numbers(text: str) -> None:
    assert "PHONE_NUMBER" not in types(text)


@pytest.mark.parametrize(
    "address",
    [
        "192.168.10.4",
        "8.8.4.40",
        "2001:db8::8a2e:370:7334",
        "fe80:0:0:0:1:2:3:4",
        "\uff11\uff19\uff12.168.10.4",
    ],
)
def test_an_address_of_a_machine_is_found(address: str) -> None:
    assert found(f"from {address} at noon") == [("IP_ADDRESS", address)]
    assert found(f"[{address}]") == [("IP_ADDRESS", address)]


@pytest.mark.parametrize(
    "text",
    ["version 10.2.3.4", "1.2.3.4", "section 1.2.1.3", "300.1.1.1", "127.0.0.1", "0.0.0.0", "::1",
     "1.3.6.1.4.1.311", "std::vector", "a::b", "12:30:45", "00:1a:2b:3c:4d:5e", "dead::beef"],
)  # fmt: skip
def test_versions_times_and_code_are_no_addresses(text: str) -> None:
    assert "IP_ADDRESS" not in types(text)


def test_a_site_is_found_where_the_whole_address_stands() -> None:
    assert found("see https://www.example.com/path?q=1") == [
        ("DOMAIN_NAME", "https://www.example.com/")
    ]
    assert types("see example.com, main.py and e.g.this") == set()
