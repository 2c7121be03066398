"""`acl.yaml` is read strictly, and the first rule that matches decides."""

from __future__ import annotations

import pytest

from befit.identity import EVERYONE
from befit.knowledge.access import AccessRules, Acl, Rule, read_access_rules
from befit.vocabulary import DataClass, Tag

FILE = "knowledge/acl.yaml"

GOOD = b"""\
rules:
  - path: hr/salaries/**
    groups: [payroll]
    users: ["person:P1", mara]
    deny_users: [zoe]
    deny_groups: [contractors]
    data_class: restricted
    tags: [pii]
  - {path: "hr/**", groups: [hr]}
  - {path: "**", collection: handbook, groups: [everyone]}
"""


def rules(raw: bytes = GOOD) -> AccessRules:
    reading = read_access_rules(raw, file=FILE)
    assert reading.problems == ()
    assert reading.rules is not None
    return reading.rules


def test_a_file_says_who_may_read_what() -> None:
    first, second, third = rules().rules
    assert first == Rule(
        path="hr/salaries/**",
        acl=Acl(
            users=frozenset({"person:P1", "mara"}),
            groups=frozenset({"payroll"}),
            deny_users=frozenset({"zoe"}),
            deny_groups=frozenset({"contractors"}),
        ),
        data_class=DataClass.RESTRICTED,
        tags=frozenset({Tag.PII}),
    )
    assert second.data_class is None
    assert (third.collection, third.acl.groups) == ("handbook", {EVERYONE})


def test_the_first_rule_that_matches_decides() -> None:
    found = {
        path: match.path if match else None
        for path in ("hr/salaries/a.pdf", "hr/leave.md", "it/x.md")
        if (match := rules().match("handbook", path)) or True
    }
    assert found == {"hr/salaries/a.pdf": "hr/salaries/**", "hr/leave.md": "hr/**", "it/x.md": "**"}


def test_a_rule_for_one_collection_says_nothing_of_others() -> None:
    assert rules().match("memos", "it/x.md") is None
    assert rules().match("memos", "hr/x.md") is not None


def test_a_list_keeps_its_key_when_its_readers_change() -> None:
    before = rules().match("handbook", "hr/x.md")
    after = rules(GOOD.replace(b"[hr]", b"[it]")).match("handbook", "hr/x.md")
    assert before is not None
    assert after is not None
    assert before.key("handbook") == after.key("handbook") == "rule:handbook:hr/**"
    assert before.key("memos") != before.key("handbook")
    assert before.origin == "rule:hr/**"


def test_a_version_is_of_what_the_rules_say_not_of_how_they_are_written() -> None:
    again = GOOD.replace(b'["person:P1", mara]', b"[mara, 'person:P1']") + b"# said twice\n"
    assert rules().version == rules(again).version
    assert rules().version != rules(GOOD.replace(b"[hr]", b"[it]")).version
    assert AccessRules().version == rules(b"rules: []").version == ""


def test_no_file_is_no_rules() -> None:
    assert read_access_rules(None, file=FILE).rules == AccessRules()


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (
            b"rules:\n  - {path: a, grups: [x]}\n",
            r"unknown key 'grups' .*rules\[0\]\.grups \(line 2\).*did you mean 'groups'",
        ),
        (b"rulez: []\n", "unknown key 'rulez'.*did you mean 'rules'"),
        (b"rules:\n  - {groups: [x]}\n", r"missing key 'path' .*rules\[0\]"),
        (b"rules:\n  - {path: 'hr/**.md'}\n", r"rules\[0\]\.path.*stands alone between slashes"),
        (b"rules:\n  - {path: a, data_class: secret}\n", r"data_class.*none of public"),
        (b"rules:\n  - {path: a, tags: [pi]}\n", r"tags.*pii"),
        (b"rules:\n  - {path: a, groups: hr}\n", "must be a list"),
        (b"rules:\n  - {path: a, groups: [1]}\n", "must be text"),
        (b"rules:\n  - {path: a, groups: ['']}\n", r"groups\[0\]"),
        (b"rules:\n  - {path: a, collection: ../x}\n", "collection"),
        (b"rules: [\n", "acl.yaml"),
        (b"", "nothing in knowledge/acl.yaml"),
        (b"- a\n", "no mapping"),
        (
            b"rules:\n  - {path: a/b}\n  - {path: a/b, collection: x}\n",
            r"second rule for 'a/b' .*rules\[1\].*rules\[0\], always decides",
        ),
        (
            b"rules:\n  - {path: '**', collection: x}\n  - {path: shut/**, collection: x}\n",
            r"'shut/\*\*' never .*\[1\] \(line 3\).*'\*\*', at rules\[0\] \(line 2\).*narrower",
        ),
    ],
)
def test_a_wrong_file_is_told_with_the_place_and_what_to_do(raw: bytes, told: str) -> None:
    reading = read_access_rules(raw, file=FILE)
    assert reading.rules is None
    assert FILE in str(reading.problems[0])
    with pytest.raises(AssertionError, match=told):
        raise AssertionError(str(reading.problems[0]))


def test_a_rule_for_a_collection_before_one_for_all_is_fine() -> None:
    both = rules(b"rules:\n  - {path: a, collection: x}\n  - {path: a}\n  - {path: a/b}\n")
    assert [each.collection for each in both.rules] == ["x", None, None]


@pytest.mark.parametrize(
    ("first", "later", "is_hidden"),
    [
        ("{path: '**'}", "{path: hr/a.md, collection: x}", True),
        ("{path: '**', collection: x}", "{path: hr/a.md, collection: x}", True),
        ("{path: '**', collection: x}", "{path: hr/a.md}", False),
        ("{path: '**', collection: x}", "{path: hr/a.md, collection: y}", False),
        ("{path: hr/**}", "{path: hr/salaries/**}", True),
        ("{path: hr/**}", "{path: hr/*.md}", True),
        ("{path: hr/**}", "{path: hr}", False),
        ("{path: hr/**}", "{path: hr2/**}", False),
        ("{path: hr/*}", "{path: hr/salaries/**}", False),
        ("{path: '**/pay/**'}", "{path: '**/pay/x'}", True),
        ("{path: '**/pay/**'}", "{path: pay/x}", False),  # hidden, but not by how it is written
    ],
)
def test_a_rule_that_an_earlier_one_is_sure_to_hide_is_refused(
    first: str, later: str, is_hidden: bool
) -> None:
    raw = f"rules:\n  - {first}\n  - {later}\n".encode()
    reading = read_access_rules(raw, file=FILE)
    assert [each.path for each in reading.problems] == ([("rules", 1)] if is_hidden else [])
    assert (reading.rules is None) is is_hidden
    narrower_first = f"rules:\n  - {later}\n  - {first}\n".encode()
    assert read_access_rules(narrower_first, file=FILE).problems == ()
