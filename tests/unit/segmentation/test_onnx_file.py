from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from streamer.errors import ConfigError, SegmentationError, WeightsError
from streamer.frames import Image
from streamer.segmentation import open_segmenter

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PICTURE = ["n", 3, "h", "w"]
PLANE = ["n", 1, "h", "w"]


def write(
    path: Path, nodes: list[object], inputs: dict[str, object], outputs: dict[str, object], **feeding: object
) -> Path:
    """A network of these nodes, and what its YAML file says."""
    tensors = [
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in group.items()]
        for group in (inputs, outputs)
    ]
    red = onnx.helper.make_tensor("first", onnx.TensorProto.INT64, [1], [0])
    one = onnx.helper.make_tensor("second", onnx.TensorProto.INT64, [1], [1])
    channel = onnx.helper.make_tensor("channel", onnx.TensorProto.INT64, [1], [1])
    graph = onnx.helper.make_graph(nodes, "matte", *tensors, initializer=[red, one, channel])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    if feeding:
        path.with_suffix(".yaml").write_text(yaml.safe_dump(feeding))
    return path


def node(kind: str, inputs: list[str], outputs: list[str], **attributes: object) -> object:
    return onnx.helper.make_node(kind, inputs, outputs, **attributes)


RED = node("Slice", ["src", "first", "second", "channel"], ["red"])
"""The red channel of ``src`` as ``red``."""


@pytest.fixture
def image() -> Image:
    picture = np.full((180, 320, 3), (0, 40, 40), np.uint8)
    picture[60:, 100:200] = (255, 40, 40)
    return picture


def found(path: Path, image: Image) -> tuple[float, float]:
    """Mean alpha of the red and of the other pixels."""
    alpha = open_segmenter(onnx_file=path).segment(image)
    assert alpha.shape == image.shape[:2]
    inside = np.zeros(alpha.shape, bool)
    inside[66:, 106:194] = True
    outside = np.ones(alpha.shape, bool)
    outside[54:, 94:206] = False
    return float(alpha[inside].mean()), float(alpha[outside].mean())


def test_a_network_that_gives_the_alpha_needs_no_yaml_file(tmp_path: Path, image: Image) -> None:
    path = write(tmp_path / "red.onnx", [RED], {"src": PICTURE}, {"red": PLANE})
    assert found(path, image) == (1, 0)
    segmenter = open_segmenter(onnx_file=path)
    segmenter.segment(image)
    assert segmenter.description == "red 320x192 on CPU (onnxruntime)"


def test_one_size_colours_from_minus_1_and_logits(tmp_path: Path, image: Image) -> None:
    path = write(
        tmp_path / "logits.onnx",
        [RED, node("Mul", ["red", "steepness"], ["logit"])],
        {"src": [1, 3, 144, 256], "steepness": [1]},
        {"logit": [1, 1, 144, 256]},
        size="256x144", range="-1..1", activation="sigmoid", constants={"steepness": [9.0]},
    )  # fmt: skip
    assert found(path, image) == (1, 0)


def test_channels_last_and_two_classes(tmp_path: Path, image: Image) -> None:
    path = write(
        tmp_path / "classes.onnx",
        [
            node("Mul", ["src", "steepness"], ["steep"]),
            node("Transpose", ["steep"], ["planes"], perm=[0, 3, 1, 2]),
            node("Slice", ["planes", "first", "second", "channel"], ["red"]),
            node("Sub", ["steepness", "red"], ["room"]),
            node("Concat", ["room", "red"], ["both"], axis=1),
            node("Transpose", ["both"], ["scores"], perm=[0, 2, 3, 1]),
        ],
        {"src": ["n", "h", "w", 3], "steepness": [1]},
        {"scores": ["n", "h", "w", 2]},
        input="src", output="scores", layout="nhwc", channel=1, activation="softmax", constants={"steepness": [9.0]},
    )  # fmt: skip
    inside, outside = found(path, image)
    assert inside > 0.99
    assert outside < 0.01


def test_a_recurrent_network_remembers_until_it_is_reset(tmp_path: Path, image: Image) -> None:
    path = write(
        tmp_path / "recurrent.onnx",
        [RED, node("Max", ["red", "r1i"], ["pha"]), node("Identity", ["pha"], ["r1o"])],
        {"src": PICTURE, "r1i": ["n", 1, "a", "b"]},
        {"pha": PLANE, "r1o": PLANE},
        input="src", output="pha", state={"r1i": "r1o"},
    )  # fmt: skip
    segmenter = open_segmenter(onnx_file=path)
    assert segmenter.segment(image)[100, 150] == 1
    empty = np.zeros_like(image)
    assert segmenter.segment(empty)[100, 150] == 1
    segmenter.reset()
    assert segmenter.segment(empty)[100, 150] == 0


@pytest.mark.parametrize(
    ("feeding", "message"),
    [
        ({"inputt": "src"}, "inputt: unknown key; there are input, output"),
        ({"input": "picture"}, "has no input 'picture'; it has src"),
        ({"output": "alpha"}, "has no output 'alpha'; it has red"),
        ({"state": {"r1i": "red"}}, "has no input 'r1i'"),
        ({"size": "big"}, "size: "),
        ({"range": "0..255"}, "range: "),
    ],
)
def test_what_the_yaml_file_says_wrong_is_named(tmp_path: Path, feeding: dict[str, object], message: str) -> None:
    path = write(tmp_path / "red.onnx", [RED], {"src": PICTURE}, {"red": PLANE}, **feeding)
    with pytest.raises(WeightsError, match=message) as caught:
        open_segmenter(onnx_file=path)
    assert "\n" not in str(caught.value)


def test_an_input_that_nobody_feeds_is_named(tmp_path: Path) -> None:
    path = write(
        tmp_path / "two.onnx",
        [RED, node("Add", ["red", "bias"], ["pha"])],
        {"src": PICTURE, "bias": [1]},
        {"pha": PLANE},
    )
    with pytest.raises(WeightsError, match="wants 'bias' too: say under state or constants"):
        open_segmenter(onnx_file=path)


def test_a_file_that_is_no_network_and_a_gpu_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("hello")
    with pytest.raises(WeightsError, match="is no ONNX network"):
        open_segmenter(onnx_file=path)
    with pytest.raises(ConfigError, match="runs on the CPU only"):
        open_segmenter(onnx_file=path, device="cuda")


def test_channels_last_and_none_for_the_alpha(tmp_path: Path, image: Image) -> None:
    nodes = [
        node("ReduceMax", ["src"], ["top"], axes=[3], keepdims=0),
        node("ReduceMin", ["src"], ["low"], axes=[3], keepdims=0),
    ]
    path = write(
        tmp_path / "last.onnx", [*nodes, node("Sub", ["top", "low"], ["pha"])], {"src": ["n", "h", "w", 3]},
        {"pha": ["n", "h", "w"]}, layout="nhwc",
    )  # fmt: skip
    inside, outside = found(path, image)
    assert inside == pytest.approx(1, abs=0.02)
    assert outside == pytest.approx(0, abs=0.02)


def test_axes_that_were_mistaken_give_no_matte(tmp_path: Path, image: Image) -> None:
    last = node("Transpose", ["red"], ["pha"], perm=[0, 2, 3, 1])
    path = write(tmp_path / "last.onnx", [RED, last], {"src": PICTURE}, {"pha": ["n", "h", "w", 1]})
    with pytest.raises(SegmentationError, match="layout"):
        open_segmenter(onnx_file=path).segment(image)
