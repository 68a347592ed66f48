"""Plate generators around another: one that is opened late, one that remembers on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import numpy as np

from streamer.backgrounds.plate_cache import PlateCache, plate_family, plate_key
from streamer.backgrounds.room_mark import mark_of
from streamer.frames import Keyframe, Plate
from streamer.interfaces import PlateGenerator


class LazyGenerator:
    """A ``PlateGenerator`` that is opened with the first plate, on the thread that wants it: loading takes seconds.

    Args:
        open_generator: opens it.
    """

    def __init__(self, open_generator: Callable[[], PlateGenerator]) -> None:
        self._open_generator = open_generator
        self._generator: PlateGenerator | None = None

    def generate(self, keyframe: Keyframe, prompt: str, seed: int, *, should_stop: Callable[[], bool]) -> Plate:
        """See ``PlateGenerator``; raises what opening raises, too."""
        if self._generator is None:
            self._generator = self._open_generator()
        return self._generator.generate(keyframe, prompt, seed, should_stop=should_stop)

    def close(self) -> None:
        """Close what was opened."""
        if self._generator is not None:
            self._generator.close()


class CachedGenerator:
    """A ``PlateGenerator`` that looks on the disk first, and puts there what another one made.

    Args:
        generator: makes what is not there; closed with this.
        cache: where plates are kept.
        settings: all that decides what a plate looks like, beside keyframe, prompt and seed; as JSON knows it.
        exactly: True = a plate is taken for the very same keyframe only, so that a file comes out the same with and
            without a cache; False = for any keyframe of the same room in like light, see ``RoomMark``.
    """

    def __init__(
        self, generator: PlateGenerator, cache: PlateCache, settings: Mapping[str, object], *, exactly: bool
    ) -> None:
        self._generator = generator
        self._cache = cache
        self._settings = settings
        self._exactly = exactly

    def generate(self, keyframe: Keyframe, prompt: str, seed: int, *, should_stop: Callable[[], bool]) -> Plate:
        """See ``PlateGenerator``."""
        size = keyframe.frame.size
        decides = {**self._settings, "prompt": prompt, "seed": seed, "frame": f"{size.width}x{size.height}"}
        facts: dict[str, object] = {}
        if self._exactly:
            pixels = hashlib.sha256(np.ascontiguousarray(keyframe.frame.image).tobytes())
            pixels.update(np.ascontiguousarray(keyframe.alpha).tobytes())
            decides["keyframe"] = pixels.hexdigest()
            key = plate_key(decides, keyframe.frame.image, keyframe.alpha)
            found = self._cache.get(key)
        else:
            mark, family = mark_of(keyframe.frame.image, keyframe.alpha), plate_family(decides)
            key, facts["room"] = family + mark.digest(), mark.as_facts()
            found = self._cache.find(family, lambda about: mark.is_like(about.get("room")))
        if found is not None:
            return Plate(found, prompt, seed, keyframe.frame.index, 0.0, "cached")
        plate = self._generator.generate(keyframe, prompt, seed, should_stop=should_stop)
        facts |= {"prompt": prompt, "seed": seed, "how": plate.how, "made_in_s": round(plate.made_in_s, 3)}
        if plate.is_full_size:
            self._cache.put(key, plate.image, facts)
        return plate

    def close(self) -> None:
        """Close the generator; the plates stay."""
        self._generator.close()
