"""The training commands end to end, on pictures drawn here: train, resume, evaluate, export."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
import yaml
from tiny_training import CONFIG

from models.batches import make_composer
from models.checkpoints import WEIGHTS_FOLDER, load_network
from models.datasets import DatasetError, load_pairs
from models.training_config import read_config


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for part in ("people/image", "people/mask", "rooms"):
        (folder / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in (1, 2, 9, 19):
        image = np.full((120, 90, 3), (40, 120, 60), np.uint8)
        mask = np.zeros((120, 90), np.uint8)
        left = int(rng.integers(10, 40))
        mask[30:, left : left + 40] = 255
        image[mask > 0] = (30, 40, 200)
        cv2.imwrite(str(folder / f"people/image/{number}.jpg"), image)
        cv2.imwrite(str(folder / f"people/mask/{number}.png"), mask)
        cv2.imwrite(str(folder / f"rooms/{number}.jpg"), rng.integers(0, 255, (64, 64, 3), np.uint8))
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    return folder


def run(module, *arguments):
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_train_resume_evaluate_and_export(data, tmp_path):
    out = tmp_path / "run"
    first = run("models.train", data / "config.yaml", "--data", data, "--out", out)
    assert first.returncode == 0, first.stderr
    assert {"last.pt", "last.safetensors", "best.safetensors", "metrics.csv", "curves.png", "samples_000003.png"} <= {
        path.name for path in out.iterdir()
    }

    again = run(
        "models.train", data / "config.yaml", "--data", data, "--out", out, "--resume", out / "last.pt", "--steps", 4
    )
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("step 4 ") == 1
    assert "step 2 " not in again.stdout

    mattes = tmp_path / "mattes"
    arguments = ["--images", data / "people/image", "--masks", data / "people/mask", "--save", mattes]
    scored = run("models.evaluate", *arguments, "--weights", out / "last.safetensors", "--validation")
    assert scored.returncode == 0, scored.stderr
    assert "2 pictures" in scored.stdout
    assert "boundary_iou" in scored.stdout
    assert sorted(path.name for path in mattes.iterdir()) == ["19.png", "9.png"]
    assert cv2.imread(str(mattes / "9.png"), cv2.IMREAD_UNCHANGED).shape == (120, 90)

    graph = tmp_path / "network.onnx"
    exported = run("models.export", "--weights", out / "last.safetensors", "--out", graph)
    assert exported.returncode == 0, exported.stderr
    onnxruntime = pytest.importorskip("onnxruntime")
    picture = np.random.default_rng(0).random((1, 3, 64, 96), np.float32)
    (alpha,) = onnxruntime.InferenceSession(str(graph)).run(None, {"image": picture})
    import torch

    expected = load_network("compact", out / "last.safetensors").alpha(torch.from_numpy(picture)).detach().numpy()
    assert np.abs(alpha - expected).max() < 1e-4


def test_students_learn_in_the_same_run_and_have_folders_of_their_own(data, tmp_path):
    first = tmp_path / "first"
    assert run("models.train", data / "config.yaml", "--data", data, "--out", first, "--steps", 1).returncode == 0
    student = {"model": "compact", "initial": str(first / "last.safetensors"), "scales": [0.5, 1.0]}
    (data / "class.yaml").write_text(yaml.safe_dump(CONFIG | {"students": [student]}))
    out = tmp_path / "run"
    done = run("models.train", data / "class.yaml", "--data", data, "--out", out)
    assert done.returncode == 0, done.stderr
    for folder in (out, out / "compact"):
        assert {"last.pt", "last.safetensors", "metrics.csv", "curves.png"} <= {path.name for path in folder.iterdir()}
    arguments = ("--out", out, "--resume", out / "last.pt", "--steps", 4)
    again = run("models.train", data / "class.yaml", "--data", data, *arguments)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("compact step 4 ") == 2

    half = tmp_path / "half.safetensors"
    exported = run("models.export", "--weights", out / "last.safetensors", "--out", half)
    assert exported.returncode == 0, exported.stderr
    assert half.stat().st_size < 0.6 * (out / "last.safetensors").stat().st_size
    import torch

    picture = torch.rand(1, 3, 64, 96)
    mattes = [load_network("compact", path).alpha(picture) for path in (half, out / "last.safetensors")]
    assert (mattes[0] - mattes[1]).abs().max() < 0.01


def test_what_trained_networks_see_is_written_down_and_learnt(data, tmp_path):
    teachers = [{"model": "compact", "weights": str(WEIGHTS_FOLDER / "compact.safetensors")}]
    teaching = {"teachers": teachers, "scales": [1.0], "unlabelled": [{"folder": "rooms", "share": 0.2}]}
    config = data / "taught.yaml"
    config.write_text(yaml.safe_dump(CONFIG | {"teaching": teaching}))
    lessons, out = tmp_path / "lessons", tmp_path / "run"
    written = run("models.lessons", config, "--data", data, "--out", lessons, "--minutes", 0.001, "--part", 3)
    assert written.returncode == 0, written.stderr
    assert written.stdout == f"4 pictures in {lessons}\n"
    assert [path.name for path in lessons.iterdir()] == ["3_00000.npz"]
    done = run("models.train", config, "--data", data, "--lessons", lessons, "--out", out)
    assert done.returncode == 0, done.stderr
    assert {"last.pt", "last.safetensors", "metrics.csv"} <= {path.name for path in out.iterdir()}

    silent = run("models.lessons", data / "config.yaml", "--data", data, "--out", lessons, "--minutes", 1)
    assert silent.returncode == 2
    assert silent.stderr == f"{data / 'config.yaml'}: teaching: it says nothing of who teaches\n"


def test_packed_data_is_small_and_trains_the_same_way(data, tmp_path):
    packed = run("models.pack", data / "config.yaml", "--data", data, "--out", tmp_path / "packed", "--side", 60)
    assert packed.returncode == 0, packed.stderr
    assert cv2.imread(str(tmp_path / "packed/people/image/1.webp")).shape == (60, 45, 3)
    assert cv2.imread(str(tmp_path / "packed/people/mask/1.png"), cv2.IMREAD_UNCHANGED).shape == (60, 45)
    assert [pair.name for pair in load_pairs(tmp_path / "packed/people", validation=True)] == ["19", "9"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stepz": 3}, "stepz"),
        ({"batch": 0}, "batch"),
        ({"model": "huge"}, "'huge' is none of"),
        ({"students": [{"model": "huge", "scales": [1.0]}]}, "'huge' is none of"),
        ({"students": [{"model": "compact", "scales": []}]}, "scales"),
        ({"students": [{"model": "compact", "scales": [1.0]}] * 2}, "each model can be there once"),
    ],
)
def test_wrong_configuration_names_the_key(tmp_path, change, message):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**CONFIG, **change}))
    with pytest.raises(DatasetError, match=message):
        read_config(tmp_path / "config.yaml")


def test_commands_answer_bad_input_with_one_line(data, tmp_path):
    for module, *arguments in (
        ("models.train", data / "config.yaml", "--data", tmp_path, "--out", tmp_path / "run"),
        ("models.train", data / "config.yaml", "--data", data, "--out", tmp_path / "run", "--device", "nonsense"),
        ("models.evaluate", "--images", tmp_path / "none"),
        ("models.export", "--weights", tmp_path / "none.safetensors", "--out", tmp_path / "x.onnx"),
    ):
        done = run(module, *arguments)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, b"no checkpoint"])
def test_what_cannot_be_resumed_from_is_said_in_one_line(data, tmp_path, content):
    last = tmp_path / "last.pt"
    if content is not None:
        last.write_bytes(content)
    out = tmp_path / "run"
    done = run("models.train", data / "config.yaml", "--data", data, "--out", out, "--resume", last)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert str(last) in done.stderr


def test_a_folder_with_nothing_but_validation_pictures_is_named(tmp_path):
    for part in ("people/image", "people/mask", "rooms"):
        (tmp_path / part).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / part / "9.png"), np.full((64, 64), 255, np.uint8))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    with pytest.raises(DatasetError, match="people holds nothing to train on"):
        make_composer(read_config(tmp_path / "config.yaml"), tmp_path / "config.yaml", tmp_path)


def test_picture_without_a_mask_is_named(tmp_path, data):
    (tmp_path / "image").mkdir()
    (tmp_path / "mask").mkdir()
    cv2.imwrite(str(tmp_path / "image/1.jpg"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(DatasetError, match="has no mask"):
        load_pairs(tmp_path, validation=False)


def test_shipped_graphs_say_nothing_of_the_machine_that_made_them():
    graphs = sorted(WEIGHTS_FOLDER.glob("*.onnx"))
    assert graphs
    for path in graphs:
        assert b"site-packages" not in path.read_bytes()


def test_resumed_run_ends_where_one_that_never_stopped_does(tmp_path, one_torch_thread):
    """On the same samples: weights, averaged weights, optimiser and learning rate all go on from the checkpoint."""
    import torch

    from models.learning import Lesson, Run
    from models.training_config import TrainConfig

    config = TrainConfig.model_validate(CONFIG | {"warmup_steps": 4, "steps": 6, "cooldown_share": 0.5})
    rng = np.random.default_rng(0)
    batches = [
        (
            torch.from_numpy(rng.integers(0, 255, (2, 64, 64, 3), np.uint8)),
            torch.from_numpy(rng.integers(0, 255, (2, 64, 64), np.uint8)),
            torch.full((2, 64, 64), 255, dtype=torch.uint8),
        )
        for _ in range(6)
    ]

    def go_on(run, until):
        while run.step < until:
            run.update(Lesson.of(batches[run.step], run.device), run.step / 6)

    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = Run(config, tmp_path / "whole", torch.device("cpu"), None)
    go_on(whole, 6)
    begun = Run(config, tmp_path / "parts", torch.device("cpu"), None)
    go_on(begun, 3)
    begun.save()
    resumed = Run(config, tmp_path / "parts", torch.device("cpu"), None)
    resumed.resume(tmp_path / "parts" / "last.pt")
    go_on(resumed, 6)
    for one, other in ((whole.network, resumed.network), (whole.average, resumed.average)):
        for name, tensor in one.state_dict().items():
            assert torch.allclose(tensor.float(), other.state_dict()[name].float(), atol=1e-6), name
    assert not torch.allclose(whole.network.final_conv.weight, begun.network.final_conv.weight)
