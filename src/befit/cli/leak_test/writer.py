"""`Writer`: the scripted model that stands in for one able to write, and what it is sent.

It answers from the passages in its prompt and keeps every prompt, because what a reader may
not see may not reach a model on their behalf either.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Self

from befit.messages import ChatRequest
from befit.testing import CountingUpstream

_PASSAGE = re.compile(r"<<<(\w+) passage \[(\d+)\][^\n]*\n(.*?)\n\1>>>", re.DOTALL)
_SENTENCE = re.compile(r"[^.\n]+\.")
_TELLS = "release code"


class Writer:
    """Cites rightly, repeats its whole prompt, or cites nothing, as chance has it."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._turn = asyncio.Lock()
        self._upstream = CountingUpstream(self._written, witness=lambda: None)

    @property
    def url(self) -> str:
        """Where it listens, as a card's `url` takes it."""
        return self._upstream.url

    async def __aenter__(self) -> Self:
        await self._upstream.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._upstream.stop()

    @asynccontextmanager
    async def watched(self) -> AsyncGenerator[list[bytes]]:
        """A list that afterwards holds all that was sent to it within the block, for one reader.

        Whoever else has it write waits, so that each prompt is known to be whose.
        """
        async with self._turn:
            prompts: list[bytes] = []
            try:
                yield prompts
            finally:
                prompts += [visit.request.body for visit in self._upstream.visits]
                self._upstream.visits.clear()
                self._upstream.requests.clear()

    def _written(self, request: ChatRequest) -> str:
        prompt = "\n".join(message.text for message in request.messages)
        way = self._chance.random()
        if way < 0.1:
            return prompt
        passages = [(number, text) for _, number, text in _PASSAGE.findall(prompt)]
        if not passages:
            return "I was given no passages."
        cites = "" if way < 0.2 else " [{}]"
        claims = (
            _sentence(text).removesuffix(".") + cites.format(number) + "."
            for number, text in passages[:2]
        )
        return " ".join(claims)


def _sentence(text: str) -> str:
    sentences = [each.strip() for each in _SENTENCE.findall(text)]
    return next((each for each in sentences if _TELLS in each), (sentences or [text])[0])
