"""Addresses of machines: IPv4, IPv6, and the sites of full web addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from befit.policy.detection.finding import Span
from befit.policy.detection.recognition.stretch import Stretch

IP = "IP_ADDRESS"
DOMAIN = "DOMAIN_NAME"

_V4 = re.compile(
    r"[0-9](?<![\w.][0-9])[0-9]{0,2}+(?:\.[0-9]{1,3}+){3}(?!\w|\.[0-9])",
)
_MOST = 255
_VERSION = re.compile(r"(?:v|ver|version|release|build|firmware|driver|section|§)[ .:=]*$")
_VERSION_REACH = 12

_V6_COLONS = re.compile(r":[0-9A-Fa-f]{0,4}:")
_HEX = "0123456789abcdefABCDEF"
_LONGEST_V6 = 39

_SITE = re.compile(r"://((?:[\w-]{1,63}+\.){1,8}[^\W\d_]{2,24})(?![\w-]|\.\w|:[^\s@]*@)/?")
_SCHEMES = ("https", "http")


def ip_addresses(stretch: Stretch) -> Iterator[Span]:
    """Addresses of machines; not those of loopback, nor those that mean any machine."""
    yield from _v4(stretch)
    yield from _v6(stretch.text)


def domain_names(stretch: Stretch) -> Iterator[Span]:
    """Sites in full addresses of the web, scheme included.

    A bare word with a dot in it is more often a file or a sentence without a space.
    """
    text = stretch.text
    for match in _SITE.finditer(text):
        before = text[max(0, match.start() - 5) : match.start()].lower()
        scheme = next((each for each in _SCHEMES if before.endswith(each)), None)
        if scheme is not None:
            yield Span(start=match.start() - len(scheme), end=match.end(), type=DOMAIN)


def _v4(stretch: Stretch) -> Iterator[Span]:
    for match in _V4.finditer(stretch.text):
        octets = [int(part) for part in match[0].split(".")]
        if max(octets) > _MOST or octets[0] in {0, 127, _MOST}:
            continue
        before = stretch.lowered[max(0, match.start() - _VERSION_REACH) : match.start()]
        # `1.2.3.4` numbers a version or a section.
        if max(octets) < 10 or _VERSION.search(before):
            continue
        yield Span(start=match.start(), end=match.end(), type=IP)


def _v6(text: str) -> Iterator[Span]:
    position = 0
    for match in _V6_COLONS.finditer(text):
        if match.start() < position:
            continue
        start = match.start()
        while start > max(0, match.start() - 4) and text[start - 1] in _HEX:
            start -= 1
        end = match.end()
        while end < len(text) and end - start <= _LONGEST_V6 and text[end] in f"{_HEX}:":
            end += 1
        position = end
        if text[end - 1] == ":" and text[end - 2] != ":":
            end -= 1
        if _is_v6(text, start, end):
            yield Span(start=start, end=end, type=IP)


def _is_v6(text: str, start: int, end: int) -> bool:
    """Whether it is an address: at least three groups, as code is full of `a::b`."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if before.isalnum() or before in {"_", ".", ":"} or after.isalnum() or after == "_":
        return False
    written = text[start:end]
    if sum(map(bool, written.split(":"))) < 3 or not any(map(str.isdigit, written)):
        return False
    try:
        return not ipaddress.IPv6Address(written).is_loopback
    except ValueError:
        return False
