"""National ids that hold letters as well as digits.

Each pattern begins at its first digit, with what must stand before it looked back at: text has
few digits and many letters, so a search that begins at digits is quick.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stdnum.cl import rut
from stdnum.cn import ric
from stdnum.es import nie, nif
from stdnum.fi import hetu
from stdnum.ie import pps
from stdnum.in_ import pan
from stdnum.it import codicefiscale
from stdnum.mx import curp

from befit.policy.detection.finding import Span
from befit.policy.detection.recognition.stretch import Stretch
from befit.policy.detection.recognition.words import Words


@dataclass(frozen=True, kw_only=True, slots=True)
class _Form:
    """One way in which an id is written.

    Attributes:
        pattern: from its first digit on.
        before: how many characters of the id stand before that digit.
        letters: what those are, each of one character.
        words: what has to stand beside it; None where the form counts by itself.
    """

    type: str
    pattern: str
    holds: Callable[[str], bool]
    before: int = 0
    letters: str = ""
    words: Words | None = None

    @property
    def alternative(self) -> str:
        """What holds behind the first digit of one: the letters before it, all that follows."""
        return rf"(?<=(?<![0-9A-Za-z]){self.letters}(?=({self.pattern})(?![0-9A-Za-z]))[0-9])"


def _chinese(number: str) -> bool:
    try:
        return ric.is_valid(number)
    except KeyError:
        return True  # the check digit has held; the library's register lacks the county


def _british(number: str) -> bool:
    return number[:2].upper() not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


_SPANISH = Words(r"dni|nif|nie|d\.n\.i\.?|n\.i\.f\.?|documento|identidad")
_BRITISH_LETTERS = "[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z][A-CEGHJ-NPR-TW-Za-ceghj-npr-tw-z]"

_FORMS = (
    _Form(type="CN_RIC", pattern=r"[0-9]{17}[0-9Xx]", holds=_chinese),
    _Form(
        type="ES_NIF",
        pattern=r"[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}[- ][A-Za-z]",
        holds=nif.is_valid,
    ),
    _Form(type="ES_NIF", pattern=r"[0-9]{8}[A-Za-z]", holds=nif.is_valid, words=_SPANISH),
    _Form(
        type="ES_NIE",
        pattern=r"[0-9]{7}-?[A-Za-z]",
        before=1,
        letters="[XYZxyz]",
        holds=nie.is_valid,
    ),
    _Form(
        type="ES_NIE",
        pattern=r"[0-9]{7}-[A-Za-z]",
        before=2,
        letters="[XYZxyz]-",
        holds=nie.is_valid,
    ),
    _Form(
        type="IT_FISCAL_CODE",
        pattern=r"[0-9]{2}[A-Za-z][0-9]{2}[A-Za-z][0-9]{3}[A-Za-z]",
        before=6,
        letters="[A-Za-z]{6}",
        holds=codicefiscale.is_valid,
    ),
    _Form(
        type="IT_FISCAL_CODE",
        pattern=r"[0-9]{2}[A-Za-z][0-9]{2} [A-Za-z][0-9]{3}[A-Za-z]",
        before=8,
        letters="[A-Za-z]{3} [A-Za-z]{3} ",
        holds=codicefiscale.is_valid,
    ),
    _Form(type="FI_HETU", pattern=r"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Y]", holds=hetu.is_valid),
    _Form(
        type="IE_PPS",
        pattern=r"[0-9]{7}[A-Wa-w][A-IWa-iw]?",
        holds=pps.is_valid,
        words=Words(r"pps(?:n| number| no)?|personal public service"),
    ),
    _Form(
        type="UK_NINO",
        pattern=r"[0-9]{2} [0-9]{2} [0-9]{2} ?[A-Da-d]",
        before=3,
        letters=f"{_BRITISH_LETTERS} ",
        holds=_british,
    ),
    _Form(
        type="UK_NINO",
        pattern=r"[0-9]{6} ?[A-Da-d]",
        before=2,
        letters=_BRITISH_LETTERS,
        holds=_british,
        words=Words(r"ni(?:no)?|national insurance(?: (?:number|no))?"),
    ),
    _Form(
        type="MX_CURP",
        pattern=r"[0-9]{6}[HMXhmx][A-Za-z]{5}[0-9A-Za-z][0-9]",
        before=4,
        letters="[A-Za-z]{4}",
        holds=curp.is_valid,
    ),
    _Form(
        type="IN_PAN",
        pattern=r"[0-9]{4}[A-Za-z]",
        before=5,
        letters="[A-Za-z]{5}",
        holds=pan.is_valid,
        words=Words(r"pan(?: (?:card|number|no))?|permanent account number"),
    ),
    _Form(
        type="CL_RUT",
        pattern=r"[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}-[0-9Kk]",
        holds=rut.is_valid,
        words=Words(r"rut|run|r\.u\.t\.?"),
    ),
)

LETTERED_TYPES = tuple(dict.fromkeys(form.type for form in _FORMS))

_SEARCH = re.compile(
    r"[0-9](?<![0-9][0-9])(?=[0-9. ]{1,16}+[0-9A-Za-z+-])"
    rf"(?:{'|'.join(form.alternative for form in _FORMS)})"
)
"""Finds the first digit, which no digit stands before; the group tells the form.

The digits that follow are looked past first, as most numbers have no letter after them.
"""


def lettered_ids(stretch: Stretch) -> Iterator[Span]:
    """National ids with letters."""
    for match in _SEARCH.finditer(stretch.text):
        group = match.lastindex or 1
        form = _FORMS[group - 1]
        start, end = match.start() - form.before, match.end(group)
        if form.words and not form.words.stand_in(stretch.around(start, end)):
            continue
        if form.holds(stretch.text[start:end]):
            yield Span(start=start, end=end, type=form.type)
