"""The packaged detector: what has a form of its own is found by it, without a model."""

from befit.policy.detection.recognition.detector import Recognition

__all__ = ["Recognition"]
