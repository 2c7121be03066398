"""Print all figures: `python -m benchmarks.detection`."""

from __future__ import annotations

from benchmarks.detection.accuracy import accuracy, false_alarms
from benchmarks.detection.chances import chances
from benchmarks.detection.hostile import hostile
from benchmarks.detection.speed import speed

speed()
accuracy()
false_alarms()
chances()
hostile()
