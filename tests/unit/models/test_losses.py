"""Each loss is nothing for the right matte, grows with the fault, and does not see what is not known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from models.losses import absolute, cross_entropy, dice, gradient, matte_loss, near_edges

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def person() -> Tensor:
    alpha = torch.zeros(1, 1, 32, 32)
    alpha[..., 8:24, 8:24] = 1
    return alpha


def logits_of(alpha: Tensor) -> Tensor:
    return alpha.clamp(1e-6, 1 - 1e-6).logit()


EVERYWHERE = torch.ones(1, 1, 32, 32)


@pytest.mark.parametrize("loss", [absolute, cross_entropy, dice, gradient, matte_loss])
def test_the_right_matte_costs_nothing_and_a_worse_one_more(loss: Loss) -> None:
    alpha = person()
    shifted = alpha.roll(1, dims=3), alpha.roll(4, dims=3)
    costs = [float(loss(logits_of(found), alpha, EVERYWHERE)) for found in (alpha, *shifted)]
    assert costs[0] < 1e-3
    assert costs[0] < costs[1] <= costs[2]


@pytest.mark.parametrize("loss", [absolute, cross_entropy, gradient, matte_loss])
def test_what_is_not_known_does_not_count(loss: Loss) -> None:
    alpha = person()
    found, known = alpha.clone(), EVERYWHERE.clone()
    found[..., 26:, :] = 1
    known[..., 24:, :] = 0
    assert float(loss(logits_of(found), alpha, known)) < 1e-3 < float(loss(logits_of(found), alpha, EVERYWHERE))


def test_absolute_difference_of_a_veil_is_its_share() -> None:
    veil = torch.full((1, 1, 32, 32), 0.25)
    assert float(absolute(logits_of(veil), torch.zeros_like(veil), EVERYWHERE)) == pytest.approx(0.25)


def test_what_is_unlike_all_around_it_counts_most() -> None:
    alpha = torch.zeros(1, 1, 64, 64)
    alpha[..., 30:] = 1
    alpha[..., 48:50] = 0  # a narrow gap
    weights = near_edges(alpha, torch.ones_like(alpha))[0, 0, 32]
    assert weights[10] == 1, "far from any edge"
    assert weights[29] == pytest.approx(1 + 4 * 7 / 15)
    assert weights[30] == pytest.approx(1 + 4 * 7 / 15)
    assert weights[49] == pytest.approx(1 + 4 * 13 / 15)
    assert weights.max() <= 5
    assert near_edges(torch.ones(1, 1, 32, 32), EVERYWHERE).max() == 1, "the picture's own border is no edge"
    known = torch.ones_like(alpha)
    known[..., 26:] = 0
    assert near_edges(alpha, known)[..., :26].max() == pytest.approx(1), "nobody knows that there is an edge"


def test_a_fault_beside_the_person_costs_more_than_one_far_from_anybody() -> None:
    alpha = torch.zeros(1, 1, 64, 64)
    alpha[..., 40:] = 1
    beside, away = alpha.clone(), alpha.clone()
    beside[..., 38:40] = 1
    away[..., 8:10] = 1
    everywhere = torch.ones_like(alpha)
    assert matte_loss(logits_of(beside), alpha, everywhere) > matte_loss(logits_of(away), alpha, everywhere)
