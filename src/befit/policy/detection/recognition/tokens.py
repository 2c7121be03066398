"""Keys and tokens of the usual providers, known by how they begin.

They are found as they stand, and also where somebody has split one. Those of one length with
spaces, dashes, dots or line breaks: text without separators still holds the beginning and all
that follows it. Others with spaces or line breaks, as long as what follows looks like a key.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from befit.policy.detection.finding import Span
from befit.policy.detection.recognition.stretch import Stretch

TYPE = "SECRET"


@dataclass(frozen=True, kw_only=True, eq=False)  # no slots: the patterns are derived once
class _Token:
    """How one provider's tokens look.

    Attributes:
        starts: what they begin with; one of them stands in any text that holds a token.
        body: what follows, as a pattern.
        is_whole: whether all are of one length and hold no separator; only these can be told
            from what follows them where they stand in pieces.
    """

    starts: tuple[str, ...]
    body: str
    is_whole: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The token as it stands."""
        starts = "|".join(map(re.escape, self.starts))
        return re.compile(rf"(?<![0-9A-Za-z])(?:{starts}){self.body}(?![0-9A-Za-z])")

    @cached_property
    def beginning(self) -> re.Pattern[str]:
        """What one begins with, where it may begin."""
        return re.compile(rf"(?<![0-9A-Za-z])(?:{'|'.join(map(re.escape, self.starts))})")

    @cached_property
    def in_pieces(self) -> re.Pattern[str]:
        """The token where all separators are gone, and so is what set it apart."""
        starts = "|".join(map(re.escape, self.starts))
        return re.compile(rf"(?:{starts})({self.body})")


_WORD = "[0-9A-Za-z]"
_BASE64URL = "[0-9A-Za-z_-]"
_PIECE = re.compile(r"[^\s.\-]+")
_KEY_PIECE = re.compile(r"((?:[0-9A-Za-z_-]|\.(?=[0-9A-Za-z_-])){0,300}+)(\s{0,8}+)")
_MOST_KEY_PIECES = 8
_LEAST_KEY_PIECE = 4
_LEAST_KEY_LINE = 16

_TOKENS: tuple[_Token, ...] = (
    _Token(  # Amazon Web Services: key ids
        starts=("AKIA", "ASIA", "ABIA", "ACCA"), body="[0-9A-Z]{16}", is_whole=True
    ),
    _Token(  # GitHub
        starts=("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), body=f"{_WORD}{{36}}", is_whole=True
    ),
    _Token(starts=("github_pat_",), body="[0-9A-Za-z]{22}_[0-9A-Za-z]{59}"),
    _Token(  # GitLab
        starts=("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "glagent-"),
        body=rf"{_BASE64URL}{{20,64}}(?:\.[0-9a-z]{{2}}\.[0-9a-z]{{9}})?",
    ),
    _Token(  # Slack
        starts=("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxe.xox", "xapp-"),
        body="[0-9A-Za-z.-]{10,250}",
    ),
    _Token(
        starts=("hooks.slack.com/services/",),
        body="T[0-9A-Z]{6,14}/B[0-9A-Z]{6,14}/[0-9A-Za-z]{20,28}",
    ),
    _Token(  # Stripe
        starts=("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"),
        body=f"{_WORD}{{16,247}}",
    ),
    _Token(starts=("AIza",), body=f"{_BASE64URL}{{35}}"),  # Google
    _Token(starts=("GOCSPX-",), body=f"{_BASE64URL}{{28}}"),
    _Token(starts=("ya29.",), body=f"{_BASE64URL}{{20,512}}"),
    _Token(  # OpenAI, Anthropic and others who write theirs alike
        starts=("sk-",), body=rf"(?=[0-9A-Za-z_-]{{0,200}}[0-9]){_BASE64URL}{{20,200}}"
    ),
    _Token(starts=("hf_",), body=f"{_WORD}{{34}}", is_whole=True),  # Hugging Face
    _Token(starts=("r8_",), body=f"{_WORD}{{37}}", is_whole=True),  # Replicate
    _Token(starts=("gsk_",), body=f"{_WORD}{{52}}", is_whole=True),  # Groq
    _Token(starts=("npm_",), body=f"{_WORD}{{36}}", is_whole=True),
    _Token(starts=("pypi-AgE",), body=f"{_BASE64URL}{{50,300}}"),
    _Token(starts=("dckr_pat_",), body=f"{_BASE64URL}{{27}}"),
    _Token(starts=("SG.",), body=rf"{_BASE64URL}{{22}}\.{_BASE64URL}{{43}}"),  # SendGrid
    _Token(starts=("shpat_", "shpca_", "shppa_", "shpss_"), body="[0-9a-fA-F]{32}", is_whole=True),
    _Token(starts=("dop_v1_", "doo_v1_", "dor_v1_"), body="[0-9a-f]{64}"),  # DigitalOcean
    _Token(starts=("hvs.", "hvb."), body=f"{_BASE64URL}{{24,300}}"),  # HashiCorp Vault
    _Token(starts=("dapi",), body="[0-9a-f]{32}(?:-[0-9])?"),  # Databricks
    _Token(starts=("lin_api_",), body=f"{_WORD}{{40}}"),
    _Token(starts=("secret_", "ntn_"), body=f"(?={_WORD}{{0,48}}[0-9]){_WORD}{{43,50}}"),  # Notion
    _Token(starts=("NRAK-",), body="[0-9A-Z]{27}"),  # New Relic
    _Token(starts=("PMAK-",), body="[0-9a-f]{24}-[0-9a-f]{34}"),  # Postman
    _Token(starts=("EAAC", "EAAG", "EAAB"), body=f"{_WORD}{{60,300}}"),  # Meta
    _Token(starts=("AGE-SECRET-KEY-1",), body="[0-9A-Z]{58}"),
    _Token(starts=("befit_",), body="[2-9A-HJ-NP-Z]{12}_[0-9A-Za-z]{43}"),
)
_BY_START = tuple((start, token) for token in _TOKENS for start in token.starts)
_WHOLE_BY_START = tuple((start, token) for start, token in _BY_START if token.is_whole)
_BY_SIGN = tuple(
    (sign, tuple(pair for pair in _BY_START if (sign in pair[0] if sign else pair[0].isalnum())))
    for sign in ("_", "-", ".", "")
)
"""The starts by a sign in them: what is missing from a text spares the search for many."""

_UNDERSCORED = tuple(start for start, _ in _BY_START if "_" in start)
_FEW = 8
"""So many underscores are quicker looked before than the text is searched for every start."""

_AZURE_AD = re.compile(r"(?<![\w~.-])[\w~.-]{3}[0-9]Q~[\w~.-]{31,34}(?![\w~-])")
_TELEGRAM = re.compile(r"(?<![0-9A-Za-z])[0-9]{8,10}:AA[\w-]{33}(?![\w-])")
_JWT = re.compile(r"(?<![\w.-])(eyJ[\w-]{10,2000})\.[\w-]{4,6000}(?:\.[\w-]{0,2000}){1,3}")


def tokens(stretch: Stretch) -> Iterator[Span]:
    """Keys and tokens of providers, JSON Web Tokens, and Befit's own keys."""
    text = stretch.text
    found = [
        token
        for sign, starts in _BY_SIGN
        if (sign in text if sign != "_" else _may_hold_underscored(text))
        for start, token in starts
        if start in text
    ]
    for token in dict.fromkeys(found):
        yield from map(_span, token.pattern.finditer(text))
        if not token.is_whole:
            yield from _in_pieces(token, text)
    if "Q~" in text:
        yield from map(_span, _AZURE_AD.finditer(text))
    if ":AA" in text:
        yield from map(_span, _TELEGRAM.finditer(text))
    if "eyJ" in text:
        for match in _JWT.finditer(text):
            if _is_jwt_header(match[1]):
                yield _span(match)


def split_tokens(stretch: Stretch) -> Iterator[Span]:
    """Tokens of a fixed length whose parts stand apart."""
    squeezed = "".join(stretch.text.split()).replace("-", "").replace(".", "")
    may_hold = _may_hold_underscored(squeezed)
    found = dict.fromkeys(
        [
            token
            for start, token in _WHOLE_BY_START
            if (may_hold or start[-1] != "_") and start in squeezed
        ]
    )
    if not found or len(squeezed) == len(stretch.text):
        return
    pieces = _Pieces(stretch.text)
    for token in found:
        for match in token.in_pieces.finditer(squeezed):
            start, end = pieces.original(*match.span())
            written = stretch.text[start:end]
            if len(written) > len(match[0]) and _is_split_on_purpose(written, match[1]):
                yield Span(start=start, end=end, type=TYPE, score=0.9)


def _in_pieces(token: _Token, text: str) -> Iterator[Span]:
    """Tokens of no fixed length that spaces or line breaks split."""
    for match in token.beginning.finditer(text):
        end = _end_of_pieces(token, text, *match.span())
        if end is not None:
            yield Span(start=match.start(), end=end, type=TYPE, score=0.8)


def _end_of_pieces(token: _Token, text: str, start: int, position: int) -> int | None:
    """Where the most pieces end that make a token together; None where they make none."""
    joined = text[start:position]
    end = None
    least = _LEAST_KEY_PIECE
    for place in range(_MOST_KEY_PIECES):
        match = _KEY_PIECE.match(text, position)
        if match is None:
            break
        piece = match[1]
        if not (_is_of_key(piece, least) if place else _may_be_first(piece)):
            break
        joined += piece
        if token.pattern.fullmatch(joined):
            # It may be whole: only what is long enough to be a line of it still belongs to it.
            least = _LEAST_KEY_LINE
            end = match.end(1) if place else None
        if not match[2]:
            break
        position = match.end()
    return end


def _may_be_first(piece: str) -> bool:
    """Whether it may be the beginning of a key's body, and is no word: `proj-Ab3` or nothing."""
    return not piece or piece.endswith("-") or any(map(str.isdigit, piece))


def _is_of_key(piece: str, least: int) -> bool:
    """Whether letters and digits stand in it in no order: it is no word and no number."""
    if len(piece) < least or not any(map(str.isalpha, piece)):
        return False
    return any(map(str.isdigit, piece)) or not (
        piece.islower() or piece.isupper() or piece.istitle()
    )


def _may_hold_underscored(text: str) -> bool:
    """Whether a start with an underscore, which is its last character, may stand in a text."""
    at = text.find("_")
    for _ in range(_FEW):
        if at < 0:
            return False
        if text.endswith(_UNDERSCORED, 0, at + 1):
            return True
        at = text.find("_", at + 1)
    return True


class _Pieces:
    """Where the pieces of a text stand once separators are gone; made only for a finding."""

    def __init__(self, text: str) -> None:
        self._starts: list[int] = []
        self._places: list[int] = []
        length = 0
        for match in _PIECE.finditer(text):
            self._starts.append(length)
            self._places.append(match.start())
            length += match.end() - match.start()

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The place in the text of `squeezed[start:end]`."""
        return self._place(start), self._place(end - 1) + 1

    def _place(self, index: int) -> int:
        piece = bisect_right(self._starts, index) - 1
        return self._places[piece] + index - self._starts[piece]


def _is_split_on_purpose(written: str, body: str) -> bool:
    """Whether pieces are those of a token, and not words that follow its first letters."""
    if not any(map(str.isdigit, body)):
        return False
    words = [
        piece
        for piece in _PIECE.findall(written)
        if len(piece) > 1 and piece.isalpha() and (piece.islower() or piece.istitle())
    ]
    return sum(map(len, words)) * 2 < len(body)


def _is_jwt_header(part: str) -> bool:
    try:
        header = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return False
    return b'"alg"' in header or b'"enc"' in header


def _span(match: re.Match[str]) -> Span:
    return Span(start=match.start(), end=match.end(), type=TYPE)
