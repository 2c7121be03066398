"""Training specialists: from a file of cases to a model that serves its workflow."""

from befit.training.fitting import FitFailed
from befit.training.specialist import FitRules, Provenance, TrainingReport, fit_specialist
from befit.training.train import (
    Embed,
    TrainedSpecialist,
    TrainingPlan,
    plan_training,
    specialist_card,
    train_specialist,
    vectors_of,
    workflow_from,
)

__all__ = [
    "Embed",
    "FitFailed",
    "FitRules",
    "Provenance",
    "TrainedSpecialist",
    "TrainingPlan",
    "TrainingReport",
    "fit_specialist",
    "plan_training",
    "specialist_card",
    "train_specialist",
    "vectors_of",
    "workflow_from",
]
