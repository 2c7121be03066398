"""What a run tells of itself as a whole: a large part gone, and rules that speak of nothing."""

from __future__ import annotations

from befit.knowledge.access import AccessRules, Acl, Rule
from tests.knowledge.ingestion.taking_in import FOR_EVERYONE, Listed, Place

READERS = Acl(groups=frozenset({"everyone"}))


def many(folder: str, count: int) -> dict[str, str]:
    return {f"{folder}/{at:02}.md": f"what {folder} says of {at}" for at in range(count)}


async def test_a_folder_gone_with_many_documents_is_told_and_comes_back(place: Place) -> None:
    kept, lost = many("kept", 12), many("lost", 11)
    assert (await place.run(Listed(kept | lost))).notices == []
    report = await place.run(Listed(kept))
    assert report.removed == 11
    (told,) = report.notices
    assert "11 of the 23 documents" in told
    assert "lost/00.md" in told
    assert "and 6 more" in told
    assert "ingest again" in told
    back = await place.run(Listed(kept | lost))
    assert (back.added, back.notices) == (11, [])


async def test_few_documents_gone_or_a_small_share_is_no_news(place: Place) -> None:
    kept, few = many("kept", 12), many("few", 9)
    await place.run(Listed(kept | few))
    assert (await place.run(Listed(kept))).notices == []
    most = many("most", 15)
    await place.run(Listed(kept | most))
    assert (await place.run(Listed(most))).notices != []
    await place.run(Listed(kept | most | many("x", 10)))
    assert (await place.run(Listed(kept | most))).notices == []


async def test_a_rule_for_the_collection_that_decides_on_nothing_is_told(place: Place) -> None:
    place.rules = AccessRules(
        rules=(
            Rule(path="hr/**", collection="handbook", acl=READERS),
            Rule(path="hrr/**", collection="handbook", acl=READERS),
            Rule(path="elsewhere/**", acl=READERS),
            Rule(path="pay/**", collection="memos", acl=READERS),
        )
    )
    for _ in range(2):  # what has not changed counts as well
        (told,) = (await place.run(Listed({"hr/a.md": "leave is given"}))).notices
        assert "'hrr/**'" in told
        assert "'handbook'" in told
    place.rules = FOR_EVERYONE
    assert (await place.run(Listed({"hr/a.md": "leave is given"}))).notices == []


async def test_no_rule_is_called_idle_where_not_all_was_met(place: Place) -> None:
    place.rules = AccessRules(rules=(Rule(path="it/**", collection="handbook", acl=READERS),))
    offered = {"hr/a.md": "leave is given", "hr/b.md": "leave is taken"}
    assert (await place.run(Listed(offered, breaks_after=1))).notices == []
    assert (await place.run(Listed(offered, unseen="it/"))).notices == []
    assert len((await place.run(Listed(offered))).notices) == 1
    other = Listed({"c.md": "something else"}, name="test:other")
    assert (await place.run(other)).notices == []
