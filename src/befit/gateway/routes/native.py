"""Befit's own endpoints: one operation each, told in one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_origin
from urllib.parse import parse_qs

import msgspec
from msgspec.structs import fields

from befit.errors import InvalidRequest
from befit.gateway.bearer import bearer_in
from befit.gateway.body import read_body
from befit.gateway.limits import Limits
from befit.gateway.operations.answering.runs import RunDocument, RunRequest, run_workflow
from befit.gateway.operations.knowledge.search import SearchParams, search_http
from befit.gateway.operations.knowledge.search_results import SearchDocument
from befit.gateway.operations.operation import (
    Operation,
    OperationCall,
    document_json,
    operation,
    wrong_field,
)
from befit.gateway.operations.policy.detecting import TextsToDetect, detect_texts
from befit.gateway.operations.policy.detection_rows import DetectDocument
from befit.gateway.operations.registry import loaded_operation
from befit.gateway.reply import Header, Receive, Scope, Send, send_json
from befit.platform import Platform
from befit.vocabulary import silent

_RUN = operation("run", RunRequest, run_workflow)
_DETECT = operation("detect", TextsToDetect, detect_texts)
_SEARCH = operation("knowledge.search", SearchParams, search_http)
"""What is asked in another way over HTTP than on the command line."""

NATIVE: tuple[tuple[str, str, str | Operation], ...] = (
    ("POST", "/v1/workflows/{workflow}/runs", _RUN),
    ("POST", "/v1/detect", _DETECT),
    ("POST", "/v1/knowledge/search", _SEARCH),
    ("GET", "/v1/knowledge/collections", "knowledge.list"),
    ("GET", "/v1/knowledge/why", "knowledge.why"),
    ("GET", "/v1/runs/{run_id}", "runs.show"),
    ("GET", "/v1/decisions", "decisions.list"),
    ("GET", "/v1/decisions/{id}", "decisions.show"),
    ("POST", "/v1/decisions/{id}/feedback", "feedback.give"),
    ("GET", "/v1/events", "events.list"),
    ("GET", "/v1/events/{id}", "events.show"),
    ("GET", "/v1/usage", "usage"),
    ("GET", "/v1/approvals", "approvals.list"),
    ("GET", "/v1/approvals/{id}", "approvals.show"),
    ("POST", "/v1/approvals/{id}/approve", "approvals.approve"),
    ("POST", "/v1/approvals/{id}/reject", "approvals.reject"),
    ("POST", "/v1/approvals/{id}/edit", "approvals.edit"),
    ("GET", "/v1/access", "access"),
    ("GET", "/v1/inventory", "inventory"),
    ("GET", "/v1/keys", "keys.list"),
    ("POST", "/v1/keys", "keys.create"),
    ("DELETE", "/v1/keys/{id}", "keys.revoke"),
    ("GET", "/v1/people", "people.list"),
    ("POST", "/v1/people", "people.add"),
    ("GET", "/v1/people/{who}", "people.show"),
    ("POST", "/v1/people/{who}", "people.set"),
    ("DELETE", "/v1/people/{who}", "people.remove"),
    ("GET", "/v1/groups", "groups.list"),
    ("POST", "/v1/groups", "groups.add"),
    ("GET", "/v1/groups/{name}", "groups.show"),
    ("DELETE", "/v1/groups/{name}", "groups.remove"),
    ("POST", "/v1/groups/{name}/members", "groups.add_member"),
    ("DELETE", "/v1/groups/{name}/members/{member:path}", "groups.remove_member"),
)
"""Method and path of each of Befit's own endpoints, and the operation behind it."""

_DECIDED = RunDocument | DetectDocument | SearchDocument
_decode_object = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(frozen=True, kw_only=True, slots=True)
class NativeEndpoint:
    """One operation at one path. Parameters come from path, query (GET) and body (POST)."""

    method: str
    path: str
    operation: Operation
    platform: Platform
    limits: Limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Who asks is settled before any of the body is kept."""
        principal = await self.platform.authenticator.authenticate(bearer_in(scope))
        params = self.operation.params
        given: dict[str, object] = _query(scope, params)
        if self.method == "POST":
            body = await read_body(scope, receive, limit=self.limits.max_body_bytes)
            given |= _object(body, params)
        for name, value in scope["path_params"].items():
            if name in given:
                raise InvalidRequest(f"{name} stands in the path", param=name)
            given[name] = value
        call = OperationCall(platform=self.platform, principal=principal, progress=silent)
        document = await self.operation.perform(call, given)
        headers: tuple[Header, ...] = ()
        if isinstance(document, _DECIDED) and document.decision_id:
            headers = ((b"befit-decision", document.decision_id.encode()),)
        await send_json(send, document_json(document), headers=headers)


def native_endpoints(platform: Platform, limits: Limits) -> tuple[NativeEndpoint, ...]:
    """Befit's own endpoints on one platform."""
    return tuple(
        NativeEndpoint(
            method=method,
            path=path,
            operation=loaded_operation(behind) if isinstance(behind, str) else behind,
            platform=platform,
            limits=limits,
        )
        for method, path, behind in NATIVE
    )


def _query(scope: Scope, params: type[msgspec.Struct]) -> dict[str, object]:
    """The query's values; a list is written `by=model,day` or `by=model&by=day`."""
    lists = {field.name for field in fields(params) if get_origin(field.type) is tuple}
    try:
        text = scope["query_string"].decode("ascii")
        parsed = parse_qs(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError as error:
        raise InvalidRequest(f"the query cannot be read: {error}") from None
    query: dict[str, object] = {}
    for name, values in parsed.items():
        if name in lists:
            query[name] = [part for value in values for part in value.split(",") if part]
        elif len(values) > 1:
            raise InvalidRequest(f"{name} is given {len(values)} times", param=name)
        else:
            query[name] = values[0]
    return query


def _object(body: bytes, params: type[msgspec.Struct]) -> dict[str, object]:
    if not body:
        return {}
    try:
        return _decode_object(body)
    except msgspec.ValidationError as error:
        raise wrong_field(str(error), params) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body is not valid JSON: {error}") from None
