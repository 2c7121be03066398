"""Habits that a reader relies on: nothing printed, hidden, silenced or put off."""

from __future__ import annotations

import ast
import re

from tests.structure.tree import sources

# Where everything may be caught, and why. Each of them logs or reports what it caught.
BROAD_EXCEPTS = {
    "src/befit/audit/committer.py: Committer._perform": ("the same, for work between two groups"),
    "src/befit/audit/committer.py: Committer._commit": (
        "the writer thread's end: whoever waits for a receipt must hear that there is none"
    ),
    "src/befit/cli/main.py: main": "the command line's boundary: one line for people, exit code 1",
    "src/befit/gateway/background.py: Background._keep_up": (
        "what goes on beside requests must not end in silence: logged, told, started again"
    ),
    "src/befit/policy/detection/installed.py: installed_detectors": (
        "the boundary to a company's own detectors: one that cannot be set up is told by its name"
    ),
    "src/befit/gateway/control_server.py: ControlServer._serve": (
        "the control socket's boundary: logged, and the command is told that Befit failed"
    ),
    "src/befit/gateway/door.py: Door.pass_through": (
        "the gateway's boundary: logged, and the caller gets a 500 in the protocol's shape"
    ),
    "src/befit/inference/embedded/calls.py: CallHandler.handle": (
        "the model process's boundary: logged, and the caller gets an error"
    ),
    "src/befit/inference/embedded/engine.py: Engine.chat.guarded": (
        "an error in the engine's callback would end the stream silently: it is raised again"
    ),
    "src/befit/knowledge/sources/installed.py: installed_source": (
        "the boundary to a company's own source adapter: told by its scheme"
    ),
    "src/befit/knowledge/sources/installed.py: CheckedSource.close": (
        "a company's own adapter; what it fails at when it ends undoes no run"
    ),
    "src/befit/knowledge/sources/installed.py: CheckedSource.items": (
        "a company's own source adapter: what it raises is logged, and the source failed"
    ),
    "src/befit/knowledge/sources/installed.py: CheckedSource.fetch": (
        "a company's own source adapter: what it raises is logged, and the source failed"
    ),
    "src/befit/knowledge/parsing/__main__.py: _replied": (
        "the parsing process's boundary: the parent logs it, and the file is reported"
    ),
    "src/befit/policy/decide.py: Policy._verdicts": (
        "what cannot be put to the rules is denied, whatever was raised; the log says what"
    ),
    "src/befit/policy/decide.py: Policy.judge": (
        "what cannot be put to the rules is denied, whatever was raised; the log says what"
    ),
    "src/befit/policy/detection/examiner.py: Examiner.examine": (
        "a company's own detector: what it cannot examine takes the strictest class"
    ),
    "src/befit/routing/checks.py: _named": ("a company's own code: a check that raises has failed"),
}

# An ignore names the rule it silences and says why: `# pyright: ignore[rule]  # reason`.
IGNORE = re.compile(r"#\s*(?:type|pyright|basedpyright|noqa|ruff)\s*:\s*(?:ignore|noqa|[A-Z])")
REASONED = re.compile(
    r"#\s*(?:pyright:\s*ignore\[[a-zA-Z, ]+\]|noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)\s*"
    r"(?:#\s*|-\s*)\S.{4,}"
)
PUT_OFF = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def test_only_the_command_line_prints() -> None:
    printing = [
        source.at(node)
        for source in sources()
        if source.room != "cli"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not printing, f"raise, return or log instead of printing: {printing}"


def test_everything_is_caught_only_where_a_reason_is_recorded() -> None:
    broad = {
        f"{source.where}: {function}"
        for source in sources()
        for function, handler in _handlers(source.tree)
        if _is_broad(handler)
    }
    unexplained = sorted(broad - BROAD_EXCEPTS.keys())
    stale = sorted(BROAD_EXCEPTS.keys() - broad)
    assert not unexplained, f"catch narrowly, or record why not in BROAD_EXCEPTS: {unexplained}"
    assert not stale, f"no longer there, drop from BROAD_EXCEPTS: {stale}"


def test_every_silenced_check_names_its_rule_and_its_reason() -> None:
    bare = [
        f"{place} {line.strip()}"
        for source in sources()
        for place, line in source.lines()
        if IGNORE.search(line) and not REASONED.search(line)
    ]
    assert not bare, "\n".join(["write `# pyright: ignore[rule]  # why`:", *bare])


def test_nothing_is_put_off_in_a_comment() -> None:
    later = [
        place for source in sources() for place, line in source.lines() if PUT_OFF.search(line)
    ]
    assert not later, f"do it now or file it: {later}"


def _handlers(tree: ast.Module) -> list[tuple[str, ast.ExceptHandler]]:
    """Each handler with the dotted name of the function or class it stands in."""
    found: list[tuple[str, ast.ExceptHandler]] = []

    def visit(node: ast.AST, inside: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inside = f"{inside}.{node.name}".lstrip(".")
        if isinstance(node, ast.ExceptHandler):
            found.append((inside, node))
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(tree, "")
    return found


def _is_broad(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False  # it tidies up and lets the error pass: nothing is caught
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(ast.unparse(name) in {"Exception", "BaseException"} for name in caught)
