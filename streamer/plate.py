"""``streamer plate``: paint the background for one picture, to try prompts."""

from __future__ import annotations

import itertools
from contextlib import closing
from pathlib import Path

from streamer import build, networks, painter, sources
from streamer.config import StreamConfig
from streamer.errors import ConfigError, SourceError
from streamer.frames import Keyframe
from streamer.picture_names import SUFFIXES, is_picture
from streamer.segmentation.within import within
from streamer.sinks.pictures import PictureSink
from streamer.sources.framed import framed

DEFAULT_OUTPUT = "plate.png"


def paint_one(config: StreamConfig) -> str:
    """Paint the first prompt for the first frame of the input, and write the plate.

    Args:
        config: ``input``, ``prompt``, ``output`` (one picture; plate.png if not given) and all that says how to paint.

    Returns:
        What was done, in one line.

    Raises:
        ConfigError: there is no prompt, or the output is no picture.
        StreamerError: as of a run with these settings.
    """
    if not config.is_painted:
        raise ConfigError("streamer plate needs --prompt: what is to be painted, such as 'a sunlit library'")
    output = config.output or (DEFAULT_OUTPUT,)
    if len(output) > 1 or not is_picture(Path(output[0])):
        raise ConfigError(f"streamer plate writes one picture ({' '.join(SUFFIXES)}), not {' '.join(output)}")
    config = config.model_copy(update={"output": output, "steadiness": 0.0, "clean_plate": "off"})
    build.check(config)
    painter.check_painter(config)
    source = framed(sources.open_source(config.input, start_s=config.start), build.picture_rules(config))
    with closing(source):
        frame = next(itertools.islice(source, 1), None)
        if frame is None:
            raise SourceError(f"{source.info.name} holds no frame to paint a background for")
    with closing(within(networks.open_matte(config, is_still=True), source.info.picture)) as segmenter:
        keyframe = Keyframe(frame.with_image(frame.image), segmenter.segment(frame.image))
    with closing(painter.open_generator(config)) as generator:
        prompt = painter.prompts_by_time(config, source.info)(frame.pts_s)
        plate = generator.generate(keyframe, prompt, config.seed, should_stop=lambda: False)
    sink = PictureSink(Path(output[0]))
    try:
        sink.write(frame.with_image(plate.image))
        sink.close()
    finally:
        sink.abort()
    height, width = plate.image.shape[:2]
    return f"{output[0]}: {width}x{height}, seed {plate.seed}, {plate.how} in {plate.made_in_s:.1f} s"
