"""Words by which one of many alike is told from the others, and words that do not tell."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PLACING = _words("in at for from of to near by with")
"""A name behind one of these is where, whose or for whom something is."""

LEADING_OVER = _words("is are was were be been has have had do does did will would can")
"""Words between a name and what is said of it: "Ribwell is paid"."""

KINDS = _words("""
    department team office site plant building branch division unit ward station class grade band
    level floor region country city district factory shop store warehouse laboratory lab clinic
    hospital school faculty court desk line model version edition contract room officer nurse
    physician employee worker patient visitor
""")
"""Of these there are many in one organisation, told apart by the word before them."""

GENERIC = _words("""
    whole entire new same other another own different responsible relevant local respective certain
    main which what every each any all some big large small good right line direct most many
""")
"""Words that tell none from the others."""

MONTHS = _words("""
    january february march april may june july august september october november december
""")
"""Parts of a date: no names, and a number behind one is no label."""

DAYS = _words("monday tuesday wednesday thursday friday saturday sunday")
"""The same."""

TIMING = _words("since after before until till during year years")
"""Words before a number that make it a time."""

UNITS = _words("""
    % percent people men women children mg g kg t km m cm mm ml l kb mb gb tb euro eur usd gbp chf
    dollar pound million billion thousand hundred h min am pm o'clock
""")
"""Behind a number they say that it counts; words that end in s do as well."""
