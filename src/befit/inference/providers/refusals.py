"""What an upstream's refusal says, quoted safely.

An upstream's error text may echo the key, carry terminal escapes or be a page of HTML:
what Befit repeats of it is short, on one line and free of keys.
"""

from __future__ import annotations

import re

import msgspec

from befit.errors import ModelRefused
from befit.inference.providers.secrets import Secret, mask_keys
from befit.inference.providers.usage import ABSENT

_LONGEST_QUOTE = 300
_BAD_GATEWAY = 502
_NOT_SHOWN = re.compile(r"[^\x20-\x7e\u00a0-\ud7ff\ue000-\uffff]+")

_NEXT_STEPS = {
    401: "check the key that the card's `key` refers to",
    403: "check what the card's key may use",
    404: "check the card's url and model; GET /models of the server lists its names",
    429: "the provider limits the rate; try later or add another model to the route",
}


class _ErrorBody(msgspec.Struct, frozen=True):
    error: msgspec.Raw = ABSENT
    message: str | None = None  # servers that put it at the top


class _ErrorObject(msgspec.Struct, frozen=True):
    message: str | None = None
    code: int | str | None = None
    status: int | str | None = None


_decode_body = msgspec.json.Decoder(_ErrorBody).decode
_decode_object = msgspec.json.Decoder(_ErrorObject).decode


def refusal(peer: str, status: int, *, body: bytes, key: Secret | None = None) -> ModelRefused:
    """The error for an answer with an error status.

    Args:
        peer: how the error names the upstream.
        status: the answer's HTTP status.
        body: its body, of which at most 300 characters are quoted.
        key: the key that was sent, masked wherever it is echoed.
    """
    said = quote(_message_of(body), key)
    text = f"{peer} answered with status {status}" + (f": {said}" if said else "")
    error = ModelRefused(text, upstream_status=status)
    error.next_step = _NEXT_STEPS.get(status)
    return error


def refusal_inside(peer: str, error: msgspec.Raw, *, key: Secret | None = None) -> ModelRefused:
    """The error for an `error` object inside an answer of status 200 or a stream."""
    raw = bytes(error)
    status = _BAD_GATEWAY
    try:
        told = _decode_object(raw)
    except msgspec.DecodeError:  # a bare string, or something else
        pass
    else:
        for value in (told.code, told.status):
            if isinstance(value, int) and 400 <= value < 600:
                status = value
                break
    said = quote(_message_of(raw), key)
    return ModelRefused(f"{peer} answered with an error: {said}", upstream_status=status)


def quote(text: str, key: Secret | None = None) -> str:
    """`text` on one line, keys masked, at most 300 characters."""
    if key is not None:
        text = key.masked_in(text)
    line = " ".join(_NOT_SHOWN.sub(" ", mask_keys(text)).split())
    return line if len(line) <= _LONGEST_QUOTE else line[: _LONGEST_QUOTE - 1] + "…"


def _message_of(body: bytes) -> str:
    """The message within OpenAI's and similar error shapes, else the body itself."""
    whole = body.decode("utf-8", errors="replace")
    try:
        view = _decode_body(body)
    except msgspec.DecodeError:
        return whole
    if view.error != ABSENT:
        raw = bytes(view.error)
        return _inner_message(raw) or raw.decode("utf-8", errors="replace")
    return view.message or whole


def _inner_message(raw: bytes) -> str | None:
    try:
        return _decode_object(raw).message
    except msgspec.DecodeError:
        return None
