"""Numbers of charts in single precision: what it cannot hold is missing, without a word on the terminal."""

import base64
import warnings

import numpy as np

from tendency.evaluation.report.charts import packed
from tendency.evaluation.statistics.summary import counted


def test_numbers_beyond_single_precision_are_missing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        content = packed(np.array([1.0, 1e300, -1e39, np.inf]))
    values = np.frombuffer(base64.b64decode(content["bdata"]), "<f4")
    assert values[0] == 1.0
    assert np.isnan(values[1:]).all()


def test_nouns_follow_their_number():
    assert [counted(n, "trajectory", "trajectories") for n in (0, 1, 2)] == [
        "0 trajectories",
        "1 trajectory",
        "2 trajectories",
    ]
