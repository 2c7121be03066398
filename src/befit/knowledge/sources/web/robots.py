"""`Robots`: what a site asks robots to leave alone (RFC 9309)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

MOST_ROBOTS_BYTES = 500 * 1024
_MOST_RULES = 10_000
_KEPT = "/%:@!$&'()*+,;=~-._?"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rule:
    allows: bool
    pattern: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Robots:
    """The rules that hold for us. The longest that matches decides; `allow` wins a tie."""

    rules: tuple[_Rule, ...] = ()

    def permits(self, target: str) -> bool:
        """Whether a path, with its query, may be asked for."""
        if target == "/robots.txt":
            return True
        plain = _normal(target)
        matching = [rule for rule in self.rules if _matches(rule.pattern, plain)]
        if not matching:
            return True
        return max(matching, key=lambda rule: (len(rule.pattern), rule.allows)).allows


def read_robots(content: bytes, agent: str) -> Robots:
    """The rules for an agent: of the groups that name it, else of those for `*`."""
    groups: dict[str, list[_Rule]] = {}
    named: list[str] = []
    is_naming = False
    for line in content[:MOST_ROBOTS_BYTES].decode("utf-8", "replace").splitlines():
        key, colon, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon:
            continue
        if key == "user-agent":
            named = [*named, value.lower()] if is_naming else [value.lower()]
            is_naming = True
            groups.setdefault(value.lower(), [])
        elif key in {"allow", "disallow"}:
            is_naming = False
            if value:
                rule = _Rule(allows=key == "allow", pattern=_normal(value))
                for name in named:
                    groups[name].append(rule)
    own = groups.get(agent.lower())
    return Robots(rules=tuple((groups.get("*", []) if own is None else own)[:_MOST_RULES]))


def _normal(path: str) -> str:
    """One way of writing for `%7E` and `~`, and for letters that are not ASCII."""
    parts = [quote(unquote_to_bytes(part), safe=_KEPT) for part in _kept_apart(path)]
    return "".join(f"%2F{part}" if at else part for at, part in enumerate(parts))


def _kept_apart(path: str) -> Sequence[str]:
    # `%2F` is a letter of a name where `/` parts names, so it is not read as one.
    return path.replace("%2f", "%2F").split("%2F")


def _matches(pattern: str, path: str) -> bool:
    """Whether a path begins as a pattern says: `*` is anything, `$` the path's end.

    Goes through both once for each `*`, and never back further than the last one.
    """
    is_whole = pattern.endswith("$")
    first, *rest = (pattern[:-1] if is_whole else pattern).split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    if not rest:
        return not is_whole or at == len(path)
    for part in rest[:-1]:
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    last = rest[-1]
    if is_whole:
        return path.endswith(last) and len(path) - len(last) >= at
    return path.find(last, at) >= 0
