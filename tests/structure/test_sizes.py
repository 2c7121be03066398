"""Files and functions stay small, and names say what lives there."""

from __future__ import annotations

import ast

from tests.structure.tree import SRC, Source, sources

FILE_LINES = 400
FUNCTION_LINES = 60
PARAMETERS = 6

# Names that hold anything, and so end up holding everything.
BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "core", "types"}


def test_no_file_is_longer_than_400_lines() -> None:
    long = [
        f"{source.where}: {count} lines"
        for source in sources()
        if (count := len(source.text.splitlines())) > FILE_LINES
    ]
    assert not long, _report(long, "past 400 lines a file holds two concepts: split it")


def test_no_function_is_longer_than_60_lines() -> None:
    long = [
        f"{source.at(function)} {function.name}: {length} lines"
        for source, function in _functions()
        if (length := (function.end_lineno or function.lineno) - function.lineno + 1)
        > FUNCTION_LINES
    ]
    assert not long, _report(long, "a function fits a screen: give its steps names of their own")


def test_no_function_takes_more_than_6_parameters() -> None:
    wide = [
        f"{source.at(function)} {function.name}: {count} parameters"
        for source, function in _functions()
        if not _is_command(function) and (count := _parameters(function)) > PARAMETERS
    ]
    assert not wide, _report(wide, "more than 6 parameters become a value object")


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    paths = [path for path in SRC.rglob("*") if "__pycache__" not in path.parts]
    vague = [path.relative_to(SRC).as_posix() for path in paths if path.stem in BANNED]
    assert not vague, _report(vague, "name it after the noun it holds")


def _functions() -> list[tuple[Source, ast.FunctionDef | ast.AsyncFunctionDef]]:
    return [
        (source, node)
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len([argument for argument in named if argument.arg not in {"self", "cls"}])


def _is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    # A command's parameters are its options: click passes them, nobody calls it by hand.
    return any(
        ast.unparse(decorator).split("(")[0].endswith((".command", ".group", ".option"))
        for decorator in function.decorator_list
    )


def _report(findings: list[str], advice: str) -> str:
    return "\n".join([advice, *findings])
