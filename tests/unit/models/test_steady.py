from __future__ import annotations

import numpy as np
import pytest

from models.metrics import dtssd
from models.steady import Steadier

HEIGHT, WIDTH = 60, 100


def scene(left: float, *, side: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """A bright square on a dark wall with a soft edge, its left edge at ``left``, and its matte."""
    columns = np.arange(WIDTH, dtype=np.float32)
    across = np.clip(columns - left + 0.5, 0, 1) * np.clip(left + side - columns + 0.5, 0, 1)
    down = np.zeros(HEIGHT, np.float32)
    down[20:40] = 1
    alpha = (down[:, None] * across[None]).astype(np.float32)
    picture = np.rint(60 + 130 * alpha)[..., None].repeat(3, axis=2).astype(np.uint8)
    return picture, alpha


def noisy(values: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sigma, values.shape)
    top = 255 if values.dtype == np.uint8 else 1
    return np.clip(values + noise, 0, top).astype(values.dtype)


@pytest.mark.parametrize("sigma", [0.0, 3.0, 8.0])
def test_a_still_person_under_sensor_noise_shimmers_less_than_half_as_much(sigma: float) -> None:
    picture, truth = scene(30)
    steadier = Steadier(0.8)
    own = [noisy(truth, 0.1, seed) for seed in range(30)]
    steadied = [steadier.steady(noisy(picture, sigma, 100 + seed), own[seed]) for seed in range(30)]
    flat = np.stack([truth] * 20)
    assert dtssd(np.stack(steadied[10:]), flat) < 0.5 * dtssd(np.stack(own[10:]), flat)


@pytest.mark.parametrize("sigma", [0.0, 4.0])
def test_a_moving_person_leaves_nothing_behind(sigma: float) -> None:
    steadier = Steadier(0.9)
    for step in range(20):
        picture, alpha = scene(20 + 3 * step)
        steadied = steadier.steady(noisy(picture, sigma, step), alpha)
        assert np.abs(steadied - alpha).max() < 0.02


@pytest.mark.parametrize("strength", [0.8, 0.95])
def test_a_person_who_creeps_leaves_a_trail_of_no_more_than_a_pixel(strength: float) -> None:
    steadier = Steadier(strength)
    for step in range(60):
        picture, alpha = scene(20 + 0.1 * step)
        steadied = steadier.steady(noisy(picture, 3.0, step), alpha)
        assert steadied[scene(19 + 0.1 * step, side=22)[1] == 0].max() < 0.1
        assert np.abs(steadied - alpha).max() < 0.5


def test_it_tells_how_much_of_the_last_matte_was_kept() -> None:
    steadier, picture, alpha = Steadier(0.9), *scene(30)
    steadier.steady(picture, alpha)
    assert not steadier.kept.any()
    last = steadier.steady(noisy(picture, 1.0, 1), noisy(alpha, 0.1, 1))
    own = noisy(alpha, 0.1, 2)
    steadied = steadier.steady(noisy(picture, 1.0, 2), own)
    assert np.allclose(steadied, own + (last - own) * steadier.kept, atol=1e-6)
    assert steadier.kept.max() > 0.8


def test_a_cut_starts_afresh() -> None:
    steadier = Steadier(0.9)
    first, second = scene(10), scene(60)
    for _ in range(5):
        steadier.steady(255 - first[0], first[1])
    assert np.array_equal(steadier.steady(*second), second[1])


@pytest.mark.parametrize("answers", [(0.0, 1.0), (1.0, 0.0)])
def test_where_the_network_changes_its_mind_its_new_answer_counts_at_once(answers: tuple[float, float]) -> None:
    steadier = Steadier(0.9)
    picture, _ = scene(30)
    for moment in range(5):
        steadier.steady(noisy(picture, 2.0, moment), np.full((HEIGHT, WIDTH), answers[0], np.float32))
    changed = steadier.steady(noisy(picture, 2.0, 9), np.full((HEIGHT, WIDTH), answers[1], np.float32))
    assert np.all(changed == answers[1])


def test_what_stays_lower_for_some_frames_is_no_halo_and_what_goes_up_and_down_is_still_averaged() -> None:
    steadier = Steadier(0.95)
    picture, _ = scene(30)
    answers = [0.4] * 12 + [0.0] * 8
    for moment, answer in enumerate(answers):
        steadied = steadier.steady(noisy(picture, 2.0, moment), np.full((HEIGHT, WIDTH), answer, np.float32))
    assert steadied.max() < 0.1
    steadier.reset()
    shimmer = [
        steadier.steady(noisy(picture, 2.0, moment), np.full((HEIGHT, WIDTH), 0.3 + 0.2 * (-1) ** moment, np.float32))
        for moment in range(40)
    ]
    assert np.ptp(shimmer[20:], axis=0).mean() < 0.06


def test_after_a_reset_and_at_another_size_the_first_alpha_is_taken_as_it_is() -> None:
    steadier = Steadier(0.9)
    picture, alpha = scene(30)
    steadier.steady(picture, np.zeros_like(alpha))
    steadier.reset()
    assert np.array_equal(steadier.steady(picture, alpha), alpha)
    assert np.array_equal(steadier.steady(picture[:40], alpha[:40]), alpha[:40])


def test_strength_0_changes_nothing_and_1_is_refused() -> None:
    steadier = Steadier(0)
    picture, alpha = scene(30)
    steadier.steady(picture, alpha)
    assert np.all(steadier.steady(picture, 0 * alpha) == 0)
    with pytest.raises(ValueError, match="below 1"):
        Steadier(1.0)


def test_a_person_recognised_late_appears_within_half_a_second() -> None:
    steadier = Steadier(0.8)
    picture, alpha = scene(30)
    steadier.steady(picture, 0 * alpha)
    for _ in range(15):
        steadied = steadier.steady(picture, alpha)
    assert steadied.max() > 0.95


def test_an_alpha_of_another_size_is_refused_and_nothing_is_written() -> None:
    picture, alpha = scene(30)
    steadier = Steadier(0.9)
    steadier.steady(picture, alpha)
    for wrong in (alpha[:-1], alpha[:, :40]):
        with pytest.raises(ValueError, match="an alpha of"):
            steadier.steady(picture, wrong)
        with pytest.raises(ValueError, match="an alpha of"):
            steadier.steady(picture, alpha, certain=wrong)
    assert np.array_equal(steadier.steady(picture, alpha), alpha)
