"""What is found of what people labelled, and what is found where nobody put anything."""

from __future__ import annotations

from collections import Counter

from befit.policy.detection import default_examiner
from befit.policy.detection.recognition import Recognition
from befit.statistics import wilson
from befit.vocabulary import DataClass
from benchmarks.detection.texts import PROSE, labelled, prose

_OURS = (
    *("CREDIT_CARD", "DOMAIN_NAME", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "PHONE_NUMBER"),
    "US_SSN",
)


def accuracy() -> None:
    """Print precision and recall by type, exact places, with 95% intervals of recall."""
    rows = labelled()
    if not rows:
        return
    found, right, there = Counter[str](), Counter[str](), Counter[str]()
    recognition = Recognition()
    for row in rows:
        spans = {(span.start, span.end, span.type) for span in recognition.detect(row.text)}
        found.update(kind for *_, kind in spans)
        right.update(kind for *_, kind in spans & row.spans)
        there.update(kind for *_, kind in row.spans)
    print(f"\naccuracy on {len(rows)} labelled sentences (development part), exact places")
    print(f"  {'type':14} {'labelled':>8} {'found':>6} {'precision':>9} {'recall':>7}  interval")
    for kind in sorted({*_OURS, *found}):
        precision = f"{right[kind] / found[kind]:.3f}" if found[kind] else "-"
        if not there[kind]:
            print(f"  {kind:14} {0:8} {found[kind]:6} {precision:>9} {'-':>7}")
            continue
        interval = wilson(right[kind], there[kind])
        print(
            f"  {kind:14} {there[kind]:8} {found[kind]:6} {precision:>9} "
            f"{right[kind] / there[kind]:7.3f}  {interval.low:.2f} to {interval.high:.2f}"
        )


def false_alarms() -> None:
    """Print what is found in texts that hold no ids, cards or secrets of anybody."""
    print("\nfalse alarms: findings that would make a text confidential or restricted, a MB")
    examiner = default_examiner()
    for name in PROSE:
        texts = prose(name)
        size = sum(len(text.encode()) for text in texts) / 1e6
        if not texts:
            continue
        examination = examiner.examine(texts)
        grave = Counter(
            span.type
            for spans in examination.spans
            for span in spans
            if examination.consequences[span.type].data_class >= DataClass.CONFIDENTIAL
        )
        print(f"  {name:18} {size:5.2f} MB: {grave.total() / size:.1f} a MB {dict(grave) or ''}")
