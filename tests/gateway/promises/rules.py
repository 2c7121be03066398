"""Rules a company may have written, each as Cedar and as what it means in plain words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from befit.vocabulary import DataClass, Tag, Zone

_OVERFLOWS = "9223372036854775807 + context.data_class"
"""No validator sees that this fails, and it does for every class above public."""


@dataclass(frozen=True)
class Facts:
    """What a rule can depend on; the groups are those of every key here."""

    data_class: DataClass
    tags: frozenset[Tag]
    zone: Zone
    size: str
    workflow: str | None
    hour: int


@dataclass(frozen=True)
class Rule:
    """One file under `policies/`.

    Attributes:
        denies: when it keeps a model out, be it that it forbids or that it fails.
        opens: when it permits what the packaged rules leave unsaid.
        wants_person: when an answer may not go out without one.
    """

    name: str
    cedar: str
    denies: Callable[[Facts], bool] = lambda facts: False
    opens: Callable[[Facts], bool] = lambda facts: False
    wants_person: Callable[[Facts], bool] = lambda facts: False

    def __repr__(self) -> str:
        return f"<rule {self.name}>"

    @property
    def text(self) -> str:
        return f'@id("company/{self.name}")\n{self.cedar.strip()};\n'


RULES = (
    Rule(
        name="nothing-in-a-private-cloud",
        cedar="""forbid (principal, action == Action::"invoke", resource)
        when { resource.zone == "private_cloud" }""",
        denies=lambda facts: facts.zone is Zone.PRIVATE_CLOUD,
    ),
    Rule(
        name="everyone-takes-small-models",
        cedar="""forbid (principal in Group::"everyone", action == Action::"invoke", resource)
        when { resource.size == "large" }""",
        denies=lambda facts: facts.size == "large",
    ),
    Rule(
        name="external-by-day",
        cedar="""forbid (principal, action == Action::"send_raw", resource)
        when { resource.zone == "external" && (context.hour < 8 || context.hour >= 18) }""",
        denies=lambda facts: facts.zone is Zone.EXTERNAL and not 8 <= facts.hour < 18,
    ),
    Rule(
        name="health-data-on-the-device",
        cedar="""forbid (principal, action == Action::"invoke", resource)
        when { context.tags.contains("phi") && resource.zone != "device" }""",
        denies=lambda facts: Tag.PHI in facts.tags and facts.zone is not Zone.DEVICE,
    ),
    Rule(
        name="a-forbid-that-fails",
        cedar=f"""forbid (principal, action == Action::"invoke", resource)
        when {{ context.data_class == 2 && {_OVERFLOWS} < 0 }}""",
        denies=lambda facts: facts.data_class is DataClass.CONFIDENTIAL,
    ),
    Rule(
        name="a-permit-that-fails",
        cedar=f"""permit (principal, action == Action::"send_raw", resource)
        when {{ context.data_class == 1 && resource.size == "large" && {_OVERFLOWS} > 0 }}""",
        denies=lambda facts: facts.data_class is DataClass.INTERNAL and facts.size == "large",
    ),
    Rule(
        name="internal-may-go-out",
        cedar="""permit (principal, action == Action::"send_raw", resource)
        when { context.data_class == 1 }""",
        opens=lambda facts: facts.data_class is DataClass.INTERNAL,
    ),
    Rule(
        name="restricted-may-go-out-says-somebody",
        cedar="""permit (principal, action in [Action::"send_raw", Action::"invoke"], resource)
        when { context.data_class == 3 }""",
        # The packaged forbid stands against it, and a forbid wins.
    ),
    Rule(
        name="a-person-sees-what-is-confidential",
        cedar="""forbid (principal, action == Action::"invoke_unattended", resource)
        when { context.data_class >= 2 }""",
        wants_person=lambda facts: facts.data_class >= DataClass.CONFIDENTIAL,
    ),
)
