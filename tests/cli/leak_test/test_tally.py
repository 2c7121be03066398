"""What counts as a leak, and what does not."""

from __future__ import annotations

from dataclasses import replace

from befit.cli.leak_test.canary import Access
from befit.cli.leak_test.chronicle import Chronicle
from befit.cli.leak_test.report import leak_test_document
from befit.cli.leak_test.tally import Tally
from tests.cli.leak_test.canaries import BO, KEEPER, canary, seen, tally_of, world

_FOR_BO = canary(Access(users=frozenset({BO.name})))


def test_every_mark_of_a_forbidden_document_is_a_leak_wherever_it_stands() -> None:
    tally = tally_of(_FOR_BO)
    for mark in _FOR_BO.marks:
        for content in (mark, mark.upper(), f'{{"a":"\\n{mark}x"}}', f"zq{mark}"):
            assert not tally.judge(seen(content))
            assert tally.judge(seen(content, BO))
    assert tally.leaks.total() == 4 * len(_FOR_BO.marks)
    assert {finding.what for finding in tally.findings} == {f"default/manuals/{_FOR_BO.doc_id}"}
    assert {finding.reader for finding in tally.findings} == {"default/cy-reader"}


def test_what_the_reader_said_themselves_is_none_unless_it_is_cited() -> None:
    tally = tally_of(_FOR_BO)
    echoed = seen(f"no document {_FOR_BO.doc_id}", sent=_FOR_BO.doc_id.lower())
    assert tally.judge(echoed)
    assert not tally.judge(replace(echoed, cited=(_FOR_BO.doc_id,)))


def test_a_key_of_the_product_s_own_tells_as_much_as_a_mark() -> None:
    chronicle = Chronicle(world(_FOR_BO))
    chronicle.know_keys([("doc_0AF", _FOR_BO)])
    tally = Tally(chronicle)
    assert not tally.judge(seen('{"passage_id": "doc_0AF.3"}'))
    assert tally.judge(seen('{"passage_id": "doc_0AF.3"}', BO))


def test_while_a_right_is_taken_away_both_worlds_count_and_then_only_the_new_one() -> None:
    chronicle = Chronicle(world(_FOR_BO))
    tally = Tally(chronicle)
    chronicle.begin(chronicle.now.with_access(_FOR_BO, None))
    meanwhile = seen(_FOR_BO.secret, BO, since=chronicle.settled, until=chronicle.latest)
    assert tally.judge(meanwhile)
    chronicle.settle()
    afterwards = replace(meanwhile, since=chronicle.settled)
    chronicle.begin(chronicle.now.with_access(chronicle.now.canaries[0], _FOR_BO.access))
    assert not tally.judge(afterwards)  # that it is given back later makes it no better


def test_an_account_may_name_documents_and_never_hold_their_text() -> None:
    for_nobody = canary(Access(deny_users=frozenset({KEEPER.name})))
    tally = tally_of(for_nobody)
    assert tally.judge(seen(for_nobody.doc_id, KEEPER, is_account=True))
    assert not tally.judge(seen(for_nobody.doc_id, KEEPER))
    assert not tally.judge(seen(for_nobody.secret, KEEPER, is_account=True))


def test_what_nobody_in_particular_sees_holds_nothing_of_any_document() -> None:
    open_to_all = canary(Access(groups=frozenset({"everyone"})))
    tally = tally_of(open_to_all)
    assert tally.judge(seen("befit_requests_total 7", None))
    assert not tally.judge(seen(open_to_all.title, None))


def test_answers_that_must_be_the_same_and_are_not_are_a_leak() -> None:
    tally = tally_of(_FOR_BO)
    assert not tally.judge(seen("", difference="forbidden / not found"))


def test_a_system_that_finds_nothing_shows_nothing() -> None:
    tally = tally_of(_FOR_BO)
    tally.judge(seen("", BO, expected=frozenset({_FOR_BO.secret})))
    document = leak_test_document([tally], seed=0, seconds=1)
    assert document.leaks == 0
    assert not document.passed
    tally = tally_of(_FOR_BO)
    tally.judge(seen(_FOR_BO.secret, BO, expected=frozenset({_FOR_BO.secret})))
    assert leak_test_document([tally], seed=0, seconds=1).passed


def test_what_was_taken_away_while_it_was_sought_need_not_be_found() -> None:
    chronicle = Chronicle(world(_FOR_BO))
    tally = Tally(chronicle)
    sought = seen("", BO, expected=frozenset({_FOR_BO.secret}))
    chronicle.begin(chronicle.now.with_access(_FOR_BO, None))
    tally.judge(replace(sought, until=chronicle.latest))
    assert not tally.expected
    tally.judge(sought)
    assert tally.expected.total() == 1
