"""The metrics that the table and the page of every report rest on."""

from tendency.evaluation.metrics.blow_up import BlowUp
from tendency.evaluation.metrics.energy_spectra import EnergySpectra
from tendency.evaluation.metrics.metric import Metric
from tendency.evaluation.metrics.relative_errors import RelativeErrors
from tendency.evaluation.metrics.rollout_error import RolloutError
from tendency.evaluation.metrics.valid_times import CorrelationTime


def standard_metrics() -> list[Metric]:
    """The metrics of every report, in the order of the columns of its table."""
    return [RelativeErrors(), RolloutError(), CorrelationTime(), BlowUp(), EnergySpectra()]
