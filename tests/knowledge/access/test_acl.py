"""A list knows people and groups by name, however the letters of a name are composed."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.identity import local_administrator
from befit.knowledge.access import Acl, read_access_rules
from befit.knowledge.sources.statements import StatementFault, read_acl

FORMS: tuple[Literal["NFC"], Literal["NFD"]] = ("NFC", "NFD")
KEYS = ("users", "groups", "deny_users", "deny_groups")

_names = st.text(st.sampled_from("a\u0308\u00e4\u0301\u00e9eo\u00f6\uac00\u1100\u1161"), min_size=1)
_form = st.sampled_from(FORMS)


def ruled(group: str) -> Acl:
    text = f"rules: [{{path: a, groups: [everyone], deny_groups: ['{group}']}}]"
    rules = read_access_rules(text.encode(), file="knowledge/acl.yaml").rules
    assert rules is not None
    return rules.rules[0].acl


def stated(group: str) -> Acl:
    return read_acl({"groups": ["everyone"], "deny_groups": [group]})


@pytest.mark.parametrize("door", [ruled, stated])
@given(written=_form, asserted=_form, name=_names)
def test_no_deny_is_lost_by_the_form_of_its_letters(
    door: Callable[[str], Acl],
    written: Literal["NFC", "NFD"],
    asserted: Literal["NFC", "NFD"],
    name: str,
) -> None:
    acl = door(unicodedata.normalize(written, name))
    reader = local_administrator(acting_as=f"mara:{unicodedata.normalize(asserted, name)}")
    assert not acl.admits(reader)
    assert acl.admits(local_administrator(acting_as="mara"))


@pytest.mark.parametrize("name", ["", "  ", "h\u200br", "h\u00a0r", "h\tr"])
@pytest.mark.parametrize("key", KEYS)
def test_a_name_that_nobody_can_have_is_refused(name: str, key: str) -> None:
    raw = f'rules: [{{path: a, {key}: ["{name}"]}}]'.replace("\t", "\\t")
    assert read_access_rules(raw.encode(), file="knowledge/acl.yaml").rules is None
    with pytest.raises(StatementFault, match=key):
        read_acl({key: [name]})
