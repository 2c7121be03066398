"""What deciding costs: a situation seen before, and a new one over thirty models.

    python -m benchmarks.policy

Prints the processor's time, which neighbours on the machine disturb least: the median with
its range over rounds, and the 95th percentile of the single calls with an interval
(bootstrap over them). Bounds: seen before 5 us, new over 30 models and their obligations
5 ms. Rules: every packaged set, a company's four, and, as the worst case, rules that look at
each model as a whole, so that every one has to be asked about on its own.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from befit.catalog import ModelCard, Stage, Via
from befit.identity import EVERYONE, Principal
from befit.policy import (
    PACKAGED_SETS,
    ClassOrigin,
    Policy,
    PolicyChoice,
    Situation,
    read_policies,
)
from befit.statistics import bootstrap_percentile, percentile
from befit.vocabulary import DataClass, Impact, Purpose, SizeClass, Tag, Zone

ROUNDS = 9
SEEN = 20_000
NEW = 60
MODELS = 30
_ZONES = (Zone.DEVICE, Zone.ONPREM, Zone.PRIVATE_CLOUD, Zone.EXTERNAL)
_PLACES = ("DE", "FR", "US", None)

OWN = b"""
@id("own/night") forbid (principal, action == Action::"invoke", resource)
when { context.hour < 6 && resource.zone == "external" };
@id("own/research") permit (principal in Group::"research", action == Action::"send_raw", resource)
when { context.data_class <= 2 && resource has jurisdiction && resource.jurisdiction == "DE" };
@id("own/no-secrets") forbid (principal, action == Action::"send_raw", resource)
when { context.tags.contains("secret") && resource.zone != "device" };
@id("own/owner") forbid (principal, action == Action::"invoke_unattended", resource)
when { context has workflow && context.workflow.owner == "legal" };
"""
NAMING = OWN + b"".join(
    f'@id("own/{action}") forbid (principal, action == Action::"{action}", resource)'
    f' when {{ Model::"gone" == resource }};\n'.encode()
    for action in ("invoke", "send_raw", "send_redacted", "invoke_unattended")
)


def main() -> None:
    """Measure and print."""
    cards = tuple(_card(number) for number in range(MODELS))
    print(f"{MODELS} models, all different; {ROUNDS} rounds; processor time")
    policy = _policy(OWN)
    print(f"rules in force: {len(policy.rules.rules)}")
    _print_seen(policy, cards)
    _print_new("new, raw", policy, cards)
    _print_new("new, redacted too", policy, cards, redacts=True)
    naming = _policy(NAMING)
    _print_new("new, each on its own", naming, cards)
    _print_new("new, each, redacted too", naming, cards, redacts=True)
    _print_load()


def _print_seen(policy: Policy, cards: tuple[ModelCard, ...]) -> None:
    medians: list[float] = []
    for _ in range(ROUNDS):
        asked = [_situation(cards, 0) for _ in range(SEEN)]  # equal, and each another object
        started = time.thread_time()
        for each in asked:
            policy.decide(each)
        medians.append((time.thread_time() - started) / SEEN * 1e6)
    print(f"{'seen before':24} {statistics.median(medians):7.2f} us  ({_range(medians)})")


def _print_new(
    name: str, policy: Policy, cards: tuple[ModelCard, ...], *, redacts: bool = False
) -> None:
    numbers = iter(range(1, 10_000_000))
    medians: list[float] = []
    every: list[float] = []
    for _ in range(ROUNDS):
        calls = list(_timed(policy, cards, numbers, redacts=redacts))
        medians.append(statistics.median(calls))
        every += calls
    tail, around = percentile(every, 0.95), bootstrap_percentile(every, 0.95)
    told = f"p95 {tail.value:.2f} [{around.low:.2f}, {around.high:.2f}]"
    print(f"{name:24} {statistics.median(medians):7.2f} ms  ({_range(medians)})  {told}")


def _timed(
    policy: Policy, cards: tuple[ModelCard, ...], numbers: Iterator[int], *, redacts: bool
) -> Iterator[float]:
    for _ in range(NEW):
        asked = _situation(cards, next(numbers))
        if redacts:
            asked = replace(
                asked,
                data_class=DataClass.RESTRICTED,
                redacted_class=DataClass.PUBLIC,
                can_redact=True,
            )
        started = time.thread_time()
        policy.decide(asked)
        yield (time.thread_time() - started) * 1e3


def _print_load() -> None:
    spent: list[float] = []
    for _ in range(ROUNDS):
        started = time.thread_time()
        _policy(OWN)
        spent.append((time.thread_time() - started) * 1e3)
    print(f"{'reading all rules':24} {statistics.median(spent):7.2f} ms  ({_range(spent)})")


def _policy(own: bytes) -> Policy:
    choice = PolicyChoice(
        packaged=tuple(PACKAGED_SETS), personal_data_jurisdictions=frozenset({"DE", "FR"})
    )
    reading = read_policies({"policies/own.cedar": own}, choice)
    if reading.rules is None:
        raise SystemExit(str(reading.problems[0]))
    return Policy(reading.rules)


def _card(number: int) -> ModelCard:
    return ModelCard(
        name=f"model-{number}",
        family="f",
        size=tuple(SizeClass)[number % 2],
        via=tuple(Via)[number % len(Via)],
        zone=_ZONES[number % 4],
        jurisdiction=_PLACES[number // 4 % 4],
        stage=Stage.PROPOSED if number % 16 == 15 else Stage.APPROVED,
        owner=f"team-{number}",
    )


def _situation(cards: tuple[ModelCard, ...], number: int) -> Situation:
    return Situation(
        principal=Principal(
            id="key:K1", name="k", groups=frozenset({EVERYONE, "research"}), key_id="K1"
        ),
        purpose=Purpose.ANSWER,
        workflow="triage",
        workflow_owner=f"owner-{number}",
        impact=Impact.HIGH,
        data_class=DataClass.INTERNAL,
        class_origin=ClassOrigin.CALLER,
        tags=frozenset({Tag.PCI}),
        highest_class=DataClass.RESTRICTED,
        zones=frozenset(),
        jurisdictions=frozenset(),
        hour=12,
        catalog_version="sha256:0",
        candidate_names=tuple(card.name for card in cards),
        candidates=cards,
    )


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}"


if __name__ == "__main__":
    main()
