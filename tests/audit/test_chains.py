"""Heads of chains are bounded in memory, also those of decisions that are opened here."""

from __future__ import annotations

from befit.audit.chains import PENDING, ChainHeads


def test_announced_decisions_make_room_for_each_other() -> None:
    heads = ChainHeads(most_open=10)
    for number in range(100):
        key = ("default", f"dec_{number}")
        heads.announce(key, heads.epoch)
        assert heads.get(key) == PENDING
        heads.advance(key, "00", has_ended=False)
    assert len(heads) == 10
    assert heads.get(("default", "dec_99")) == "00"
    assert heads.get(("default", "dec_89")) is None


def test_what_was_read_before_a_reset_announces_nothing() -> None:
    heads = ChainHeads()
    before = heads.epoch
    heads.advance(("default", "dec_1"), "00", has_ended=False)
    heads.reset()
    heads.announce(("default", "dec_2"), before)
    assert len(heads) == 0
    assert heads.epoch != before
