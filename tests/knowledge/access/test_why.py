"""Why somebody can or cannot read a document is told as the check itself decides it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.identity import EVERYONE, Principal, Role
from befit.knowledge import Document, DocumentState
from befit.knowledge.access import NOBODY_KNOWN, Acl, Portion, Rule, explain
from befit.policy import Ruling
from befit.vocabulary import DataClass, Tag

DOCUMENT = Document(
    key="K1",
    tenant="default",
    collection="handbook",
    doc_id="hr/pay.md",
    version="sha256:1",
    title="Pay",
    source="file:/srv",
    uri="file:///srv/hr/pay.md",
    path="hr/pay.md",
    media_type="text/markdown",
    acl_id=12,
    data_class=DataClass.INTERNAL,
    state=DocumentState.LIVE,
)
MARA = Principal(id="person:P1", name="mara", groups=frozenset({EVERYONE, "hr"}))
ADMIN = replace(MARA, roles=frozenset({Role.ADMIN}), groups=frozenset({EVERYONE}))


@dataclass(frozen=True)
class Listed:
    acl: Acl
    acl_id: int = 12
    origin: str = "rule:hr/**"


def acl(**members: str) -> Acl:
    return Acl(**{kind: frozenset({name}) for kind, name in members.items()})


def portion(ruling: Ruling, **more: Any) -> Portion:
    told = {"data_class": DataClass.INTERNAL, "tags": frozenset[Tag](), "passages": 2}
    return Portion(ruling=ruling, **(told | more))


@pytest.mark.parametrize(
    ("who", "readers", "allowed", "because"),
    [
        (MARA, acl(users="mara"), True, "the list names mara as a reader"),
        (MARA, acl(users="person:P1"), True, "the list names person:P1 as a reader"),
        (MARA, acl(groups="hr"), True, "mara is in the group hr, which the list names as readers"),
        (MARA, acl(groups=EVERYONE), True, "mara is in the group everyone, which"),
        (MARA, acl(groups="it"), False, "neither mara nor a group of theirs"),
        (MARA, NOBODY_KNOWN, False, r"names nobody \(groups of mara: everyone, hr\)"),
        (MARA, acl(groups="hr", deny_users="mara"), False, "mara as one who may not.*goes first"),
        (MARA, acl(users="mara", deny_groups="hr"), False, "group hr, which may not read it"),
        (ADMIN, NOBODY_KNOWN, True, "mara is an administrator"),
        (ADMIN, acl(deny_groups=EVERYONE), False, "group everyone, which may not"),
    ],
)
def test_the_member_that_decides_is_named(
    who: Principal, readers: Acl, allowed: bool, because: str
) -> None:
    told = explain(who, DOCUMENT, Listed(readers))
    assert told.allowed is allowed
    with pytest.raises(AssertionError, match=because):
        raise AssertionError(told.because)
    assert told.because in told.path


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("rule:hr/**", "the list is that of the rule hr/** in knowledge/acl.yaml"),
        ("source", "the list is what its source says of its readers, which goes before any rule"),
        ("unknown", "its source could not tell who may read it"),
        ("none", "neither its source nor a rule of knowledge/acl.yaml says who may read it"),
    ],
)
def test_where_the_list_comes_from_is_told(origin: str, said: str) -> None:
    told = explain(MARA, DOCUMENT, Listed(acl(groups="hr"), origin=origin), rule=Rule(path="hr/**"))
    assert told.path[0] == "hr/pay.md in handbook is under access list 12"
    assert told.path[1].startswith(said)
    assert "counts once" not in told.path[1]
    assert (told.origin, told.acl_id) == (origin, 12)


@pytest.mark.parametrize(("rule", "said"), [(Rule(path="**"), "rule **"), (None, "no rule")])
def test_a_rule_that_matches_now_and_is_not_applied_yet_is_told(
    rule: Rule | None, said: str
) -> None:
    told = explain(MARA, DOCUMENT, Listed(acl(groups="hr")), rule=rule)
    assert f"{said} matches its path now" in told.path[1]


def test_policys_word_comes_last_and_can_only_take_away() -> None:
    listed = Listed(acl(groups="hr"))
    yes = portion(Ruling(permitted=True, rule_ids=("baseline/read",)))
    no = portion(
        Ruling(permitted=False, rule_ids=("house/night",), reasons=("after hours",)),
    )
    may = explain(MARA, DOCUMENT, listed, portions=[yes])
    assert (may.allowed, may.readable, may.passages) == (True, 2, 2)
    told = explain(MARA, DOCUMENT, listed, portions=[no])
    assert (told.allowed, told.readable, told.passages) == (False, 0, 2)
    assert told.because == told.path[-1] == "policy forbids it (house/night): after hours"
    assert told.rule_ids == ("house/night",)
    denied = explain(MARA, DOCUMENT, Listed(NOBODY_KNOWN), portions=[yes])
    assert (denied.allowed, denied.readable) == (False, 0)
    assert "policy" not in " ".join(denied.path)


def test_passages_are_withheld_by_the_rule_that_speaks_of_their_class() -> None:
    yes = portion(Ruling(permitted=True, rule_ids=("baseline/read",)))
    no = portion(
        Ruling(permitted=False, rule_ids=("house/secret",), reasons=("not for staff",)),
        data_class=DataClass.RESTRICTED,
        tags=frozenset({Tag.PII}),
        passages=1,
    )
    told = explain(MARA, DOCUMENT, Listed(acl(groups="hr")), portions=[yes, no])
    assert (told.allowed, told.readable, told.passages) == (True, 2, 3)
    assert told.because == (
        "policy forbids 1 of its 3 passages, restricted with pii (house/secret): not for staff"
    )
    assert told.path[-2:] == (
        "policy permits 2 of its 3 passages, internal (baseline/read)",
        told.because,
    )
    assert told.rule_ids == ("baseline/read", "house/secret")


@pytest.mark.parametrize("state", [DocumentState.PENDING, DocumentState.LEAVING])
def test_a_document_that_is_not_there_yet_or_any_more_is_read_by_nobody(
    state: DocumentState,
) -> None:
    told = explain(MARA, replace(DOCUMENT, state=state), Listed(acl(groups="hr")))
    assert not told.allowed
    assert state in told.because


_NAMES = st.frozensets(st.sampled_from(["mara", "person:P1", "otto"]), max_size=2)
_GROUPS = st.frozensets(st.sampled_from([EVERYONE, "hr", "it"]), max_size=2)
_ACLS = st.builds(Acl, users=_NAMES, groups=_GROUPS, deny_users=_NAMES, deny_groups=_GROUPS)


@given(_ACLS, _GROUPS, st.booleans())
def test_it_says_what_the_list_decides(listed: Acl, groups: frozenset[str], admin: bool) -> None:
    roles = frozenset({Role.ADMIN if admin else Role.USER})
    who = replace(MARA, groups=groups, roles=roles)
    told = explain(who, DOCUMENT, Listed(listed))
    assert told.allowed is listed.admits(who)
    if told.decider.name:
        assert told.decider.name in getattr(listed, told.decider.field)
