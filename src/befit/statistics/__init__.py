"""Intervals and bounds behind every figure that Befit reports.

>>> wilson(92, 100)
Interval(low=0.8501..., high=0.9589...)
"""

from befit.statistics.binomial import clopper_pearson, wilson
from befit.statistics.bootstrap import bootstrap_mean, bootstrap_percentile
from befit.statistics.interval import Interval
from befit.statistics.percentile import Percentile, p95, percentile
from befit.statistics.scores import ScoreSummary, summarise_scores

__all__ = [
    "Interval",
    "Percentile",
    "ScoreSummary",
    "bootstrap_mean",
    "bootstrap_percentile",
    "clopper_pearson",
    "p95",
    "percentile",
    "summarise_scores",
    "wilson",
]
