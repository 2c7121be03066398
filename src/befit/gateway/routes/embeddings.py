"""`POST /v1/embeddings`: vectors as numbers, or as base64 where the client asks for it."""

from __future__ import annotations

from array import array
from base64 import b64encode

import msgspec

from befit.audit import encode_receipt
from befit.gateway.bearer import bearer_in
from befit.gateway.body import read_body
from befit.gateway.limits import Limits
from befit.gateway.reply import Receive, Scope, Send, send_json
from befit.messages import EmbeddingRequest
from befit.orchestrator import EmbeddingAnswer, EmbeddingArrival, befit_object
from befit.platform import Platform
from befit.vocabulary import Status

_encode = msgspec.json.Encoder(decimal_format="number").encode


class EmbeddingsEndpoint:
    """Hands texts to the orchestrator and vectors to the client."""

    def __init__(self, platform: Platform, limits: Limits) -> None:
        self._platform = platform
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        principal = await self._platform.authenticator.authenticate(bearer_in(scope))
        body = await read_body(scope, receive, limit=self._limits.max_body_bytes)
        request = EmbeddingRequest.from_json(body)
        answer = await self._platform.orchestrator.embed(
            EmbeddingArrival(caller=principal, request=request)
        )
        headers = (
            (b"befit-decision", answer.standing.decision_id.encode()),
            (b"befit-receipt", encode_receipt(answer.receipt).encode()),
        )
        await send_json(send, _body(answer, request), headers=headers)


def _body(answer: EmbeddingAnswer, request: EmbeddingRequest) -> bytes:
    write = _base64 if request.base64 else _numbers
    vectors = answer.embeddings
    befit = befit_object(answer.standing, status=Status.ANSWERED, receipt=answer.receipt)
    return _encode(
        {
            "object": "list",
            "model": answer.standing.model or request.model,
            "data": [
                {"object": "embedding", "index": index, "embedding": write(row)}
                for index, row in enumerate(vectors.rows)
            ],
            "usage": {
                "prompt_tokens": vectors.usage.input,
                "total_tokens": vectors.usage.input,
            },
            "befit": befit | {"cost_usd": answer.cost_usd},
        }
    )


def _base64(row: bytes) -> str:
    return b64encode(row).decode()


def _numbers(row: bytes) -> list[float]:
    return array("f", row).tolist()
