"""Measuring models on a workflow's own cases: reading, scoring, selecting, reporting."""

from befit.evaluation.cases import cases_sha256, read_cases, text_of
from befit.evaluation.evaluate import (
    Answer,
    Baselines,
    Candidate,
    CaseEvaluation,
    EvaluationRow,
    evaluate,
    summarise,
)
from befit.evaluation.outcome import Outcome, OutcomeStatus
from befit.evaluation.queries import Query, read_queries
from befit.evaluation.ranking import RankingScorer, RankingScores, ndcg, recall
from befit.evaluation.report import EvaluationDocument, evaluation_document, print_evaluation
from befit.evaluation.scorers import (
    Scorer,
    exact_match,
    json_equality,
    label_match,
    metric_name,
    score_of,
    scorer_for,
)
from befit.evaluation.select import Certainty, Judgement, Verdict, select

__all__ = [
    "Answer",
    "Baselines",
    "Candidate",
    "CaseEvaluation",
    "Certainty",
    "EvaluationDocument",
    "EvaluationRow",
    "Judgement",
    "Outcome",
    "OutcomeStatus",
    "Query",
    "RankingScorer",
    "RankingScores",
    "Scorer",
    "Verdict",
    "cases_sha256",
    "evaluate",
    "evaluation_document",
    "exact_match",
    "json_equality",
    "label_match",
    "metric_name",
    "ndcg",
    "print_evaluation",
    "read_cases",
    "read_queries",
    "recall",
    "score_of",
    "scorer_for",
    "select",
    "summarise",
    "text_of",
]
