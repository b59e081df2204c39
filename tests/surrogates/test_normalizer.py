"""Units: moments are those of numpy, constants tell nothing, and encode and decode are inverse."""

import torch

from tendency.simulation.moments import Moments, RunningMoments
from tendency.surrogates.normalizer import ChannelNormalizer, Normalizer


def test_running_moments_equal_those_of_all_data_at_once():
    generator = torch.Generator().manual_seed(0)
    x = 5 + torch.randn(20, 3, 7, generator=generator, dtype=torch.float64) * torch.tensor([1.0, 10.0, 1e-4])[:, None]
    running = RunningMoments()
    for part in x.split([3, 1, 9, 7]):
        running.update(part)
    moments = running.moments()
    flat = x.transpose(0, 1).flatten(1).numpy()
    assert torch.allclose(moments.mean, torch.from_numpy(flat.mean(1)), rtol=1e-12)
    assert torch.allclose(moments.std, torch.from_numpy(flat.std(1)), rtol=1e-9)


def test_encode_has_unit_variance_and_decode_inverts_it():
    generator = torch.Generator().manual_seed(0)
    x = 3 + 2 * torch.randn(50, 2, 8, generator=generator, dtype=torch.float64)
    running = RunningMoments()
    running.update(x)
    normalizer = ChannelNormalizer(running.moments())
    encoded = normalizer.encode(x)
    assert torch.allclose(encoded.mean((0, 2)), torch.zeros(2, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(encoded.transpose(0, 1).flatten(1).std(1, correction=0), torch.ones(2, dtype=torch.float64))
    assert torch.allclose(normalizer.decode(encoded), x, rtol=1e-12)


def test_history_is_encoded_snapshot_by_snapshot():
    normalizer = ChannelNormalizer(Moments(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0])))
    x = torch.arange(24.0).reshape(1, 6, 4)
    whole = normalizer.encode(x)
    parts = torch.cat([normalizer.encode(part) for part in x.split(2, dim=1)], 1)
    assert torch.equal(whole, parts)


def test_a_constant_condition_is_silent_whatever_its_later_value():
    # A dt that never varied in training: differences of float64 times leave it rounding, not information.
    dt = 0.1 + 1e-16 * torch.arange(10, dtype=torch.float64)[:, None]
    running = RunningMoments()
    running.update(dt)
    normalizer = ChannelNormalizer(running.moments())
    assert torch.equal(normalizer.encode(torch.full((1, 1), 0.2, dtype=torch.float64)), torch.zeros(1, 1).double())
    # A small quantity that does vary is not taken for a constant.
    running = RunningMoments()
    running.update(1e-9 * torch.rand(10, 1, dtype=torch.float64))
    assert running.moments().std > 0
    assert ChannelNormalizer(running.moments()).encode(torch.full((1, 1), 1e-9).double()).abs() > 0.1


def test_statistics_travel_with_the_state_dict():
    fitted = Normalizer(*(Moments(torch.full((c,), 2.0), torch.full((c,), 3.0)) for c in (1, 1, 2)))
    restored = Normalizer.empty(1, 1, 2)
    restored.load_state_dict(fitted.state_dict())
    x = torch.randn(4, 1, 8)
    assert torch.equal(restored.fields.encode(x), fitted.fields.encode(x))
