"""What it costs: tokens, budgets, usage and savings."""

from befit.metering.budget_store import (
    Account,
    BudgetScope,
    BudgetStore,
    Lease,
    Slice,
    Spending,
    account_of,
    bounds_of,
)
from befit.metering.budgets import Budgets, Reservation, restore
from befit.metering.reference import Basis, CallCosts, Reference, Saving
from befit.metering.report import report_usage
from befit.metering.savings import saving
from befit.metering.tokens import input_tokens_at_most, most_cost_usd, most_texts_cost_usd
from befit.metering.usage import (
    CallRow,
    DecisionPage,
    DecisionRow,
    Dimension,
    LastUse,
    Reach,
    Spread,
    UsageGroup,
    UsageQuery,
    UsageRow,
    UsageStore,
)

__all__ = [
    "Account",
    "Basis",
    "BudgetScope",
    "BudgetStore",
    "Budgets",
    "CallCosts",
    "CallRow",
    "DecisionPage",
    "DecisionRow",
    "Dimension",
    "LastUse",
    "Lease",
    "Reach",
    "Reference",
    "Reservation",
    "Saving",
    "Slice",
    "Spending",
    "Spread",
    "UsageGroup",
    "UsageQuery",
    "UsageRow",
    "UsageStore",
    "account_of",
    "bounds_of",
    "input_tokens_at_most",
    "most_cost_usd",
    "most_texts_cost_usd",
    "report_usage",
    "restore",
    "saving",
]
