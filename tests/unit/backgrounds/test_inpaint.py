"""The production loader and painter on a tiny pipeline with the real one's structure and random weights."""

import shutil
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_diffusion import age, write_base, write_controlnet, write_depth, write_lora, write_tiny_autoencoder

from streamer.backgrounds import inpaint_loading
from streamer.backgrounds.depth import DepthEstimator
from streamer.backgrounds.inpaint import DiffusionPainter, PainterSettings, outlines
from streamer.backgrounds.inpaint_loading import PainterFiles, load_painter
from streamer.backgrounds.plates import OutOfMemory, PaintOrder, PlateMaker, Recipe
from streamer.errors import GenerationCancelled, GenerationError, WeightsError
from streamer.frames import Frame, Keyframe, Size

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_torch_thread")]
WIDTH, HEIGHT = 128, 64


def never():
    return False


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    write_base(folder / "base")
    write_controlnet(folder / "controlnet")
    return folder


@pytest.fixture(scope="module")
def files(weights):
    return PainterFiles(weights / "base", weights / "controlnet")


@pytest.fixture(scope="module")
def painter(files, one_torch_thread):
    return load_painter(files, PainterSettings(steps=2))


def order(**changes):
    rng = np.random.default_rng(0)
    repaint = np.ones((HEIGHT, WIDTH), bool)
    repaint[:, : WIDTH // 2] = False
    values = {
        "image": rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8),
        "repaint": repaint,
        "prompt": "a beach",
        "negative": "people",
        "seed": 1,
        "strength": 1.0,
    }
    return PaintOrder(**(values | changes))


def paint(painter, **changes):
    return painter.paint(order(**changes), should_stop=never)


def difference(first, second):
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def test_picture_has_the_size_of_the_order(painter):
    image = paint(painter)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert image.dtype == np.uint8
    assert image.std() > 5


def test_pipeline_is_the_recipes_own(painter):
    pipeline = painter._pipeline
    assert type(pipeline).__name__ == "StableDiffusionControlNetInpaintPipeline"
    assert type(pipeline.scheduler).__name__ == "UniPCMultistepScheduler"
    assert pipeline.safety_checker is None


def test_same_order_gives_the_same_picture_to_the_bit(painter):
    assert np.array_equal(paint(painter), paint(painter))


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a library at night, shelves to the ceiling"},
        {"negative": "sea, sand, sun"},
        {"seed": 2},
        {"repaint": np.ones((HEIGHT, WIDTH), bool)},
        {"image": np.full((HEIGHT, WIDTH, 3), 30, np.uint8)},
        {"strength": 0.5},
    ],
    ids=lambda change: next(iter(change)),
)
def test_everything_in_an_order_is_heard(painter, change):
    assert difference(paint(painter), paint(painter, **change)) > 0.2


def test_control_image_is_heard(files, painter):
    """The same order with the ControlNet turned down: what is left is heard through the picture alone."""
    deaf = load_painter(files, PainterSettings(steps=2, control_scale=0.0))
    assert difference(paint(painter), paint(deaf)) > 0.5


def test_room_of_a_free_plate_is_not_heard_where_it_is_repainted(painter):
    """With strength 1 the picture under the mask has no part in the result: noise starts there, -1 controls it."""
    image = order().image.copy()
    other = image.copy()
    other[:, WIDTH // 2 :] = 255 - other[:, WIDTH // 2 :]
    every = np.ones((HEIGHT, WIDTH), bool)
    assert np.array_equal(paint(painter, image=image, repaint=every), paint(painter, image=other, repaint=every))


def test_cancelled_order_ends_within_one_step_and_leaves_no_trace(painter):
    before = paint(painter)
    asked = []

    def stop_later():
        asked.append(True)
        return len(asked) > 1

    with pytest.raises(GenerationCancelled):
        painter.paint(order(), should_stop=stop_later)
    assert len(asked) == 2
    assert np.array_equal(paint(painter), before)


def test_order_that_nobody_wants_any_more_is_not_begun(painter):
    with pytest.raises(GenerationCancelled):
        painter.paint(order(prompt="never encoded"), should_stop=lambda: True)
    assert all(prompt != "never encoded" for prompt, _ in painter._prompts)


def test_threads_are_bounded_whatever_others_set(painter):
    before = torch.get_num_threads()
    bounded = DiffusionPainter(painter._pipeline, PainterSettings(steps=1, threads=before + 1))
    try:
        torch.set_num_threads(before + 2)
        paint(bounded)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("size", [(64, 64), (192, 64), (72, 136)])
def test_any_size_in_whole_cells_is_painted(painter, size):
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    assert paint(painter, image=image, repaint=np.ones((height, width), bool)).shape == (height, width, 3)


def test_error_of_the_library_is_one_line(painter):
    image = np.zeros((61, 67, 3), np.uint8)
    with pytest.raises(GenerationError, match="cannot be painted") as caught:
        paint(painter, image=image, repaint=np.ones((61, 67), bool))
    assert "\n" not in str(caught.value)


def test_out_of_memory_is_told_apart(painter, monkeypatch):
    import torch

    def exhausted(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(painter._pipeline.unet, "forward", exhausted)
    with pytest.raises(OutOfMemory):
        paint(painter)


def test_picture_of_nan_is_an_error_and_no_black_plate(painter, monkeypatch):
    network = painter._pipeline.unet.forward

    def overflowing(*args, **kwargs):
        return tuple(torch.full_like(tensor, float("nan")) for tensor in network(*args, **kwargs))

    monkeypatch.setattr(painter._pipeline.unet, "forward", overflowing)
    with pytest.raises(GenerationError, match="NaN"):
        paint(painter)


@pytest.mark.parametrize(("mode", "scheduler"), [("fast", "DDIMScheduler"), ("fastest", "LCMScheduler")])
def test_fast_modes_take_their_scheduler_lora_and_autoencoder(weights, files, mode, scheduler):
    lora = write_lora(weights / "lora" / "distilled.safetensors")
    decoder = write_tiny_autoencoder(weights / "taesd") if mode == "fastest" else None
    plain = load_painter(files, PainterSettings(mode, steps=2))
    distilled = load_painter(
        PainterFiles(files.base, files.controlnet, lora=lora, decoder=decoder), PainterSettings(mode, steps=2)
    )
    assert type(distilled._pipeline.scheduler).__name__ == scheduler
    assert type(distilled._pipeline.vae).__name__ == ("AutoencoderTiny" if decoder else "AutoencoderKL")
    assert difference(paint(plain), paint(distilled)) > 0.5
    assert np.array_equal(paint(distilled), paint(distilled))


def test_latents_are_not_clipped_where_the_model_does_not_say_so(files):
    """Those of Stable Diffusion reach beyond -1 to 1, and DDIM clips unless it is told otherwise."""
    assert "clip_sample" not in (files.base / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8")
    assert load_painter(files, PainterSettings("fast"))._pipeline.scheduler.config.clip_sample is False


@pytest.mark.parametrize(("mode", "steps", "strength"), [("quality", 1, 0.75), ("fast", 2, 0.4), ("fastest", 4, 0.2)])
def test_strength_that_leaves_no_step_to_take_takes_one(files, mode, steps, strength):
    painter = load_painter(files, PainterSettings(mode, steps=steps))
    asked = []
    painter.paint(order(strength=strength), should_stop=lambda: bool(asked.append(True)))
    assert len(asked) == 2, "before the first step and after it"


def test_models_are_waited_for_on_the_gpu_that_paints(monkeypatch):
    waited_for, pipeline = [], MagicMock()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device=None: waited_for.append(device))
    inpaint_loading._placed(pipeline, PainterSettings(device="cuda:1"))
    assert waited_for == ["cuda:1"]


def test_second_controlnet_hears_the_outlines_of_the_picture(weights, files):
    second = write_controlnet(weights / "second", seed=9)
    both = PainterFiles(files.base, files.controlnet, second_controlnet=second)
    edges, tile = (load_painter(both, PainterSettings(steps=2, hint=hint)) for hint in ("edges", "tile"))
    assert difference(paint(edges), paint(tile)) > 0.2


def test_second_controlnet_hears_how_far_things_are(weights, files):
    second, depth = write_controlnet(weights / "second", seed=9), write_depth(weights / "depth")
    both = PainterFiles(files.base, files.controlnet, second_controlnet=second, depth=depth)
    tile, deep = (load_painter(both, PainterSettings(steps=2, hint=hint)) for hint in ("tile", "depth"))
    assert difference(paint(tile), paint(deep)) > 0.2
    assert np.array_equal(paint(deep), paint(deep))


@pytest.mark.parametrize("size", [(128, 64), (64, 128), (70, 70)])
def test_depth_has_the_pictures_size_and_all_levels(weights, size):
    width, height = size
    estimator = DepthEstimator(write_depth(weights / "depth"), "cpu")
    depth = estimator.depth(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))
    assert depth.shape == (height, width, 3)
    assert (depth[..., 0] == depth[..., 1]).all()
    assert depth.min() < 20
    assert depth.max() > 235


def test_outlines_are_white_lines_on_black():
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, 30:] = 200
    drawn = outlines(image)
    assert set(np.unique(drawn)) == {0, 255}
    assert (drawn[:, 28:32].max(axis=(1, 2)) == 255).all()
    assert not drawn[:, :26].any()


def test_layout_of_the_hub_is_read_like_the_new_one(files, painter, tmp_path):
    shutil.copytree(files.base, tmp_path / "old")
    age(tmp_path / "old")
    old = load_painter(PainterFiles(tmp_path / "old", files.controlnet), PainterSettings(steps=2))
    assert np.array_equal(paint(old), paint(painter))


def test_half_length_files_are_read_when_they_are_all_there_is(tmp_path, files):
    base = write_base(tmp_path / "base", variant="fp16")
    controlnet = write_controlnet(tmp_path / "controlnet", variant="fp16")
    assert not [path for path in base.rglob("*.safetensors") if ".fp16." not in path.name]
    half = load_painter(PainterFiles(base, controlnet), PainterSettings(steps=2))
    assert str(half._pipeline.unet.dtype) == "torch.float32"
    assert difference(paint(half), paint(load_painter(files, PainterSettings(steps=2)))) < 8


def test_lora_for_another_kind_of_model_is_refused_and_not_left_out_silently(files, tmp_path):
    tensors = load_file(write_lora(tmp_path / "right.safetensors"))
    other = tmp_path / "other.safetensors"
    save_file({name.replace("unet.", "transformer."): tensor for name, tensor in tensors.items()}, other)
    styles = (tmp_path / "right.safetensors", other)
    with pytest.raises(WeightsError, match=r"other\.safetensors cannot be used: it is a LoRA for another kind"):
        load_painter(PainterFiles(files.base, files.controlnet, styles=styles), PainterSettings(steps=2))


def test_every_lora_is_merged(files, tmp_path):
    def first_layer(*styles):
        painter = load_painter(PainterFiles(files.base, files.controlnet, styles=styles), PainterSettings(steps=2))
        tensors = painter._pipeline.unet.state_dict()
        return next(tensors[name] for name in tensors if name.endswith("to_q.weight"))

    one, two = (write_lora(tmp_path / f"{seed}.safetensors", seed=seed) for seed in (3, 4))
    plain = first_layer()
    both = first_layer(one) + first_layer(two) - plain
    assert torch.allclose(first_layer(one, two), both, atol=1e-5)
    assert not torch.allclose(both, plain, atol=0.1)


@pytest.mark.parametrize("broken", ["base", "controlnet", "lora"])
def test_broken_weights_are_named(weights, files, tmp_path, broken):
    bad = tmp_path / "bad"
    if broken == "lora":
        bad = tmp_path / "bad.safetensors"
        bad.write_bytes(b"nothing")
        wrong = PainterFiles(files.base, files.controlnet, lora=bad)
    else:
        shutil.copytree(getattr(files, broken), bad)
        victim = next(iter(sorted(bad.rglob("*.safetensors"))))
        victim.write_bytes(victim.read_bytes()[:100])
        wrong = PainterFiles(bad, files.controlnet) if broken == "base" else PainterFiles(files.base, bad)
    with pytest.raises(WeightsError, match="bad") as caught:
        load_painter(wrong, PainterSettings(steps=2))
    assert "\n" not in str(caught.value)


def test_plate_of_the_tiny_pipeline_is_deterministic_through_cancel_and_restart(files, painter):
    alpha = np.zeros((72, 128), np.float32)
    alpha[20:, 50:80] = 1
    image = np.random.default_rng(4).integers(0, 256, (72, 128, 3), np.uint8)
    keyframe = Keyframe(Frame(image, 0, 0.0, 0.0), alpha)
    maker = PlateMaker(painter, None, Recipe(size=Size(128, 64)))
    first = maker.generate(keyframe, "a sunlit library", 7, should_stop=never)
    asked = []

    def stop_in_the_second_pass():
        asked.append(True)
        return len(asked) > 4

    with pytest.raises(GenerationCancelled):
        maker.generate(keyframe, "a sunlit library", 7, should_stop=stop_in_the_second_pass)
    again = PlateMaker(load_painter(files, PainterSettings(steps=2)), None, Recipe(size=Size(128, 64)))
    assert np.array_equal(maker.generate(keyframe, "a sunlit library", 7, should_stop=never).image, first.image)
    assert np.array_equal(again.generate(keyframe, "a sunlit library", 7, should_stop=never).image, first.image)


def test_end_of_a_prompt_that_is_too_long_is_told(painter, caplog):
    with caplog.at_level("WARNING"):
        paint(painter, prompt="a very long way to say beach " * 9)
    assert caplog.messages == ["the prompt is longer than the painter reads (77 tokens): its end is not heard"]
