"""`Stores`: every room's store on the workspace's database."""

from __future__ import annotations

from dataclasses import dataclass

from befit.audit import CheckpointStore, DecisionIndex, Sealer
from befit.catalog import ActivationStore, EvaluationStore
from befit.identity import GroupStore, IdentityStores, KeyStore, PeopleStore
from befit.metering import UsageStore
from befit.policy import PolicyVersionStore
from befit.storage import (
    Database,
    SqlActivationStore,
    SqlAdministrativeEvents,
    SqlApprovalStore,
    SqlBudgetStore,
    SqlCheckpointStore,
    SqlConversationStore,
    SqlDecisionIndex,
    SqlEvaluationStore,
    SqlGroupStore,
    SqlKeyStore,
    SqlPeopleStore,
    SqlPolicyVersionStore,
    SqlRunStore,
    SqlUsageStore,
    SqlWorkflowVersionStore,
)
from befit.workflows import RunStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Stores:
    """Every room's store on the workspace's database.

    Attributes:
        url: of the database, for who reads it apart from every store.
    """

    url: str
    activations: ActivationStore
    administrative: SqlAdministrativeEvents
    keys: KeyStore
    people: PeopleStore
    groups: GroupStore
    approvals: SqlApprovalStore
    budgets: SqlBudgetStore
    checkpoints: CheckpointStore
    conversations: SqlConversationStore
    decisions: DecisionIndex
    evaluations: EvaluationStore
    policies: PolicyVersionStore
    runs: RunStore
    usage: UsageStore
    versions: SqlWorkflowVersionStore

    @classmethod
    def on(cls, database: Database, sealer: Sealer) -> Stores:
        """All stores on one database; what they seal, they seal with `sealer`."""
        return cls(
            url=database.url,
            activations=SqlActivationStore(database),
            administrative=SqlAdministrativeEvents(database),
            keys=SqlKeyStore(database),
            people=SqlPeopleStore(database),
            groups=SqlGroupStore(database),
            approvals=SqlApprovalStore(database, sealer),
            budgets=SqlBudgetStore(database),
            checkpoints=SqlCheckpointStore(database),
            conversations=SqlConversationStore(database),
            decisions=SqlDecisionIndex(database),
            evaluations=SqlEvaluationStore(database),
            policies=SqlPolicyVersionStore(database),
            runs=SqlRunStore(database, sealer),
            usage=SqlUsageStore(database),
            versions=SqlWorkflowVersionStore(database),
        )

    @property
    def identity(self) -> IdentityStores:
        """What tells who asks."""
        return IdentityStores(keys=self.keys, people=self.people, groups=self.groups)
