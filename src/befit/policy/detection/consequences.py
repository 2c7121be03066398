"""What a finding of each type asks for: the packaged table, which `befit.yaml` may override.

What decides is the harm of one stray copy, and whether it can be undone. A card, a secret or
a national id opens doors for whoever holds it, and laws or card schemes name it: restricted.
An IBAN stands on every invoice: confidential. Ways to reach somebody stand in every signature,
so they make a text internal, as most of a company's texts are, and tag it for rules of privacy.
Names of places and public addresses of the web say nothing of anybody: no consequence.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from befit.policy.detection.finding import Consequence
from befit.vocabulary import DataClass, Tag

NATIONAL_ID = Consequence(data_class=DataClass.RESTRICTED, tags=frozenset({Tag.PII}))
NATIONAL_PATIENT_ID = Consequence(
    data_class=DataClass.RESTRICTED, tags=frozenset({Tag.PII, Tag.PHI})
)
_CONTACT = Consequence(data_class=DataClass.INTERNAL, tags=frozenset({Tag.PII}))
_NOTHING = Consequence()

RECOGNISED: Mapping[str, Consequence] = MappingProxyType(
    {
        "CREDIT_CARD": Consequence(
            data_class=DataClass.RESTRICTED, tags=frozenset({Tag.PCI, Tag.PII})
        ),
        "SECRET": Consequence(data_class=DataClass.RESTRICTED, tags=frozenset({Tag.SECRET})),
        "IBAN_CODE": Consequence(data_class=DataClass.CONFIDENTIAL, tags=frozenset({Tag.PII})),
        "EMAIL_ADDRESS": _CONTACT,
        "PHONE_NUMBER": _CONTACT,
        "IP_ADDRESS": _CONTACT,
        "DOMAIN_NAME": _NOTHING,
    }
)
"""The types beside national ids that the packaged recognisers find."""

BY_MEANING: Mapping[str, Consequence] = MappingProxyType(
    {
        "PERSON": _CONTACT,
        "STREET_ADDRESS": _CONTACT,
        "US_DRIVER_LICENSE": NATIONAL_ID,
        "NRP": Consequence(data_class=DataClass.CONFIDENTIAL, tags=frozenset({Tag.PII})),
        "AGE": _NOTHING,
        "DATE_TIME": _NOTHING,
        "GPE": _NOTHING,
        "ORGANIZATION": _NOTHING,
        "TITLE": _NOTHING,
        "ZIP_CODE": _NOTHING,
    }
)
"""Types of the contract that only a detector that reads meaning finds."""
