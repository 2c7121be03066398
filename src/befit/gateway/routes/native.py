"""Befit's own endpoints: one operation each, told in one table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar, get_origin
from urllib.parse import parse_qs

import msgspec
from msgspec.structs import fields

from befit.errors import InvalidRequest
from befit.gateway.bearer import bearer_in
from befit.gateway.body import read_body
from befit.gateway.limits import Limits
from befit.gateway.operations.access import AccessParams, show_access
from befit.gateway.operations.administrative import EventId, EventQuery, list_events, show_event
from befit.gateway.operations.approvals import (
    ApprovalId,
    ApprovalQuery,
    Decided,
    Edited,
    approve,
    edit,
    list_approvals,
    reject,
    show_approval,
)
from befit.gateway.operations.decisions import DecisionId, list_decisions, show_decision
from befit.gateway.operations.detecting import TextsToDetect, detect_texts
from befit.gateway.operations.detection_rows import DetectDocument
from befit.gateway.operations.groups import (
    GroupNamed,
    Membership,
    NewGroup,
    add_group,
    add_member,
    list_groups,
    remove_group,
    remove_member,
    show_group,
)
from befit.gateway.operations.inventory import take_inventory
from befit.gateway.operations.keys import KeyId, NewKey, create_key, list_keys, revoke_key
from befit.gateway.operations.operation import (
    Document,
    NoParams,
    OpParams,
    document_json,
    read_params,
    wrong_field,
)
from befit.gateway.operations.people import (
    NewPerson,
    PersonChange,
    PersonNamed,
    add_person,
    list_people,
    remove_person,
    set_person,
    show_person,
)
from befit.gateway.operations.runs import RunDocument, RunLookup, RunRequest, run_workflow, show_run
from befit.gateway.operations.searching import DecisionQuery
from befit.gateway.operations.usage import UsageParams, usage
from befit.gateway.reply import Header, Receive, Scope, Send, send_json
from befit.identity import Principal
from befit.platform import Platform

P = TypeVar("P", bound=OpParams)

Perform = Callable[[Principal, dict[str, object]], Awaitable[Document]]

_decode_object = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(frozen=True, kw_only=True, slots=True)
class NativeEndpoint:
    """One operation at one path. Parameters come from path, query (GET) and body (POST)."""

    method: str
    path: str
    params: type[OpParams]
    perform: Perform
    platform: Platform
    limits: Limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Who asks is settled before any of the body is kept."""
        principal = await self.platform.authenticator.authenticate(bearer_in(scope))
        given: dict[str, object] = _query(scope, self.params)
        if self.method == "POST":
            body = await read_body(scope, receive, limit=self.limits.max_body_bytes)
            given |= _object(body, self.params)
        for name, value in scope["path_params"].items():
            if name in given:
                raise InvalidRequest(f"{name} stands in the path", param=name)
            given[name] = value
        document = await self.perform(principal, given)
        headers: tuple[Header, ...] = ()
        if isinstance(document, RunDocument | DetectDocument) and document.decision_id:
            headers = ((b"befit-decision", document.decision_id.encode()),)
        await send_json(send, document_json(document), headers=headers)


def native_endpoints(platform: Platform, limits: Limits) -> tuple[NativeEndpoint, ...]:
    """The table of Befit's own endpoints."""

    def at(
        method: str,
        path: str,
        params: type[P],
        function: Callable[[Platform, Principal, P], Awaitable[Document]],
    ) -> NativeEndpoint:
        async def perform(principal: Principal, given: dict[str, object]) -> Document:
            return await function(platform, principal, read_params(given, params))

        return NativeEndpoint(
            method=method,
            path=path,
            params=params,
            perform=perform,
            platform=platform,
            limits=limits,
        )

    return (
        at("POST", "/v1/workflows/{workflow}/runs", RunRequest, run_workflow),
        at("POST", "/v1/detect", TextsToDetect, detect_texts),
        at("GET", "/v1/runs/{run_id}", RunLookup, show_run),
        at("GET", "/v1/decisions", DecisionQuery, list_decisions),
        at("GET", "/v1/decisions/{id}", DecisionId, show_decision),
        at("GET", "/v1/events", EventQuery, list_events),
        at("GET", "/v1/events/{id}", EventId, show_event),
        at("GET", "/v1/usage", UsageParams, usage),
        at("GET", "/v1/approvals", ApprovalQuery, list_approvals),
        at("GET", "/v1/approvals/{id}", ApprovalId, show_approval),
        at("POST", "/v1/approvals/{id}/approve", Decided, approve),
        at("POST", "/v1/approvals/{id}/reject", Decided, reject),
        at("POST", "/v1/approvals/{id}/edit", Edited, edit),
        at("GET", "/v1/access", AccessParams, show_access),
        at("GET", "/v1/inventory", NoParams, take_inventory),
        at("GET", "/v1/keys", NoParams, list_keys),
        at("POST", "/v1/keys", NewKey, create_key),
        at("DELETE", "/v1/keys/{id}", KeyId, revoke_key),
        at("GET", "/v1/people", NoParams, list_people),
        at("POST", "/v1/people", NewPerson, add_person),
        at("GET", "/v1/people/{who}", PersonNamed, show_person),
        at("POST", "/v1/people/{who}", PersonChange, set_person),
        at("DELETE", "/v1/people/{who}", PersonNamed, remove_person),
        at("GET", "/v1/groups", NoParams, list_groups),
        at("POST", "/v1/groups", NewGroup, add_group),
        at("GET", "/v1/groups/{name}", GroupNamed, show_group),
        at("DELETE", "/v1/groups/{name}", GroupNamed, remove_group),
        at("POST", "/v1/groups/{name}/members", Membership, add_member),
        at("DELETE", "/v1/groups/{name}/members/{member:path}", Membership, remove_member),
    )


def _query(scope: Scope, params: type[OpParams]) -> dict[str, object]:
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


def _object(body: bytes, params: type[OpParams]) -> dict[str, object]:
    if not body:
        return {}
    try:
        return _decode_object(body)
    except msgspec.ValidationError as error:
        raise wrong_field(str(error), params) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body is not valid JSON: {error}") from None
