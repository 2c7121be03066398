"""The joined data class: the highest of what is declared, and silence declares nothing."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from befit.catalog import Requirements, Workflow
from befit.messages import ChatRequest
from befit.policy.classification import ClassOrigin, classify
from befit.policy.detection import Examination, Span
from befit.vocabulary import DataClass, Tag

_IMAGE = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]
_classes = st.sampled_from(DataClass)
_maybe = st.none() | _classes
_tags = st.frozensets(st.sampled_from(Tag))
_NONE: frozenset[Tag] = frozenset()


def _request(
    data_class: DataClass | None = None,
    *,
    content: object = "text",
    tags: frozenset[Tag] = _NONE,
) -> ChatRequest:
    body: dict[str, object] = {
        "model": "auto",
        "messages": [{"role": "user", "content": content}],
    }
    body["befit"] = befit = {"tags": sorted(tags)}
    if data_class is not None:
        befit["data_class"] = data_class.word
    return ChatRequest.from_json(msgspec.json.encode(body))


def test_a_public_turn_does_not_make_an_undeclared_one_public():
    found = classify(
        _request(),
        None,
        carried_class=DataClass.PUBLIC,
        carried_tags=_NONE,
        undeclared=DataClass.INTERNAL,
    )
    assert (found.data_class, found.origin) == (DataClass.INTERNAL, ClassOrigin.UNDECLARED)


def test_an_undeclared_image_is_not_public_because_its_workflow_takes_only_public():
    workflow = Workflow(
        name="w", version="1", requirements=Requirements(highest_class=DataClass.PUBLIC)
    )
    found = classify(
        _request(content=_IMAGE),
        workflow,
        carried_class=None,
        carried_tags=_NONE,
        undeclared=DataClass.INTERNAL,
    )
    assert (found.data_class, found.origin) == (DataClass.INTERNAL, ClassOrigin.UNDECLARED)


def test_what_the_caller_declares_stands_in_for_the_undeclared_class():
    found = classify(
        _request(DataClass.PUBLIC),
        None,
        carried_class=None,
        carried_tags=_NONE,
        undeclared=DataClass.CONFIDENTIAL,
    )
    assert (found.data_class, found.origin) == (DataClass.PUBLIC, ClassOrigin.CALLER)


@given(caller=_maybe, declared=_maybe, conversation=_maybe, undeclared=_classes)
def test_the_class_is_the_highest_that_binds(caller, declared, conversation, undeclared):
    workflow = Workflow(name="w", version="1", data_class=declared)
    found = classify(
        _request(caller),
        workflow,
        carried_class=conversation,
        carried_tags=_NONE,
        undeclared=undeclared,
    )
    binding = [one for one in (caller, declared, conversation) if one is not None]
    if caller is None and declared is None:
        binding.append(undeclared)
    assert found.data_class == max(binding)


@given(caller=_tags, declared=_tags, conversation=_tags, found=_tags)
def test_the_tags_are_all_that_anybody_brings(caller, declared, conversation, found):
    said = classify(
        _request(tags=caller),
        Workflow(name="w", version="1", tags=declared),
        carried_class=DataClass.PUBLIC,
        carried_tags=conversation,
        undeclared=DataClass.INTERNAL,
        examination=_examined(DataClass.CONFIDENTIAL, found),
    )
    assert said.tags == caller | declared | conversation | found
    assert said.redacted_tags == caller | declared | conversation


def _examined(data_class: DataClass, tags: frozenset[Tag]) -> Examination:
    spans = ((Span(start=0, end=4, type="MADE_UP"),),)
    return Examination(spans=spans, data_class=data_class, tags=tags)


_SAID = classify(
    _request(DataClass.PUBLIC),
    None,
    carried_class=None,
    carried_tags=_NONE,
    undeclared=DataClass.INTERNAL,
    examination=_examined(DataClass.CONFIDENTIAL, frozenset({Tag.PII})),
)


def test_a_conversation_that_carries_no_more_than_the_text_changes_nothing():
    assert _SAID.carrying(_SAID.data_class, _SAID.tags) == _SAID
    assert _SAID.redacted_class is DataClass.PUBLIC


def test_what_a_conversation_carries_beyond_the_text_remains_when_the_text_is_redacted():
    found = _SAID.carrying(DataClass.RESTRICTED, frozenset({Tag.PII, Tag.PHI}))
    assert (found.data_class, found.origin) == (DataClass.RESTRICTED, ClassOrigin.CONVERSATION)
    assert found.tags == {Tag.PII, Tag.PHI}
    assert (found.redacted_class, found.redacted_tags) == (DataClass.RESTRICTED, {Tag.PHI})
