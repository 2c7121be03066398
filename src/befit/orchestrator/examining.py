"""Examining a request: its texts singly, and what a model may read as one although it is not.

content, examination = await examined(examine, request)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from befit.messages import ChatRequest
from befit.orchestrator.content import Content
from befit.policy.detection import Examination, Examine

_T = TypeVar("_T")

_AT_ONCE_BYTES = 4096
"""Handing a shorter request to a thread costs more than examining it."""


async def examined(examine: Examine, request: ChatRequest) -> tuple[Content, Examination]:
    """What a request holds; a long one is decoded and examined off the event loop.

    Raises:
        InvalidRequest: a field of the request is no JSON.
    """
    return await off_the_loop(request, partial(examine_request, examine, request))


async def off_the_loop(request: ChatRequest, work: Callable[[], _T]) -> _T:
    """Do work on a request's content: here where it is short, else in a thread."""
    if sum(len(bytes(raw)) for raw in request.fields.values()) <= _AT_ONCE_BYTES:
        return work()
    return await asyncio.to_thread(work)


def examine_request(examine: Examine, request: ChatRequest) -> tuple[Content, Examination]:
    """As `examined`, here and now.

    Raises:
        InvalidRequest: a field of the request is no JSON.
    """
    content = Content.of(request)
    return content, _examine(examine, content)


def _examine(examine: Examine, content: Content) -> Examination:
    singly = examine(content.texts)
    if singly.failed is None and content.joined:
        together = examine(content.joined)
        if together.failed is not None:
            return together
        singly = _with(singly, together, content)
    return replace(singly, is_whole=content.is_text_only)


def _with(singly: Examination, together: Examination, content: Content) -> Examination:
    """Both findings; what was found only in texts put together can be classed, not replaced."""
    known = _values(content.texts, singly)
    new = _values(content.joined, together) - known
    if not new:
        return singly
    classes = [each.data_class for each in (singly, together) if each.data_class is not None]
    return replace(
        singly,
        data_class=max(classes, default=None),
        tags=singly.tags | together.tags,
        joined_types=together.types,
        is_replaceable=False,
    )


def _values(texts: tuple[str, ...], examination: Examination) -> set[str]:
    return {
        text[span.start : span.end]
        for text, spans in zip(texts, examination.sensitive, strict=True)
        for span in spans
    }
