"""What ``streamer bench gpu`` runs: our frame path whole, that on the device alone, and the least that it must do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, contextmanager
from itertools import cycle
from typing import TYPE_CHECKING

from streamer import backgrounds
from streamer.bench.clips import demo_frames
from streamer.bench.roofline import counted_flops, wait_for
from streamer.controls import Controls
from streamer.device_path import open_device_path
from streamer.errors import StreamerError
from streamer.frames import Size
from streamer.rendering import Renderer
from streamer.segmentation import open_segmenter
from streamer.stats import Stats

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FRAMES_READY = 8
BYTES_RGB = 3


@contextmanager
def our_path(device: str, size: Size, weights: Path | None = None) -> Iterator[Callable[[], object]]:
    """Gives a function that takes the next frame through matte and composite, and comes back when it is done.

    On CUDA frames stay there as they do in the program: each goes up, is judged, and its composite comes down.

    Args:
        device: ``cpu`` or ``cuda``.
        size: of the frames.
        weights: of the network; None = those that come with the program.

    Raises:
        StreamerError: a matte was not believed: such frames cost less than real ones.
    """
    frames, stats = demo_frames(size, FRAMES_READY), Stats()
    behind = backgrounds.open_background("gradient", size=size, is_live=False)
    segmenter = open_segmenter(device=device, weights=weights, require_gpu=device == "cuda")
    hold = open_device_path(segmenter).hold if device == "cuda" else None
    renderer = Renderer(segmenter, [behind], Controls(), stats, failures_allowed=0, hold=hold)
    upcoming = cycle(frames)

    def one_frame() -> object:
        composed = renderer.render(next(upcoming))
        wait_for(device)
        return composed

    try:
        for _ in frames:
            one_frame()
        yield one_frame
        if stats.snapshot().counters.get("implausible_frames"):
            raise StreamerError("a matte of the demo was not believed, so its frames measure nothing")
    finally:
        renderer.close()


@contextmanager
def resident_path(device: str, size: Size, weights: Path | None = None) -> Iterator[Callable[[], object]]:
    """Gives a function that takes one frame from RGB to the composite, all on the device, and waits for it.

    Without copies to and from the CPU, and without what works there on the small alpha.
    """
    import torch

    from streamer.captured import Captured
    from streamer.device_path.path import composing, matting
    from streamer.device_path.pictures import Layout
    from streamer.segmentation.refine import CERTAIN_BEFORE
    from streamer.segmentation.runtimes import TorchRuntime

    frame = demo_frames(size, 1)[0]
    plate = backgrounds.open_background("gradient", size=size, is_live=False).safe_image(size)
    with closing(open_segmenter(device=device, weights=weights, runtime="torch")) as segmenter:
        runtime = segmenter.runtime
        assert isinstance(runtime, TorchRuntime)
        content, padded = segmenter.fit(frame.image)
        layout = Layout(size)
        matte = matting(runtime.network, runtime.dtype, layout, content, padded)
        compose = composing(layout)

        def whole(frame_bytes: torch.Tensor, behind: torch.Tensor) -> torch.Tensor:
            small = matte(frame_bytes)[: 4 * content.width * content.height].view(torch.float32)
            certain = ((small - CERTAIN_BEFORE) / (1 - 2 * CERTAIN_BEFORE)).clamp(0, 1)
            return compose(frame_bytes, certain.view(content.height, content.width), behind)

        step = Captured(whole, runtime.device)
        inputs = [torch.tensor(image, device=runtime.device) for image in (frame.image.reshape(-1), plate)]

        def one_frame() -> object:
            with torch.inference_mode(), runtime.on_stream():
                composed = step(*inputs)
            wait_for(device)
            return composed

        one_frame()
        yield one_frame


def our_least_work(device: str, size: Size) -> tuple[float, float]:
    """Bytes and floating-point operations that no frame path with this network can do without.

    Of bytes: the frame and the background read once, the composite written once, the weights read once.
    """
    import torch

    from models.checkpoints import load_config, load_network
    from models.framing import framing

    kind = torch.float16 if device.startswith("cuda") else torch.float32
    network = load_network("compact").to(device, kind).eval()
    width, height = framing(*size, config=load_config("compact")).padded
    with torch.inference_mode():
        picture = torch.zeros(1, 3, height, width, device=device, dtype=kind)
        flops = counted_flops(lambda: network.alpha(picture))
    weights = sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())
    return 3 * BYTES_RGB * size.width * size.height + weights, flops
