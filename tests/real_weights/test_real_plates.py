"""What only real weights can show: 20 prompts for two rooms on a contact sheet, to be looked at by people.

    BACKLOT_SD_MODELS=DIR python -m pytest tests/real_weights -s

``DIR`` is a ``--model-dir``; ``BACKLOT_PLATE_MODE`` is quality, fast or fastest (default: fast). The sheet and the
gate's verdicts go to ``plates_MODE.png`` and ``plates_MODE.json`` in the folder where pytest was started.
"""

import json
import os
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer import painter
from streamer.config import StreamConfig
from streamer.errors import GenerationError
from streamer.frames import Frame, Keyframe
from streamer.sources.demo import DemoScene

MODELS = os.environ.get("BACKLOT_SD_MODELS")
MODE = os.environ.get("BACKLOT_PLATE_MODE", "fast")
TILE = (320, 180)
PROMPTS = (
    "a sunlit library", "a beach at noon", "tokyo street at night", "a mountain lake in autumn",
    "a modern office with plants", "a cosy living room with a fireplace", "a greenhouse full of ferns",
    "the bridge of a spaceship", "a medieval great hall", "a rainy window in a cafe", "a snowy forest at dusk",
    "an art gallery with white walls", "a desert under stars", "a kitchen in the morning", "a recording studio",
    "a lecture hall", "a rooftop terrace above a city", "an underwater reef", "a japanese garden", "a plain grey wall",
)  # fmt: skip

pytestmark = pytest.mark.skipif(MODELS is None, reason="BACKLOT_SD_MODELS names no folder with real weights")


def rooms():
    """The demo's frame, and the same person far to the left before a plain wall."""
    scene = DemoScene()
    image, alpha = scene.image(20), scene.alpha(20)
    shift = np.float32([[1, 0, -0.2 * image.shape[1]], [0, 1, 0]])
    size = (image.shape[1], image.shape[0])
    moved, moved_alpha = cv2.warpAffine(image, shift, size), cv2.warpAffine(alpha, shift, size)
    wall = np.full_like(image, (150, 140, 120))
    share = moved_alpha[..., None]
    plain = (moved * share + wall * (1 - share)).astype(np.uint8)
    return [Keyframe(Frame(image, 0, 0.0, 0.0), alpha), Keyframe(Frame(plain, 1, 0.0, 0.0), moved_alpha)]


def test_twenty_prompts_in_two_rooms_give_plates_without_people():
    config = StreamConfig(prompt=PROMPTS, plate_mode=MODE, model_dir=Path(MODELS), plate_cache=0)
    painter.check_painter(config)
    generator = painter.open_generator(config)
    rows, verdicts, times_s = [], Counter(), []
    try:
        for keyframe in rooms():
            tiles = []
            for prompt in PROMPTS:
                try:
                    plate = generator.generate(keyframe, prompt, 0, should_stop=lambda: False)
                except GenerationError as error:
                    verdicts[str(error)[:40]] += 1
                    tiles.append(np.zeros((TILE[1], TILE[0], 3), np.uint8))
                    continue
                verdicts[plate.how] += 1
                times_s.append(plate.made_in_s)
                tile = cv2.resize(plate.image, TILE, interpolation=cv2.INTER_AREA)
                cv2.putText(tile, prompt, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
                tiles.append(tile)
            rows += [np.hstack(tiles[start : start + 5]) for start in range(0, len(tiles), 5)]
    finally:
        generator.close()
    cv2.imwrite(f"plates_{MODE}.png", np.vstack(rows)[..., ::-1])
    facts = {"mode": MODE, "verdicts": dict(verdicts), "median_s": float(np.median(times_s)), "times_s": times_s}
    Path(f"plates_{MODE}.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    assert verdicts["painted"] + verdicts["painted again"] >= 30, facts
