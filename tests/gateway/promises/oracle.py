"""What DESIGN says of a request, read a second time and in plain Python.

Nothing here asks the product: a difference between the two readings is a finding.
"""

from __future__ import annotations

from dataclasses import dataclass

from befit.vocabulary import DataClass, Impact, Tag, Zone
from tests.gateway.promises.asking import CHAT, EMBEDDINGS, RUN, Ask
from tests.gateway.promises.papers import COLLECTION, DOCUMENTS, Paper
from tests.gateway.promises.rules import Facts
from tests.gateway.promises.world import EMBEDDER, Flow, Model, World

_OWN = frozenset({Zone.DEVICE, Zone.ONPREM, Zone.PRIVATE_CLOUD})
_ZONES = {
    DataClass.PUBLIC: frozenset(Zone),
    DataClass.INTERNAL: _OWN,
    DataClass.CONFIDENTIAL: _OWN,
    DataClass.RESTRICTED: frozenset({Zone.DEVICE, Zone.ONPREM}),
}


@dataclass(frozen=True)
class Reading:
    """One request as the oracle sees it.

    Attributes:
        flow: the workflow that it runs under.
        named: the one model it is for.
        carried: the class that its conversation already has.
    """

    world: World
    ask: Ask
    flow: Flow | None
    named: str | None
    carried: DataClass
    hour: int

    @property
    def reads(self) -> str | None:
        """How it answers from papers, `quote` or `write`; None where it does not."""
        if self.flow is not None and self.flow.reads is None:
            return None
        if self.flow is None and (self.named is None or self.ask.collection is None):
            return None
        if self.ask.at == EMBEDDINGS:
            return None
        return "write" if self.named is not None or self.flow is None else self.flow.reads

    @property
    def misses_papers(self) -> bool:
        """Whether what is asked of papers does not fit together, so that it is refused."""
        ask, flow = self.ask, self.flow
        if ask.at == EMBEDDINGS or (ask.collection is None and self.reads is None):
            return False
        if self.reads is None or ask.collection not in {None, COLLECTION}:
            return True
        if ask.collection is None and not (flow and flow.collections):
            return True
        able = {model.name for model in self.world.models if model.able and not model.embeds}
        return self.named is not None and self.named not in able

    @property
    def read(self) -> tuple[Paper, ...]:
        """The papers that are found: all that the key may read."""
        if self.reads is None or self.misses_papers:
            return ()
        return tuple(paper for paper in self.world.papers if paper.may_be_read(self.ask.key))

    @property
    def data_class(self) -> DataClass:
        """The joined class: nothing lowers it."""
        return max([self.without_papers, *(paper.data_class for paper in self.read)])

    @property
    def without_papers(self) -> DataClass:
        """The class before anything was found."""
        ask, flow = self.ask, self.flow
        told = [ask.declared, flow.data_class if flow else None]
        declared = [each for each in told if each is not None]
        joined = max(declared, default=self.world.undeclared)
        if ask.content == "card":
            joined = DataClass.RESTRICTED
        if ask.content == "image":
            joined = max(joined, flow.highest_class if flow else DataClass.RESTRICTED)
        return max(joined, self.carried)

    @property
    def tags(self) -> frozenset[Tag]:
        """What caller, workflow and the text itself say of the content."""
        found = {Tag.PCI, Tag.PII} if self.ask.content == "card" else set[Tag]()
        of_papers = {tag for paper in self.read for tag in paper.tags}
        of_flow = self.flow.tags if self.flow else frozenset[Tag]()
        return frozenset(self.ask.tags) | of_flow | found | of_papers

    def wants_person(self, model: str) -> bool:
        """Whether a person sees that model's answer before the caller does."""
        if self.flow is not None and self.flow.impact is Impact.HIGH:
            return True
        facts = self._facts(self.world.model(model))
        return any(rule.wants_person(facts) for rule in self.world.rules)

    @property
    def allowed(self) -> frozenset[str]:
        """The models that may be called at all, but to search."""
        if self.misses_papers:
            return frozenset()
        in_process = (EMBEDDER,) if self.world.papers else ()
        models = (*self.world.models, *in_process)
        return frozenset(model.name for model in models if self._allows(model))

    @property
    def may_search(self) -> bool:
        """Whether the question may be embedded before its class is known."""
        flow = self.flow
        if flow is None:
            return True
        on_device = not flow.zones or Zone.DEVICE in flow.zones
        return on_device and not flow.jurisdictions  # nobody knows the embedder's

    def _suits(self, model: Model) -> bool:
        """Whether the model does what is asked at all."""
        if self.reads is None:
            return model.embeds is (self.ask.at == EMBEDDINGS)
        if model == EMBEDDER:
            ends_at_person = self.flow is not None and self.flow.ends_at_person
            return self.reads == "quote" or (self.named is None and not ends_at_person)
        return self.reads == "write" and model.able and not model.embeds

    def _allows(self, model: Model) -> bool:
        return (
            model.stage == "approved"
            and self._suits(model)
            and self.named in {None, model.name}
            and self._key_allows()
            and self._flow_allows(model)
            and self._rules_allow(model)
            and (model.price_usd is not None or not self._is_under_budget())
        )

    def _key_allows(self) -> bool:
        """The key `scoped` is for the first workflow of the company's own alone."""
        return self.ask.key != "scoped" or self.flow == self.world.flows[1]

    def _is_under_budget(self) -> bool:
        is_limited = self.world.has_workflow_budget and self.flow == self.world.flows[1]
        return self.ask.key == "poor" or is_limited

    def _flow_allows(self, model: Model) -> bool:
        flow = self.flow
        if flow is None:
            return True
        return (
            (not flow.zones or model.zone in flow.zones)
            and (not flow.jurisdictions or model.jurisdiction in flow.jurisdictions)
            and self.data_class <= flow.highest_class
            and (
                self.named is not None
                or not flow.models
                or model.name in flow.models
                or model == EMBEDDER
            )
            and (self.named is None or flow.impact is Impact.LOW or self.ask.at == EMBEDDINGS)
        )

    def _rules_allow(self, model: Model) -> bool:
        facts = self._facts(model)
        rules = self.world.rules
        if any(rule.denies(facts) for rule in rules):
            return False
        if self._is_personal_outside(model):
            return False
        if model.zone in _ZONES[self.data_class]:
            return True
        return any(rule.opens(facts) for rule in rules)

    def _is_personal_outside(self, model: Model) -> bool:
        """Personal data stays inside the named jurisdictions, and on the device."""
        personal = self.world.personal
        is_personal = bool(self.tags & {Tag.PII, Tag.PHI})
        is_inside = model.zone is Zone.DEVICE or model.jurisdiction in personal
        return bool(personal) and is_personal and not is_inside

    def _facts(self, model: Model) -> Facts:
        return Facts(
            data_class=self.data_class,
            tags=self.tags,
            zone=model.zone,
            size=model.size,
            workflow=self.flow.name if self.flow else None,
            hour=self.hour,
        )


def named_model(ask: Ask) -> str | None:
    """The model that a request is for alone."""
    names_a_flow = ask.at == CHAT and ask.target.startswith("workflow:")
    is_open = ask.at == RUN or ask.target == "auto" or names_a_flow
    return None if is_open else ask.target


def named_workflow(ask: Ask) -> str | None:
    """The workflow that a request names, by whichever of the two ways."""
    if ask.at == RUN:
        return ask.target
    if ask.at == CHAT and ask.target.startswith("workflow:"):
        return ask.target.removeprefix("workflow:")
    names_nothing = ask.at == CHAT and ask.target == "auto" and ask.workflow is None
    if names_nothing and ask.collection is not None:
        return DOCUMENTS
    return ask.workflow


def contradicts_itself(ask: Ask) -> bool:
    """Whether two different workflows are named."""
    prefixed = ask.target.removeprefix("workflow:") if ask.target.startswith("workflow:") else None
    return ask.at == CHAT and None not in (prefixed, ask.workflow) and prefixed != ask.workflow
