"""National ids: which digits and letters make one, by country, and when that is enough.

One check digit holds for every tenth number that happens to have the length, so a check alone
proves little. An id counts by itself only in a form that chance fills at most once in 500
times for bare digits, once in 100 for a country's own way of writing; in any other form a word
beside it has to say what it is. Forms that begin with a date are forms of order numbers too,
and need the word (`benchmarks/detection` measures the chances).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TypeVar

from stdnum.at import vnr
from stdnum.au import tfn
from stdnum.be import nn as be_nn
from stdnum.bg import egn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ch_ssn
from stdnum.cz import rc
from stdnum.de import idnr as de_idnr
from stdnum.dk import cpr
from stdnum.ee import ik
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.gr import amka
from stdnum.hr import oib
from stdnum.il import idnr as il_idnr
from stdnum.in_ import aadhaar
from stdnum.jp import in_ as my_number
from stdnum.kr import rrn
from stdnum.lt import asmens
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.pt import nif as pt_nif
from stdnum.ro import cnp
from stdnum.se import personnummer
from stdnum.tr import tckimlik
from stdnum.us import itin, ssn
from stdnum.za import idnr as za_idnr

from befit.policy.detection.recognition.digit_runs import Number
from befit.policy.detection.recognition.words import Words

Sizes = tuple[int, ...]

_K = TypeVar("_K")


@dataclass(frozen=True, kw_only=True)  # no slots: what is derived is derived once
class NationalId:
    """One country's id, made of digits alone.

    Attributes:
        holds: whether its check digits hold and its parts (dates, regions) can be.
        words: what people call it.
        alone: forms that count by themselves: sizes of groups, and what separates them.
        named: forms that count where a word is beside them.
        begins: what the digits begin with, where that tells most others apart.
    """

    type: str
    holds: Callable[[str], bool]
    words: Words
    alone: Mapping[Sizes, str] = field(default_factory=dict[Sizes, str])
    named: tuple[Sizes, ...] = ()
    begins: re.Pattern[str] | None = None

    @cached_property
    def lengths(self) -> frozenset[int]:
        """How many digits it can have."""
        return frozenset(sum(sizes) for sizes in (*self.alone, *self.named))

    def is_one(self, number: Number) -> bool:
        """Whether a number written in one of its forms is one."""
        if self.begins is not None and not self.begins.match(number.digits):
            return False
        separators = self.alone.get(number.sizes)
        is_alone = (
            separators is not None
            and not number.is_joined
            and all(each and each in separators for each in number.separators)
        )
        if not is_alone and not self.is_named(number):
            return False
        return self._holds(number)

    def is_scattered(self, number: Number) -> bool:
        """Whether digits split in some other way are one; a word has to say so."""
        if self.begins is not None and not self.begins.match(number.digits):
            return False
        return self.is_named(number) and self._holds(number)

    def is_named(self, number: Number) -> bool:
        """Whether a word beside the number says that it is one."""
        return self.words.stand_in(number.beside)

    def _holds(self, number: Number) -> bool:
        # All the same digit passes many a check and is never anybody's.
        return len(set(number.digits)) > 1 and self.holds(number.digits)


_PERSONAL_NUMBER = r"personal (?:number|id(?:entity)?(?: code| number)?)|national id(?: number)?"

DIGIT_IDS: tuple[NationalId, ...] = (
    NationalId(
        type="US_SSN",
        holds=ssn.is_valid,
        words=Words(r"ssns?|social security(?: (?:number|no|#))?|soc sec"),
        alone={(3, 2, 4): "-"},
        named=((9,), (3, 2, 4)),
    ),
    NationalId(
        type="US_ITIN",
        holds=itin.is_valid,
        words=Words(r"itin|individual taxpayer|taxpayer id\w*"),
        named=((9,), (3, 2, 4)),
        begins=re.compile("9"),
    ),
    NationalId(
        type="UK_NHS",
        holds=nhs.is_valid,
        words=Words(r"nhs(?: (?:number|no))?|patient(?: (?:number|no|id))?|chi number"),
        named=((10,), (3, 3, 4)),
    ),
    NationalId(
        type="CA_SIN",
        holds=sin.is_valid,
        words=Words(r"sin|social insurance(?: number)?|num[ée]ro d'assurance sociale|nas"),
        named=((9,), (3, 3, 3)),
    ),
    NationalId(
        type="AU_TFN",
        holds=tfn.is_valid,
        words=Words(r"tfn|tax file(?: number)?"),
        named=((9,), (3, 3, 3), (8,)),
    ),
    NationalId(
        type="DE_TAX_ID",
        holds=de_idnr.is_valid,
        words=Words(
            r"steuer-?id(?:entifikationsnummer|-?nr|-?nummer)?|steuerliche \w+|idnr|tin|tax id"
        ),
        alone={(2, 3, 3, 3): " "},
        named=((11,),),
    ),
    NationalId(
        type="FR_NIR",
        holds=nir.is_valid,
        words=Words(r"nir|insee|s[ée]curit[ée] sociale|s[ée]cu|carte vitale|social security"),
        alone={
            (15,): "",
            (13, 2): " ",
            (1, 2, 2, 2, 3, 3): " .",
            (1, 2, 2, 2, 3, 3, 2): " .-",
        },
        begins=re.compile(r"[12]\d\d(?:0[1-9]|1[0-2]|[2-9]\d)"),
    ),
    NationalId(
        type="NL_BSN",
        holds=bsn.is_valid,
        words=Words(r"bsn|burgerservicenummer|sofi(?:-?nummer)?|citizen service number"),
        named=((9,), (4, 2, 3), (3, 3, 3)),
    ),
    NationalId(
        type="BE_NN",
        holds=be_nn.is_valid,
        words=Words(r"rijksregisternummer|num[ée]ro national|registre national|insz|niss"),
        alone={(2, 2, 2, 3, 2): ".-", (11,): ""},
        begins=re.compile(r"\d\d[0-5]\d[0-3]\d"),
    ),
    NationalId(
        type="CH_AHV",
        holds=ch_ssn.is_valid,
        words=Words(r"ahv(?:-?nummer|-?nr)?|avs|oasi"),
        alone={(3, 4, 4, 2): ". ", (13,): ""},
        begins=re.compile("756"),
    ),
    NationalId(
        type="AT_VNR",
        holds=vnr.is_valid,
        words=Words(r"versicherungsnummer|sozialversicherungsnummer|sv-?n(?:umme)?r|svnr"),
        named=((10,), (4, 6)),
    ),
    NationalId(
        type="PT_NIF",
        holds=pt_nif.is_valid,
        words=Words(r"nif|contribuinte|n[úu]mero fiscal|nipc"),
        named=((9,), (3, 3, 3)),
    ),
    NationalId(
        type="PL_PESEL",
        holds=pesel.is_valid,
        words=Words(r"pesel\w*|" + _PERSONAL_NUMBER),
        named=((11,),),
    ),
    NationalId(
        type="CZ_RC",
        holds=rc.is_valid,
        words=Words(r"rodn[ée] [čc][íi]sl[oa]|r\.? ?[čc]\.?|birth number|" + _PERSONAL_NUMBER),
        named=((6, 4), (6, 3), (10,)),
    ),
    NationalId(
        type="SE_PERSONNUMMER",
        holds=personnummer.is_valid,
        words=Words(r"person(?:nummer|nr|\.?-?nr)|samordningsnummer|pnr|" + _PERSONAL_NUMBER),
        named=((6, 4), (8, 4), (10,), (12,)),
    ),
    NationalId(
        type="NO_FODSELSNUMMER",
        holds=fodselsnummer.is_valid,
        words=Words(r"f[øo]dselsn(?:ummer|r)|personnummer|d-nummer|fnr|" + _PERSONAL_NUMBER),
        alone={(11,): "", (6, 5): " -"},
    ),
    NationalId(
        type="DK_CPR",
        holds=cpr.is_valid,
        words=Words(r"cpr(?:-?n(?:umme)?r\.?)?|personnummer|" + _PERSONAL_NUMBER),
        named=((6, 4), (10,)),
    ),
    NationalId(
        type="EE_IK",
        holds=ik.is_valid,
        words=Words(r"isikukood|" + _PERSONAL_NUMBER),
        named=((11,),),
    ),
    NationalId(
        type="LT_ASMENS",
        holds=asmens.is_valid,
        words=Words(r"asmens kod\w+|" + _PERSONAL_NUMBER),
        named=((11,),),
    ),
    NationalId(
        type="RO_CNP",
        holds=cnp.is_valid,
        words=Words(r"cnp|cod(?:ul)? numeric personal|" + _PERSONAL_NUMBER),
        named=((13,),),
    ),
    NationalId(
        type="BG_EGN",
        holds=egn.is_valid,
        words=Words(r"egn|егн|" + _PERSONAL_NUMBER),
        named=((10,),),
    ),
    NationalId(type="HR_OIB", holds=oib.is_valid, words=Words("oib"), named=((11,),)),
    NationalId(type="GR_AMKA", holds=amka.is_valid, words=Words("amka|αμκα"), named=((11,),)),
    NationalId(
        type="TR_TCKIMLIK",
        holds=tckimlik.is_valid,
        words=Words(r"t\.?c\.?(?: kimlik)?(?: no)?|kimlik(?: no| numaras\w)?|tckn"),
        named=((11,),),
    ),
    NationalId(
        type="IL_ID",
        holds=il_idnr.is_valid,
        words=Words(r"teudat zehut|mispar zehut|ת\.?ז\.?|israeli id"),
        named=((9,),),
    ),
    NationalId(
        type="BR_CPF",
        holds=cpf.is_valid,
        words=Words(r"cpf"),
        alone={(3, 3, 3, 2): ".-"},
        named=((11,),),
    ),
    NationalId(
        type="ZA_ID",
        holds=za_idnr.is_valid,
        words=Words(r"south african id|sa id|rsa id|id (?:number|no|book)|identity number"),
        named=((13,), (6, 4, 3), (6, 4, 2, 1)),
    ),
    NationalId(
        type="KR_RRN",
        holds=rrn.is_valid,
        words=Words(r"rrn|resident registration(?: number)?|주민등록번호|주민번호"),
        alone={(6, 7): "-"},
        named=((13,),),
    ),
    NationalId(
        type="JP_MY_NUMBER",
        holds=my_number.is_valid,
        words=Words(r"my number|mynumber|kojin bang[oō]|マイナンバー|個人番号"),
        named=((12,), (4, 4, 4)),
    ),
    NationalId(
        type="IN_AADHAAR",
        holds=aadhaar.is_valid,
        words=Words(r"aadhaar|aadhar|uidai|आधार"),
        named=((12,), (4, 4, 4)),
    ),
)


def _by(keys: Callable[[NationalId], Iterable[_K]]) -> Mapping[_K, tuple[NationalId, ...]]:
    table: dict[_K, list[NationalId]] = {}
    for each in DIGIT_IDS:
        for key in dict.fromkeys(keys(each)):
            table.setdefault(key, []).append(each)
    return MappingProxyType({key: tuple(ids) for key, ids in table.items()})


BY_SIZES = _by(lambda each: (*each.alone, *each.named))
"""The ids that can be written in groups of these sizes."""

BY_LENGTH = _by(lambda each: each.lengths)
"""The ids of so many digits."""
