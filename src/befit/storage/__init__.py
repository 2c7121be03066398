"""Each room's store on the workspace's database, and the schema's migrations."""

from befit.storage.activations import SqlActivationStore
from befit.storage.administrative_events import AdministrativePage, SqlAdministrativeEvents
from befit.storage.approvals import SqlApprovalStore
from befit.storage.budgets import SqlBudgetStore
from befit.storage.checkpoints import SqlCheckpointStore, held_checkpoint
from befit.storage.conversation_turns import SqlTurnStore
from befit.storage.conversations import SqlConversationStore
from befit.storage.database import Database
from befit.storage.decisions import SqlDecisionIndex
from befit.storage.dialect import database_url
from befit.storage.directory import SqlGroupStore, SqlPeopleStore
from befit.storage.evaluations import SqlEvaluationStore, SqlWorkflowVersionStore
from befit.storage.feedback import SqlFeedbackStore
from befit.storage.held_index import forget_index, index_at_rest, index_beside
from befit.storage.keys import SqlKeyStore
from befit.storage.knowledge import SqlAccessStore, SqlCollectionStore, SqlDocumentStore
from befit.storage.migrate import upgrade
from befit.storage.open_work import SqlOpenWork
from befit.storage.personal_rows import SqlPersonalRows
from befit.storage.policy_versions import SqlPolicyVersionStore
from befit.storage.released import SqlReleasedStore
from befit.storage.runs import SqlRunStore
from befit.storage.usage import SqlUsageStore

__all__ = [
    "AdministrativePage",
    "Database",
    "SqlAccessStore",
    "SqlActivationStore",
    "SqlAdministrativeEvents",
    "SqlApprovalStore",
    "SqlBudgetStore",
    "SqlCheckpointStore",
    "SqlCollectionStore",
    "SqlConversationStore",
    "SqlDecisionIndex",
    "SqlDocumentStore",
    "SqlEvaluationStore",
    "SqlFeedbackStore",
    "SqlGroupStore",
    "SqlKeyStore",
    "SqlOpenWork",
    "SqlPeopleStore",
    "SqlPersonalRows",
    "SqlPolicyVersionStore",
    "SqlReleasedStore",
    "SqlRunStore",
    "SqlTurnStore",
    "SqlUsageStore",
    "SqlWorkflowVersionStore",
    "database_url",
    "forget_index",
    "held_checkpoint",
    "index_at_rest",
    "index_beside",
    "upgrade",
]
