"""95% intervals: of a task's mean over clusters, and of groups of tasks."""

from ._group_interval import COMBINED, mean_interval
from ._interval import BOUND, CLUSTER_T, EXACT, Interval, Spread, cluster_interval, cluster_spread, logit_interval
from ._quantiles import beta_quantile, t_quantile, two_sided_p

__all__ = [
    "BOUND",
    "CLUSTER_T",
    "COMBINED",
    "EXACT",
    "Interval",
    "Spread",
    "beta_quantile",
    "cluster_interval",
    "cluster_spread",
    "logit_interval",
    "mean_interval",
    "t_quantile",
    "two_sided_p",
]
