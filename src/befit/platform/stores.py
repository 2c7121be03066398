"""`Stores`: every room's store on the workspace's database."""

from __future__ import annotations

from dataclasses import dataclass

from befit.audit import CheckpointStore, DecisionIndex, Sealer
from befit.catalog import ActivationStore, EvaluationStore
from befit.conversation import TurnStore
from befit.identity import GroupStore, IdentityStores, KeyStore, PeopleStore
from befit.knowledge import KnowledgeStores
from befit.knowledge.feedback import FeedbackStore
from befit.knowledge.released import ReleasedStore
from befit.metering import UsageStore
from befit.policy import PolicyVersionStore
from befit.storage import (
    Database,
    SqlAccessStore,
    SqlActivationStore,
    SqlAdministrativeEvents,
    SqlApprovalStore,
    SqlBudgetStore,
    SqlCheckpointStore,
    SqlCollectionStore,
    SqlConversationStore,
    SqlDecisionIndex,
    SqlDocumentStore,
    SqlEvaluationStore,
    SqlFeedbackStore,
    SqlGroupStore,
    SqlKeyStore,
    SqlPeopleStore,
    SqlPolicyVersionStore,
    SqlReleasedStore,
    SqlRunStore,
    SqlTurnStore,
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
    knowledge: KnowledgeStores
    feedback: FeedbackStore
    policies: PolicyVersionStore
    released: ReleasedStore
    runs: RunStore
    turns: TurnStore
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
            knowledge=KnowledgeStores(
                collections=SqlCollectionStore(database),
                documents=SqlDocumentStore(database, sealer),
                access=SqlAccessStore(database),
            ),
            feedback=SqlFeedbackStore(database, sealer),
            policies=SqlPolicyVersionStore(database),
            released=SqlReleasedStore(database, sealer),
            runs=SqlRunStore(database, sealer),
            turns=SqlTurnStore(database, sealer),
            usage=SqlUsageStore(database),
            versions=SqlWorkflowVersionStore(database),
        )

    @property
    def identity(self) -> IdentityStores:
        """What tells who asks."""
        return IdentityStores(keys=self.keys, people=self.people, groups=self.groups)
