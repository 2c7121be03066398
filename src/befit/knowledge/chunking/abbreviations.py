"""Words whose full stop does not end a sentence. English, with the commonest of its neighbours."""

from __future__ import annotations

_FOLLOWED = """
mr mrs ms dr prof st sr sra hon rev gen sen rep gov capt cmdr lt col sgt maj pres messrs mme mlle
hr fr dipl ing
no nos nr fig figs eq eqs sec sect ch chap art arts vol vols pp pg p par para ref refs tab app ed
eds al cf vs v viz ca approx est e.g i.e eg ie resp incl excl tel ext dept abs abb vgl bzw z.b d.h
u.a s.o bspw evtl ggf max min avg
jan feb mar apr jun jul aug sep sept oct nov dec
"""
_EITHER = """
inc ltd co corp llc plc gmbh jr etc usw a.m p.m u.s u.k e.u ph.d b.c a.d bros dist ave blvd rd mt
ft in hrs
"""
_OPENING = """
the a an this that these those it its he she they we you i in on at for from with by as if when
while after before since because although though however but and or so then there here what who
how why where which our their his her my your all some many most no not each both to under during
once also please see der die das ein eine es wir sie le la les un une il elle nous el los las
"""
_MONTHS = """
januar februar m\u00e4rz april mai juni juli august september oktober november dezember
januari februari maart j\u00e4nner
"""

ENDS_NOTHING = frozenset(_FOLLOWED.split())
"""Something always follows them in the same sentence: titles, what numbers follow, months."""

MAY_END = frozenset(_EITHER.split())
"""Both happens; a word that opens sentences tells."""

OPENERS = frozenset(_OPENING.split())
"""Words that open sentences more than they stand within one behind an abbreviation."""

MONTHS = frozenset(_MONTHS.split())
"""Behind `3.` it is a date: `3. Oktober`."""
