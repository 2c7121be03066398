"""The joined data class: the highest of what is declared, and silence declares nothing."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from befit.catalog import Requirements, Workflow
from befit.messages import ChatRequest
from befit.policy.classification import ClassOrigin, classify
from befit.vocabulary import DataClass

_IMAGE = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]
_classes = st.sampled_from(DataClass)
_maybe = st.none() | _classes


def _request(data_class: DataClass | None = None, *, content: object = "text") -> ChatRequest:
    body: dict[str, object] = {
        "model": "auto",
        "messages": [{"role": "user", "content": content}],
    }
    if data_class is not None:
        body["befit"] = {"data_class": data_class.word}
    return ChatRequest.from_json(msgspec.json.encode(body))


def test_a_public_turn_does_not_make_an_undeclared_one_public():
    found = classify(_request(), None, conversation=DataClass.PUBLIC, undeclared=DataClass.INTERNAL)
    assert (found.data_class, found.origin) == (DataClass.INTERNAL, ClassOrigin.UNDECLARED)


def test_an_undeclared_image_is_not_public_because_its_workflow_takes_only_public():
    workflow = Workflow(
        name="w", version="1", requirements=Requirements(highest_class=DataClass.PUBLIC)
    )
    found = classify(
        _request(content=_IMAGE), workflow, conversation=None, undeclared=DataClass.INTERNAL
    )
    assert (found.data_class, found.origin) == (DataClass.INTERNAL, ClassOrigin.UNDECLARED)


def test_what_the_caller_declares_stands_in_for_the_undeclared_class():
    found = classify(
        _request(DataClass.PUBLIC), None, conversation=None, undeclared=DataClass.CONFIDENTIAL
    )
    assert (found.data_class, found.origin) == (DataClass.PUBLIC, ClassOrigin.CALLER)


@given(caller=_maybe, declared=_maybe, conversation=_maybe, undeclared=_classes)
def test_the_class_is_the_highest_that_binds(caller, declared, conversation, undeclared):
    workflow = Workflow(name="w", version="1", data_class=declared)
    found = classify(_request(caller), workflow, conversation=conversation, undeclared=undeclared)
    binding = [one for one in (caller, declared, conversation) if one is not None]
    if caller is None and declared is None:
        binding.append(undeclared)
    assert found.data_class == max(binding)
