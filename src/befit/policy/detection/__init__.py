"""What the text itself says: detectors, the class their findings ask for, and redaction."""

from befit.policy.detection.examiner import Examiner, default_examine, default_examiner, known_types
from befit.policy.detection.finding import Consequence, Detector, Examination, Examine, Span
from befit.policy.detection.installed import installed_detectors
from befit.policy.detection.redaction import Redacted, redact
from befit.policy.detection.restoring import Restorer, StreamRestorer

__all__ = [
    "Consequence",
    "Detector",
    "Examination",
    "Examine",
    "Examiner",
    "Redacted",
    "Restorer",
    "Span",
    "StreamRestorer",
    "default_examine",
    "default_examiner",
    "installed_detectors",
    "known_types",
    "redact",
]
