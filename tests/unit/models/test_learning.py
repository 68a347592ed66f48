"""A network that learns: from masks, and from another network's mattes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.checkpoints import CheckpointError
from models.learning import Lesson, Run
from models.losses import taught_loss
from models.recorded import Recorded
from models.train import Class, assemble, resume
from models.training_config import Shape, Student, TrainConfig

CONFIG = TrainConfig(
    model="compact", people=(), backgrounds=(), validation=(), steps=40, warmup_steps=1,
    shapes=(Shape(width=64, height=64, share=1),),
)  # fmt: skip
CPU = torch.device("cpu")


def lesson(*, seed: int = 0) -> Lesson:
    """A bright square on a dark ground, which is the person."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(0, 80, (4, 64, 64, 3), generator=generator, dtype=torch.uint8)
    alpha = torch.zeros(4, 64, 64, dtype=torch.uint8)
    image[:, 16:48, 16:48] += 120
    alpha[:, 16:48, 16:48] = 255
    return Lesson.of((image, alpha, torch.full_like(alpha, 255)), CPU)


def test_a_lesson_made_smaller_keeps_its_mean_and_fits_the_network() -> None:
    whole = lesson()
    small = whole._replace(teacher=whole.alpha, taught=torch.ones(())).shrunk(0.6, 32)
    assert small.picture.shape == (4, 3, 32, 32)
    assert small.teacher is not None
    assert small.alpha.shape == small.known.shape == small.teacher.shape == (4, 1, 32, 32)
    for before, after in zip(whole[:3], small[:3], strict=True):
        assert before is not None
        assert after is not None
        assert torch.allclose(before.mean(), after.mean(), atol=1e-5)
    assert whole.shrunk(1.0, 32) is whole


def test_a_network_learns_another_ones_matte_where_no_mask_is_known(tmp_path: Path, one_torch_thread: None) -> None:
    run = Run(CONFIG, tmp_path, CPU, None)
    given = lesson()
    taught = given._replace(
        alpha=torch.zeros_like(given.alpha), known=torch.zeros_like(given.known), teacher=given.alpha,
        taught=torch.ones(()),
    )  # fmt: skip
    losses = [float(run.update(taught, 0.0)[0]) for _ in range(40)]
    assert losses[-1] < 0.5 * losses[0]
    matte = run.update(taught, 0.0)[1]
    inside = given.alpha > 0.5
    assert matte[inside].mean() > matte[~inside].mean() + 0.3


def test_the_least_loss_is_the_teachers_own_matte() -> None:
    matte = torch.rand(2, 1, 8, 8).clamp(0.01, 0.99)
    at_teacher = taught_loss(matte.logit(), matte)
    assert taught_loss(torch.zeros_like(matte), matte) > at_teacher
    assert taught_loss(matte.logit() + 0.5, matte) > at_teacher


def test_students_learn_from_the_batches_that_are_for_them(tmp_path: Path, one_torch_thread: None) -> None:
    students = (
        (Student(model="compact", scales=(1.0, 0.5)), None),
        (Student(model="compact", scales=(1.0,), taught=0.0, every=3), None),
    )
    learners = assemble(CONFIG, tmp_path, CPU, None, students[:1])
    learners = Class(learners.teacher, (*learners.students, (students[1][0], Run(CONFIG, tmp_path, CPU, None))))
    counted = [[loss is not None for loss in learners.learn(lesson(), 1.0)] for _ in range(4)]
    assert counted == [[True, True, True], [True, True, False], [True, True, False], [True, True, True]]
    assert [run.step for run in learners.runs] == [4, 4, 2]
    assert (tmp_path / "compact").is_dir()


def test_a_teacher_is_heard_from_the_second_quarter_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learners = assemble(CONFIG, tmp_path, CPU, None, [(Student(model="compact", scales=(1.0,), taught=0.8), None)])
    heard: list[float] = []
    student = learners.students[0][1]

    def note(given: Lesson, progress: float) -> tuple[torch.Tensor, torch.Tensor]:
        assert given.teacher is not None
        assert given.taught is not None
        heard.append(float(given.taught))
        return torch.zeros(()), given.alpha

    monkeypatch.setattr(student, "update", note)
    for progress in (0.0, 0.25, 0.5, 0.75, 1.0):
        learners.learn(lesson(), progress)
    assert heard == pytest.approx([0.0, 0.0, 0.4, 0.8, 0.8])


def test_off_cuda_a_recorded_step_is_simply_called() -> None:
    calls = []

    def step(value: torch.Tensor, nothing: None) -> tuple[torch.Tensor, torch.Tensor]:
        calls.append(nothing)
        return value + 1, value

    recorded = Recorded(step, CPU)
    one = torch.ones(1)
    assert recorded(one, None)[0] == 2
    assert calls == [None]


def test_a_checkpoint_of_another_device_goes_on_as_this_one_wants_it(tmp_path: Path, one_torch_thread: None) -> None:
    run = Run(CONFIG, tmp_path, CPU, None)
    run.update(lesson(), 0.0)
    for group in run.optimizer.param_groups:  # as a run on a GPU leaves them
        group.update(lr=torch.tensor(0.5), fused=True, capturable=True)
    run.save()
    resumed = Run(CONFIG, tmp_path, CPU, None)
    resumed.resume(tmp_path / "last.pt")
    group = resumed.optimizer.param_groups[0]
    assert (type(group["lr"]), group["fused"], group["capturable"]) == (float, None, False)
    before = resumed.network.final_conv.weight.detach().clone()
    resumed.update(lesson(), 0.0)
    assert not torch.equal(before, resumed.network.final_conv.weight)


def test_students_of_another_moment_are_refused(tmp_path: Path, one_torch_thread: None) -> None:
    students = [(Student(model="compact", scales=(1.0,)), None)]
    learners = assemble(CONFIG, tmp_path, CPU, None, students)
    learners.learn(lesson(), 0.0)
    for run in learners.runs:
        run.save()
    resume(assemble(CONFIG, tmp_path, CPU, None, students), tmp_path / "last.pt")
    learners.learn(lesson(), 0.0)
    learners.teacher.save()
    with pytest.raises(CheckpointError, match="another step"):
        resume(assemble(CONFIG, tmp_path, CPU, None, students), tmp_path / "last.pt")
