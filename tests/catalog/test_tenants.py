"""What each tenant sees of a catalog."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.catalog import Catalog, ModelCard, Via, Workflow
from befit.catalog.catalog import catalog_version
from befit.errors import NotFound
from befit.vocabulary import SizeClass, Zone

TENANTS = ("default", "north", "south")
SETS = st.frozensets(st.sampled_from(TENANTS))


def card(name: str, tenants: frozenset[str]) -> ModelCard:
    return ModelCard(
        name=name,
        family="test",
        size=SizeClass.SMALL,
        via=Via.OPENAI,
        zone=Zone.ONPREM,
        upstream_model=name,
        tenants=tenants,
    )


def catalog(cards: list[frozenset[str]], flows: list[frozenset[str]]) -> Catalog:
    made = {f"m{n}": card(f"m{n}", tenants) for n, tenants in enumerate(cards)}
    workflows = {
        f"w{n}": Workflow(name=f"w{n}", version=f"sha256:{n}", tenants=tenants)
        for n, tenants in enumerate(flows)
    }
    return Catalog(
        cards=MappingProxyType(made),
        workflows=MappingProxyType(workflows),
        contents=MappingProxyType(dict.fromkeys(workflows, "x")),
        version=catalog_version(made, workflows),
    )


@given(cards=st.lists(SETS, max_size=4), flows=st.lists(SETS, max_size=4))
def test_a_tenant_sees_what_names_it_or_nobody_and_nothing_else(
    cards: list[frozenset[str]], flows: list[frozenset[str]]
) -> None:
    whole = catalog(cards, flows)
    for tenant in TENANTS:
        seen = whole.of(tenant)
        assert seen is whole.of(tenant)
        assert set(seen.cards) == {
            f"m{n}" for n, each in enumerate(cards) if not each or tenant in each
        }
        assert (
            set(seen.workflows)
            == set(seen.contents)
            == {f"w{n}" for n, each in enumerate(flows) if not each or tenant in each}
        )
        for other in TENANTS:
            same = (seen.cards, seen.workflows) == (
                whole.of(other).cards,
                whole.of(other).workflows,
            )
            assert (seen.version == whole.of(other).version) == same


def test_a_hint_names_nothing_that_the_tenant_does_not_see() -> None:
    seen = catalog([frozenset({"north"})], [frozenset({"north"})]).of("default")
    for find in (seen.find_card, seen.find_workflow):
        with pytest.raises(NotFound) as told:
            find("m1" if find == seen.find_card else "w1")
        assert "m0" not in str(told.value)
        assert "w0" not in str(told.value)
