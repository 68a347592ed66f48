"""What ``streamer bench gpu`` runs on the device: our frame path on frames that lie ready, and the least it must do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING

from streamer import backgrounds
from streamer.bench.clips import demo_frames
from streamer.bench.roofline import counted_flops, wait_for
from streamer.controls import Controls
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

    This is the one place to change when the program's frame path stays on the device: the frames then lie there, too.

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
    renderer = Renderer(segmenter, [behind], Controls(), stats, failures_allowed=0)
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
