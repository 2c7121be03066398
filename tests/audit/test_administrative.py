"""An administrative event says who did what to what, whatever else it is told."""

from __future__ import annotations

import msgspec
import pytest

from befit.audit import EventType, Sections, administrative_draft
from befit.vocabulary import DEFAULT_TENANT


def test_it_says_who_did_what_under_which_policy() -> None:
    draft = administrative_draft(
        "revoked", "key:K1", by="key:K2", policy="p", tenant="other", told={"name": "desk"}
    )
    assert (draft.type, draft.tenant, draft.step) == (EventType.ADMINISTRATIVE, "other", "")
    assert (draft.principal, draft.policy) == ("key:K2", "p")
    sections = draft.fields
    assert isinstance(sections, Sections)
    assert msgspec.json.decode(sections.caller) == {"by": "key:K2"}
    told = {"name": "desk", "action": "revoked", "subject": "key:K1"}
    assert msgspec.json.decode(sections.account) == told


@pytest.mark.parametrize("name", ["action", "subject", "by"])
def test_what_it_is_told_never_takes_the_place_of_who_and_what(name: str) -> None:
    draft = administrative_draft("revoked", "key:K1", by="key:K2", told={name: "another"})
    own = {"action": "revoked", "subject": "key:K1", "by": "key:K2"}
    assert {key: msgspec.json.decode(value) for key, value in draft.fields.items()} == own


def test_each_has_an_id_of_its_own_and_is_the_default_tenants() -> None:
    drafts = [administrative_draft("a", "b", by="c", told={}) for _ in range(2)]
    assert {draft.tenant for draft in drafts} == {DEFAULT_TENANT}
    ids = {draft.decision_id for draft in drafts}
    assert len(ids) == 2
    assert all(each.startswith("admin_") for each in ids)
