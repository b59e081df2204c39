"""Counter-based draws: distributed as they claim, and a function of their key alone."""

import torch

from tendency.simulation.random import mix, mix_integers, normal, uniform


def test_a_draw_does_not_depend_on_the_batch_that_it_is_in():
    keys = torch.arange(100)
    together = normal(keys, (3, 8))
    for i in (0, 17, 99):
        assert torch.equal(normal(keys[i : i + 1], (3, 8))[0], together[i])


def test_moments_of_the_normal_and_the_uniform():
    x = normal(torch.arange(200), (500,))
    # Standard errors: 1/sqrt(n) of the mean, sqrt(2/n) of the variance, sqrt(96/n) of the fourth moment; 5 of each.
    n = x.numel()
    assert x.mean().abs() < 5 / n**0.5
    assert (x.var() - 1).abs() < 5 * (2 / n) ** 0.5
    assert (x.pow(4).mean() - 3).abs() < 5 * (96 / n) ** 0.5
    u = uniform(torch.arange(200), (500,))
    assert (u.mean() - 0.5).abs() < 5 / (12 * n) ** 0.5
    assert 0 < u.min() < 1e-4
    assert 1 - 1e-4 < u.max() < 1


def test_neighbouring_keys_and_salts_are_uncorrelated():
    first, second = normal(torch.arange(50), (2000,)), normal(torch.arange(1, 51), (2000,))
    salted = normal(mix(torch.arange(50), 1), (2000,))
    for other in (second, salted):
        correlation = torch.corrcoef(torch.stack([first.flatten(), other.flatten()]))[0, 1]
        assert correlation.abs() < 5 / first.numel() ** 0.5


def test_keys_of_a_long_run_do_not_collide():
    keys = torch.stack([mix(torch.arange(1000), step) for step in range(100)])
    assert len(keys.unique()) == keys.numel()


def test_integers_are_mixed_to_the_numbers_of_the_tensors():
    integers = [0, 1, 7, 2**40 + 3, 2**63 - 1, -1, -(2**62) - 5]
    for key in integers:
        for salt in integers:
            assert mix_integers(key, salt) == mix(torch.tensor(key), salt).item()
            assert mix_integers(key, salt) == mix(torch.tensor(key), torch.tensor(salt)).item()
