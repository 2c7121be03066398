"""Files of rules: what is refused, with file, line, rule and the nearest right word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.policy import DEFAULT_SETS, PACKAGED_SETS, PolicyChoice, kept_rules, read_policies
from befit.policy.statements import cut_statements

_GOOD = '@id("own/one")\npermit (principal, action == Action::"audit", resource);\n'
_TWO = '@id("own/two") forbid (principal, action == Action::"invoke", resource)'


def problems_of(text: str | bytes, *more: str) -> list[str]:
    raw = text if isinstance(text, bytes) else text.encode()
    files = {"policies/own.cedar": raw}
    files |= {f"policies/more-{n}.cedar": each.encode() for n, each in enumerate(more)}
    return [str(problem) for problem in read_policies(files, PolicyChoice()).problems]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            _GOOD + '\n@id("own/two")\nforbid (principal, action == Action::"send_rw", resource);',
            (
                'Action::"send_rw"',
                "in policies/own.cedar at own/two (line 4)",
                "did you mean 'send_raw'?",
            ),
        ),
        (
            _TWO + ' when { resource.zon == "device" };',
            ("attribute `zon`", "at own/two (line 1)", "did you mean 'zone'?"),
        ),
        (
            _TWO + ' when { resource.jurisdiction == "DE" };',
            ("optional attribute `jurisdiction`",),
        ),
        (
            _TWO + ' when { context.data_class == "restricted" };',
            ("does not fit the schema",),
        ),
        (
            "// a comment; with a semicolon\n\npermit (principal, actio, resource);",
            ("cannot be read", "actio", "(line 3)"),
        ),
        (_GOOD + "\npermit (principal, action, resource)", ("(line 4)", "close it with ;")),
        ("permit (principal, action, resource);", ("a rule without @id", "(line 1)", "@id(")),
        ('@id("Own One") permit (principal, action, resource);', ("a wrong @id 'Own One'",)),
        (
            '@id("a") @reson("x") permit (principal, action, resource);',
            ("unknown annotation @reson", "did you mean 'reason'?"),
        ),
        (
            '@id("a") @reason("to {zne}") permit (principal, action, resource);',
            ("names 'zne'", "did you mean 'zone'?"),
        ),
        (
            '@id("a") @reason("to {zone.x!r:>9}") permit (principal, action, resource);',
            ("names 'zone.x'",),
        ),
        ('@id("a") @reason("{") permit (principal, action, resource);', ("write {{ and }}",)),
        ('@id("a") permit (principal == ?principal, action, resource);', ("a template",)),
        (_GOOD + _GOOD, ("a second rule 'own/one'", "the first is in policies/own.cedar (line 1)")),
        (
            '@id("baseline/users-ask") permit (principal, action, resource);',
            ("a second rule 'baseline/users-ask'", "the first is in packaged baseline"),
        ),
        (b'\n\xff@id("a")', ("not UTF-8", "(line 2)")),
        (b"//" + b"x" * (513 << 10), ("too much",)),
    ],
)
def test_a_wrong_rule_is_refused_where_it_stands(text: str | bytes, told: tuple[str, ...]):
    (problem,) = problems_of(text)
    for part in told:
        assert part in problem


def test_an_id_stands_once_in_all_files():
    (problem,) = problems_of(_GOOD, _GOOD)
    assert "policies/more-0.cedar" in problem
    assert "policies/own.cedar (line 1)" in problem


def test_every_problem_of_a_file_is_told():
    found = problems_of("permit (principal, action, resource);\n" * 3)
    assert [f"(line {line})" in problem for line, problem in enumerate(found, 1)] == [True] * 3


@pytest.mark.parametrize("name", PACKAGED_SETS)
def test_each_packaged_set_is_good_on_its_own(name: str):
    assert read_policies({}, PolicyChoice(packaged=(name,))).problems == ()


def test_every_packaged_forbid_gives_a_reason():
    rules = read_policies({}, PolicyChoice(packaged=tuple(PACKAGED_SETS))).rules
    assert [rule.id for rule in rules.rules if rule.forbids and not rule.reason] == []


def test_the_systems_rules_are_always_in_force_and_only_forbid():
    rules = read_policies({}, PolicyChoice(packaged=())).rules.rules
    assert rules
    assert all(rule.forbids and rule.id.startswith("system/") for rule in rules)


def test_the_version_is_the_hash_of_all_that_decides():
    versions = [
        read_policies(files, choice).rules.version
        for files, choice in (
            ({}, PolicyChoice()),
            ({}, PolicyChoice(packaged=(*DEFAULT_SETS, "spend"))),
            ({}, PolicyChoice(personal_data_jurisdictions=frozenset({"DE"}))),
            ({"policies/own.cedar": _GOOD.encode()}, PolicyChoice()),
            ({"policies/own.cedar": _GOOD.encode() + b"// note"}, PolicyChoice()),
        )
    ]
    assert len(set(versions)) == len(versions)
    assert read_policies({}, PolicyChoice()).rules.version == versions[0]


def test_a_kept_version_is_the_same_again():
    choice = PolicyChoice(
        packaged=("baseline",), personal_data_jurisdictions=frozenset({"FR", "DE"})
    )
    rules = read_policies({"policies/own.cedar": _GOOD.encode()}, choice).rules
    again = kept_rules(rules.content)
    assert (again.version, again.choice) == (rules.version, choice)
    shuffled = PolicyChoice(packaged=("impact", "baseline"))
    sorted_too = PolicyChoice(packaged=("baseline", "impact", "impact"))
    assert read_policies({}, shuffled).rules.version == read_policies({}, sorted_too).rules.version
    assert [rule.id for rule in again.rules] == [rule.id for rule in rules.rules]


def test_a_version_for_another_schema_is_not_taken_for_one_of_ours():
    rules = read_policies({}, PolicyChoice()).rules
    assert kept_rules(rules.content.replace("entity Group;", "entity Group; entity Old;")) is None


_LITERAL = st.text(st.characters(codec="utf-8"), max_size=20).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
_PIECE = _LITERAL | st.sampled_from(("permit", "{ }", "a // b", "//;\n", "\n", " ", "==", "/"))


@given(st.lists(st.lists(_PIECE.filter(lambda p: "//" not in p or p[0] == '"'), min_size=1)))
def test_statements_are_cut_at_semicolons_outside_strings_and_comments(parts: list[list[str]]):
    statements = [" ".join(pieces).strip() for pieces in parts]
    wanted = [each for each in statements if each]
    text = "".join(f'// note; "\n{each};\n' for each in wanted)
    cuts = list(cut_statements(text))
    assert [cut.text for cut in cuts] == [f"{each};" for each in wanted]
    for cut in cuts:
        line = text.split("\n")[cut.line - 1]
        assert cut.text.split("\n")[0] in line
