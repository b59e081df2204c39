"""Options of Lightning's own trainer: handed on, or refused by name before any work."""

import inspect
import re

import pytest
from lightning.pytorch import Trainer

from tendency.trainers.trainer import REFUSED_OPTIONS, make_trainer


def trainer(**options):
    return make_trainer(1, "cpu", gradient_clip_val=1.0, options=options, callbacks=[], loggers=[])


def test_options_reach_lightning_beside_our_own():
    made = trainer(detect_anomaly=True, gradient_clip_algorithm="value", max_steps=7, profiler="simple")
    assert made._detect_anomaly
    assert made.gradient_clip_algorithm.value == "value"
    assert made.max_steps == 7
    assert type(made.profiler).__name__ == "SimpleProfiler"
    assert (made.max_epochs, made.gradient_clip_val, made.num_sanity_val_steps) == (1, 1.0, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"detect_anomalies": True}, "detect_anomalies: unknown argument of .*; did you mean 'detect_anomaly'"),
        ({"colour": "red"}, "colour: unknown argument of Lightning's Trainer; available: .*max_time"),
        ({"max_epochs": 3}, "max_epochs: set trainer.max_epochs in its place"),
        ({"callbacks": []}, "callbacks: cannot be set, since callbacks are chosen by the config group callbacks"),
        ({"use_distributed_sampler": True}, "use_distributed_sampler: cannot be set"),
        ({"limit_train_batches": 3}, "limit_train_batches: .* set data.batches_per_epoch in its place"),
        ({"limit_val_batches": 0}, "limit_val_batches: expected more than 0"),
        ({"profiler": "fast"}, r"Lightning refuses \{'profiler': 'fast'\}: .*simple"),
        *(
            ({"max_time": value}, f"max_time: expected a positive duration, .*got {re.escape(repr(value))}$")
            for value in ("soon", -5, 0, True, "00:00:00:00", "8:00:00", {"hours": 0}, {"hours": -1}, {"weekz": 1}, [1])
        ),
        ({"benchmark": "abc"}, r"Lightning refuses \{'benchmark': 'abc'\}"),
        ({"max_steps": 0}, "max_steps: expected at least 1, or -1 for no limit, got 0"),
        ({"max_steps": "many"}, "max_steps: expected at least 1, or -1 for no limit, got 'many'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_handed_on_is_refused_by_name(options, message):
    with pytest.raises(ValueError, match=rf"(?s)^trainer\.options.*{message}"):
        trainer(**options)


@pytest.mark.parametrize("longest", ["00:00:00:01", {"minutes": 30}])
def test_a_duration_reaches_lightning(longest):
    assert trainer(max_time=longest).max_epochs == 1


def test_every_option_that_lightning_knows_is_set_refused_or_free():
    """A new version of Lightning that drops an argument of which this program says something is noticed here."""
    known = set(inspect.signature(Trainer).parameters)
    own = set(inspect.signature(make_trainer).parameters) - {"loggers", "options"}
    assert set(REFUSED_OPTIONS) | own <= known
