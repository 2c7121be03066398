"""`GET /v1/models` and `GET /v1/models/{name}`: what a request's `model` may name."""

from __future__ import annotations

import msgspec

from befit.catalog import ModelCard, Stage, Workflow
from befit.errors import NotFound, nearest
from befit.gateway.bearer import bearer_in
from befit.gateway.operations.catalog.activation import evidence_by_workflow
from befit.gateway.operations.catalog.workflows import usable_workflows
from befit.gateway.reply import Receive, Scope, Send, send_json
from befit.identity import Principal
from befit.platform import Platform
from befit.routing import EvidenceBook

_AUTO = "auto"
_WORKFLOW = "workflow:"


class _About(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What OpenAI's protocol has no words for."""

    kind: str
    zone: str | None = None
    size: str | None = None
    evidence: dict[str, str] | None = None
    description: str | None = None


class _Model(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object: str = "model"
    created: int = 0
    owned_by: str
    befit: _About


class _ModelList(msgspec.Struct, frozen=True, kw_only=True):
    object: str = "list"
    data: list[_Model]


class ModelsEndpoint:
    """Cards that serve, workflows as `workflow:NAME`, and `auto`."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the list, or with the one that the path names."""
        principal = await self._platform.authenticator.authenticate(bearer_in(scope))
        models = self._models(principal)
        name: str | None = scope["path_params"].get("name")
        if name is None:
            await send_json(send, msgspec.json.encode(_ModelList(data=models)))
            return
        found = next((model for model in models if model.id == name), None)
        if found is None:
            hint = nearest(name, [model.id for model in models])
            raise NotFound(f"no model {name[:200]!r}", next_step=hint, param="model")
        await send_json(send, msgspec.json.encode(found))

    def _models(self, principal: Principal) -> list[_Model]:
        catalog = self._platform.catalog.current.of(principal.tenant)
        workflows = tuple(
            workflow
            for workflow in usable_workflows(self._platform, principal)
            if workflow.stage is Stage.APPROVED
        )
        book = self._platform.shelf.evidence_of(principal.tenant)
        cards = [
            _card(card, workflows, book)
            for card in catalog.cards.values()
            if card.stage is Stage.APPROVED
        ]
        named = [
            _Model(
                id=_WORKFLOW + workflow.name,
                owned_by=workflow.owner or "befit",
                befit=_About(kind="workflow", description=workflow.description or None),
            )
            for workflow in workflows
        ]
        return [
            *cards,
            *named,
            _Model(id=_AUTO, owned_by="befit", befit=_About(kind="auto")),
        ]


def _card(card: ModelCard, workflows: tuple[Workflow, ...], book: EvidenceBook) -> _Model:
    evidence = evidence_by_workflow(book, card, workflows)
    about = _About(kind="model", zone=card.zone, size=card.size, evidence=evidence)
    return _Model(id=card.name, owned_by=card.family, befit=about)
