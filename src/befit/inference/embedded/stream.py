"""The engine's events as OpenAI's, one by one or gathered into a whole answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from befit.errors import BefitError, ContextTooLong, ModelFailure, ModelRefused
from befit.inference.embedded.wire import Answer, Delta
from befit.messages import TokenUsage

_TOO_LONG = "exceed_context_size_error"


class _PromptDetails(msgspec.Struct, frozen=True):
    cached_tokens: int = 0


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails = _PromptDetails()

    def typed(self) -> TokenUsage:
        return TokenUsage(
            input=self.prompt_tokens,
            cached_input=self.prompt_tokens_details.cached_tokens,
            output=self.completion_tokens,
        )


class _Error(msgspec.Struct, frozen=True):
    message: str = "unknown"
    code: int = 500
    type: str = ""
    n_prompt_tokens: int = 0
    n_ctx: int = 0


class _Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str = ""


class _ToolCall(msgspec.Struct, frozen=True):
    index: int = 0
    id: str | None = None
    function: _Function = _Function()


class _ChoiceDelta(msgspec.Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_ToolCall] = []


class _LogProbs(msgspec.Struct, frozen=True):
    content: list[dict[str, Any]] = []  # passed on as the engine gives it


class _Choice(msgspec.Struct, frozen=True):
    delta: _ChoiceDelta = _ChoiceDelta()
    finish_reason: str | None = None
    logprobs: _LogProbs | None = None


class _Event(msgspec.Struct, frozen=True):
    id: str = ""
    created: int = 0
    choices: msgspec.Raw = msgspec.Raw(b"[]")
    usage: msgspec.Raw = msgspec.Raw()
    prompt_progress: msgspec.Raw = msgspec.Raw()
    error: _Error | None = None


class _ClientEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    object: str
    created: int
    model: str
    choices: msgspec.Raw | list[dict[str, Any]]  # the body's choices are JSON by nature
    usage: msgspec.Raw | None = None


_events = msgspec.json.Decoder(_Event)
_choices = msgspec.json.Decoder(list[_Choice])
_usages = msgspec.json.Decoder(_Usage)


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineEvent:
    """One event of the engine, read once."""

    event: _Event
    choice: _Choice | None
    usage: TokenUsage | None

    def as_delta(self, model: str) -> Delta:
        """The event as the client gets it, under the card's name."""
        data = msgspec.json.encode(
            _ClientEvent(
                id=self.event.id,
                object="chat.completion.chunk",
                created=self.event.created,
                model=model,
                choices=self.event.choices,
                usage=self.event.usage if self.usage else None,
            )
        )
        delta = self.choice.delta if self.choice else None
        speaks = delta is not None and bool(
            delta.content or delta.reasoning_content or delta.tool_calls
        )
        return Delta(
            data=data,
            tokens=int(speaks),
            finish_reason=self.choice.finish_reason if self.choice else None,
            usage=self.usage,
            is_usage_only=self.choice is None and self.usage is not None,
        )


def read_event(chunk: bytes, model: str) -> EngineEvent | None:
    """The engine's event, or None where it only tells of prefill.

    Raises:
        ContextTooLong: the input does not fit; says how many tokens and the limit.
        ModelRefused: the engine answered with an error.
        ModelFailure: what came is no event.
    """
    try:
        event = _events.decode(chunk)
        if event.error:
            raise _failure(event.error, model)
        if bytes(event.prompt_progress):
            return None
        choices = _choices.decode(event.choices)
        usage = _usages.decode(event.usage).typed() if bytes(event.usage) else None
    except msgspec.DecodeError as error:
        raise ModelFailure(f"the engine of {model!r} sent no event: {error}") from None
    return EngineEvent(event=event, choice=choices[0] if choices else None, usage=usage)


def _failure(error: _Error, model: str) -> BefitError:
    if error.type == _TOO_LONG:
        return ContextTooLong(
            f"the input has {error.n_prompt_tokens} tokens; {model!r} takes {error.n_ctx} "
            "of input and output together",
            next_step="shorten it, or use a model with a larger context window",
            param="messages",
        )
    return ModelRefused(f"{model!r} refused: {error.message}", upstream_status=error.code)


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


class Gathered:
    """Events joined into one answer, as OpenAI's whole completion has it."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._logprobs: list[dict[str, Any]] = []
        self._last: _Event = _Event()
        self._usage: TokenUsage | None = None
        self.finish_reason: str | None = None

    def add(self, event: EngineEvent) -> None:
        """Join the next event."""
        self._last = event.event
        self._usage = event.usage or self._usage
        if event.choice is None:
            return
        choice = event.choice
        self.finish_reason = choice.finish_reason or self.finish_reason
        self._text.append(choice.delta.content or "")
        self._reasoning.append(choice.delta.reasoning_content or "")
        if choice.logprobs:
            self._logprobs.extend(choice.logprobs.content)
        for part in choice.delta.tool_calls:
            call = self._calls.setdefault(part.index, _Call())
            call.id = part.id or call.id
            call.name = part.function.name or call.name
            call.arguments.append(part.function.arguments)

    @property
    def logprobs(self) -> list[dict[str, Any]]:
        """The probabilities of the tokens, as the engine gives them."""
        return self._logprobs

    def answer(self, *, text: str | None = None, confidence: float | None = None) -> Answer:
        """The whole answer; `text` replaces what was generated (a label for its letter).

        Raises:
            ModelFailure: the engine stopped without saying why.
        """
        if self.finish_reason is None:
            raise ModelFailure(f"the engine of {self._model!r} ended without a reason")
        content = "".join(self._text) if text is None else text
        finish = self.finish_reason if text is None else "stop"
        choice: dict[str, Any] = {
            "index": 0,
            "message": self._message(content),
            "finish_reason": finish,
            "logprobs": {"content": self._logprobs} if self._logprobs and text is None else None,
        }
        body = _ClientEvent(
            id=self._last.id,
            object="chat.completion",
            created=self._last.created,
            model=self._model,
            choices=[choice],
            usage=self._last.usage if self._usage else None,
        )
        return Answer(
            body=msgspec.json.encode(body),
            text=content,
            finish_reason=finish,
            has_tool_calls=bool(self._calls),
            confidence=confidence,
            usage=self._usage,
        )

    def _message(self, content: str) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if reasoning := "".join(self._reasoning):
            message["reasoning_content"] = reasoning
        if self._calls:
            message["content"] = content or None
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": "".join(call.arguments)},
                }
                for _, call in sorted(self._calls.items())
            ]
        return message
