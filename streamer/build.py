"""From settings to a stream that is ready to run: the only place that picks implementations.

What is cheap to check is checked first, what is slow to load is loaded late, and what writes is opened last, so that a
mistake is answered at once and leaves nothing behind.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models import compiled
from streamer import backgrounds, networks, painter, sinks, sources, web
from streamer.ahead import FramesAhead
from streamer.auto_center import AutoCenter
from streamer.blending import Blending
from streamer.chosen_outputs import check_outputs, check_statistics, default_outputs, encoding, has_alpha, is_watched
from streamer.config import StreamConfig
from streamer.controls import Controls
from streamer.errors import MissingExtra, SinkError
from streamer.figures import RunningFigures
from streamer.frames import Frame, Size
from streamer.host_path import HostPath, SettlingSegmenter
from streamer.hotkeys import Bindings, Hotkeys
from streamer.interfaces import Background, FrameSource, Sink, SourceInfo
from streamer.live_outputs import VIRTUAL, preview_alone
from streamer.pipeline import Pipeline
from streamer.readers import ReaderWatch
from streamer.rendering import Renderer
from streamer.scaling import keep_to_one_thread
from streamer.segmentation import adapted
from streamer.segmentation.within import within
from streamer.sinks.beside import Beside
from streamer.sinks.stills import Stills
from streamer.sources.framed import PictureRules, framed
from streamer.stats import Stats

if TYPE_CHECKING:
    from streamer.backgrounds.generated import GeneratedBackground
    from streamer.device_path.path import DevicePath
    from streamer.segmentation.predictor import NetworkSegmenter

logger = logging.getLogger(__name__)

PAINTED = "painted"
"""What the background that is painted is called."""
FAILURES_ALLOWED = 30
"""Frames of a file in a row that may go without a matte: more is no mishap, and nobody wants that file."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Everything that was opened for one run."""

    info: SourceInfo
    outputs: tuple[str, ...]
    pipeline: Pipeline
    sinks: Sequence[Sink]
    segmenter: NetworkSegmenter
    figures: RunningFigures
    remote_notice: str = ""
    """Where the remote control listens; empty = there is none."""

    @property
    def notes(self) -> list[str]:
        """What the sinks have to tell about what they wrote."""
        return [note for sink in self.sinks for note in getattr(sink, "notes", ())]

    @property
    def partials(self) -> list[Path]:
        """Files that lie beside older ones, which they do not replace, for the run ended early."""
        paths = [getattr(sink, "partial", None) for sink in self.sinks]
        return [path for path in paths if path is not None]


@contextmanager
def opened(config: StreamConfig, *, on_written: Callable[[Frame], None]) -> Iterator[Stream]:
    """Open all that the settings name, and close it at the end of the ``with``.

    Args:
        config: the settings.
        on_written: told each frame once every sink has it.

    Raises:
        StreamerError: something cannot be opened; what was opened before it is closed, and no output is left.
    """
    check(config)
    keep_to_one_thread()
    with ExitStack() as stack:
        api = stack.enter_context(closing(web.open_api(config))) if config.api is not None else None
        device = _open_source(config)
        stack.callback(device.close)
        source = framed(device, picture_rules(config))
        outputs = config.output or default_outputs(config, source.info)
        check_outputs(outputs, config)
        # Not before: who has mistaken a name need not wait for it.
        loading = threading.Thread(target=compiled.load, name="loops")  # meanwhile the network is opened
        loading.start()
        stack.callback(loading.join)
        is_painted = config.is_painted and config.write == "composite"
        is_live = source.info.is_live
        specs = _background_specs(config, is_live=is_live)
        names = (PAINTED, *specs) if is_painted else specs
        # Whoever names nothing but prompts has not asked for the blurred room, which is the default.
        in_turn = () if is_painted and config.background == ("blur",) else config.background
        hidden = len(specs) - len(in_turn)
        stats, controls = Stats(), Controls(names, config.prompt if is_painted else (), hidden=hidden)
        behind = [stack.enter_context(closing(_open_background(spec, source))) for spec in specs]
        segmenter = stack.enter_context(closing(networks.open_matte(config, stats, is_still=source.info.is_still)))
        painted: GeneratedBackground | None = None
        if is_painted:
            painted = stack.enter_context(closing(painter.open_generated(config, source.info, controls, stats)))
            behind.insert(0, painted)
        is_adaptive = is_live and config.adaptive_quality
        finder = (
            stack.enter_context(closing(adapted(segmenter, networks.matte_detail(config))))
            if is_adaptive
            else segmenter
        )
        frame_path: DevicePath | HostPath | None = networks.open_frame_path(config, segmenter, source.info)
        if frame_path is None and source.info.picture is None and isinstance(finder, SettlingSegmenter):
            frame_path = HostPath(finder)
        renderer = Renderer(
            within(finder, source.info.picture),
            behind,
            controls,
            stats,
            write=config.write,
            failures_allowed=None if is_live else FAILURES_ALLOWED,
            auto_center=AutoCenter() if config.auto_center else None,
            blending=_blending(config),
            picture=source.info.picture,
            hold=frame_path.hold if frame_path else None,
        )
        waits = config.look_ahead > 0 and isinstance(frame_path, HostPath) and not is_live
        ahead = FramesAhead(config.look_ahead) if waits else None
        hotkeys: Hotkeys | None = None
        if is_live:
            hotkeys = stack.enter_context(closing(_open_hotkeys(config, outputs, controls)))
        stills = stack.enter_context(closing(Stills(config.still_folder, lambda: controls.state.stills)))
        figures = RunningFigures(
            lambda: pipeline.snapshot(),  # made below; nobody looks before it runs
            device=lambda: segmenter.description,
            plate_age_s=lambda: painted.plate_age_s if painted else None,
        )
        opened_sinks: list[Sink] = []
        for spec in outputs:
            try:
                sink = _open_sink(spec, source.info, config, controls, figures, painted, hotkeys)
            except (SinkError, MissingExtra) as error:  # MissingExtra: a package that is there and cannot be loaded
                if config.output or config.virtual_device or spec != VIRTUAL or len(outputs) == 1:
                    raise
                outputs = preview_alone(str(error))  # it was nobody's wish, and there is another one
                continue
            if is_live and sinks.is_file(spec) and any(is_watched(other) for other in outputs):
                sink = Beside(sink, spec)
            stack.callback(sink.abort)  # of a sink that was closed: nothing happens
            opened_sinks.append(sink)
        is_resting = _rest_when_unwanted(device, outputs, opened_sinks, config, controls, stack)
        pipeline = Pipeline(
            source,
            renderer.compose,
            opened_sinks,
            stats,
            matte=renderer.matte,
            ahead=ahead,
            is_live=source.info.is_live,
            on_stall=renderer.safe_image,
            last_look=renderer.last_look,
            state=lambda: controls.state,
            on_written=on_written,
            on_shown=stills.look,
            should_stop=controls.stop_requested,
            on_stop=controls.request_stop,  # what waits for these controls alone hears of Ctrl-C, too
            is_resting=is_resting,
        )
        if api is not None:
            added = stack.enter_context(ExitStack())
            can_add = config.write == "composite" and "transparent" not in config.background

            def add_background(spec: str, name: str) -> int:
                background = added.enter_context(closing(_open_background(spec, source)))
                renderer.add_background(background)
                return controls.add_background(name)

            adding = add_background if can_add else None
            remote = web.Remote(controls, figures, add_background=adding, folder=config.api_backgrounds)
            stack.enter_context(api.serving(remote))
        notice = api.notice if api is not None else ""
        yield Stream(source.info, outputs, pipeline, opened_sinks, segmenter, figures, notice)


def check(config: StreamConfig) -> None:
    """Refuse what can be seen to be wrong without opening anything.

    Raises:
        ConfigError: a profile, background, hotkey, output, the encoder, a cue file or the remote control cannot be.
        WeightsError: there is no such file of weights, or the models that paint are missing.
        MissingExtra: the libraries that paint, those of the remote control, or MediaPipe, are missing.
        SinkError: an output or the statistics cannot be written where they should go.
    """
    for spec in config.background:
        backgrounds.check_spec(spec)
    Bindings(config.hotkeys)
    networks.check_matte(config)
    check_outputs(config.output, config)
    web.check(config)
    if config.write == "composite":
        painter.check_painter(config)
    if config.stats is not None:
        check_statistics(config.stats, config)


def picture_rules(config: StreamConfig) -> PictureRules:
    """What the settings say about the picture that is seen."""
    left, top, right, bottom = (float(side) for side in config.crop.split(","))
    width, height = (int(side) for side in config.output_size.split("x")) if config.output_size else (0, 0)
    return PictureRules(
        mirror=config.mirror,
        crop=(left, top, right, bottom),
        zoom=config.zoom,
        size=Size(width, height) if config.output_size else None,
        fit=config.picture_fit,
    )


def _open_source(config: StreamConfig) -> FrameSource:
    width, height = (int(side) for side in config.camera_size.split("x")) if config.camera_size else (None, None)
    camera = sources.CameraRequest(width, height, config.camera_fps, config.camera_fourcc)
    paced = any(is_watched(output) for output in config.output)
    return sources.open_source(config.input, start_s=config.start, end_s=config.end, camera=camera, paced=paced)


def _blending(config: StreamConfig) -> Blending | None:
    is_wanted = config.color_match > 0 or config.light_wrap > 0
    return Blending(config.color_match, config.light_wrap) if is_wanted else None


def _background_specs(config: StreamConfig, *, is_live: bool) -> tuple[str, ...]:
    """Those of the settings; live there is always a blurred one too, for the key that blurs."""
    can_blur = is_live and config.write == "composite" and "transparent" not in config.background
    has_blur = any(spec.partition(":")[0] == "blur" for spec in config.background)
    return (*config.background, "blur") if can_blur and not has_blur else config.background


def _open_background(spec: str, source: FrameSource) -> Background:
    return backgrounds.open_background(spec, size=source.info.size, is_live=source.info.is_live)


def _open_sink(
    spec: str,
    info: SourceInfo,
    config: StreamConfig,
    controls: Controls,
    figures: RunningFigures,
    painted: GeneratedBackground | None,
    hotkeys: Hotkeys | None,
) -> Sink:
    return sinks.open_sink(
        spec,
        info,
        encoding=encoding(config),
        has_alpha=has_alpha(config),
        virtual_device=config.virtual_device,
        on_key=hotkeys.in_window if hotkeys else None,
        hud=lambda: [*figures.now().lines(), *([painted.status] if painted else [])],
        shows_hud=lambda: controls.state.hud,
    )


def _rest_when_unwanted(
    source: FrameSource,
    outputs: Sequence[str],
    opened_sinks: Sequence[Sink],
    config: StreamConfig,
    controls: Controls,
    stack: ExitStack,
) -> Callable[[], bool]:
    """Close a camera while it is switched off or nobody looks; the result tells whether it rests.

    A recording goes on with safe pictures meanwhile, so there, and for a file, nothing rests.
    """
    from streamer.sources.kept_camera import KeptCamera

    if not isinstance(source, KeptCamera) or not all(is_watched(output) for output in outputs):
        return lambda: False
    watch = None if config.always_on else _watch_readers(opened_sinks)
    if watch is not None:
        stack.callback(watch.close)
    source.keep_open_while(lambda: not controls.state.paused and (watch is None or watch.is_wanted()))
    return lambda: source.is_asleep


def _watch_readers(opened_sinks: Sequence[Sink]) -> ReaderWatch | None:
    """Who reads the virtual camera, if it is the only output and this system can tell."""
    from streamer.sinks.virtual_camera import VirtualCameraSink

    if len(opened_sinks) != 1 or not isinstance(opened_sinks[0], VirtualCameraSink):
        return None
    try:
        return ReaderWatch(opened_sinks[0].device)
    except OSError as error:
        logger.info("whether a program reads the virtual camera cannot be told (%s): the camera stays on", error)
        return None


def _open_hotkeys(config: StreamConfig, outputs: Sequence[str], controls: Controls) -> Hotkeys:
    is_shown = any(not sinks.is_file(output) for output in outputs)
    return Hotkeys(
        Bindings(config.hotkeys),
        controls.act,
        hides=controls.hides,
        has_window="preview" in outputs,
        is_global=config.global_hotkeys == "auto" and is_shown,
    )
