"""The operation `policy.show`: the rules in force."""

from __future__ import annotations

from befit.gateway.operations.operation import NoParams, OpDocument, operation
from befit.identity import Principal
from befit.platform import Platform
from befit.policy import Rule


class RuleDocument(OpDocument, frozen=True, kw_only=True):
    """One rule. `actions` is null where it is about every action."""

    id: str
    effect: str
    actions: tuple[str, ...] | None
    reason: str | None
    file: str
    line: int
    text: str


class PolicyDocument(OpDocument, frozen=True, kw_only=True):
    """The version in force and its rules, in the order of their files."""

    policy: str
    packaged: tuple[str, ...]
    personal_data_jurisdictions: tuple[str, ...]
    rules: tuple[RuleDocument, ...]


async def show_policy(platform: Platform, principal: Principal, params: NoParams) -> PolicyDocument:
    """The rules in force. Everybody may read the rules that they live under."""
    del params, principal
    rules = platform.policy.rules
    return PolicyDocument(
        policy=platform.policy.hash,
        packaged=rules.choice.packaged,
        personal_data_jurisdictions=tuple(sorted(rules.choice.personal_data_jurisdictions)),
        rules=tuple(map(_rule_document, rules.rules)),
    )


def _rule_document(rule: Rule) -> RuleDocument:
    actions = rule.statement.actions
    return RuleDocument(
        id=rule.id,
        effect=rule.statement.effect,
        actions=None if actions is None else tuple(sorted(actions)),
        reason=rule.reason,
        file=rule.file,
        line=rule.line,
        text=rule.text,
    )


OPERATIONS = (operation("policy.show", NoParams, show_policy),)
