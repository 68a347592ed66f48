"""Labels for pictures that nobody labelled, from two mattes that agree; and rooms that turn out not to be empty.

Where the two mattes differ, or where either is unsure, nothing is claimed: those pixels go into ``ignore/`` and
training leaves them out. Edges are therefore learnt from hand-made masks alone. Look at a sample before
training on the result::

    python models/peers/mediapipe_matte.py IMAGES MATTES          # with the peer's interpreter
    python -m models.pseudo_label IMAGES MATTES OUT               # -> OUT/image, OUT/mask, OUT/ignore
    python -m models.pseudo_label --occupied ROOMS MATTES         # prints the rooms in which somebody stands
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import cv2
import numpy as np

from models.datasets import Picture, pictures_in, read_grey

MOST_DISPUTED = 0.08
"""A picture is left out if more than this share of it (and a third of the person) is disputed."""
LEAST_PERSON = 0.04
"""Nor is it used if less than this share is person: both mattes miss a small figure and would agree on nobody."""


def agree(first: Picture, second: Picture) -> tuple[Picture, Picture]:
    """Two mattes of one picture, uint8 ``(h, w)``, to a mask and where it is not to be trusted (255)."""
    mean = (first.astype(np.float32) + second) / 2
    disputed = (np.abs(first.astype(np.float32) - second) > 60) | ((mean > 30) & (mean < 225))
    ignore = cv2.dilate(disputed.astype(np.uint8) * 255, np.ones((5, 5), np.uint8)).astype(np.uint8)
    return np.where(mean > 127, 255, 0).astype(np.uint8), ignore


def label_folder(images: Path, mattes: Path, out: Path) -> tuple[int, int]:
    """Label every picture on which the mattes agree; returns how many were kept and how many left out."""
    for name in ("image", "mask", "ignore"):
        (out / name).mkdir(parents=True, exist_ok=True)
    kept = left_out = 0
    for path in pictures_in(images):
        name = f"{path.stem}.png"
        mask, ignore = agree(read_grey(mattes / "general" / name), read_grey(mattes / "landscape" / name))
        share = float((ignore > 0).mean())
        person = float((mask > 0).mean())
        if person < LEAST_PERSON or (share > MOST_DISPUTED and share > 0.33 * person):
            left_out += 1
            continue
        shutil.copyfile(path, out / "image" / path.name)
        cv2.imwrite(str(out / "mask" / name), mask)
        cv2.imwrite(str(out / "ignore" / name), ignore)
        kept += 1
    return kept, left_out


def occupied(images: Path, mattes: Path) -> list[str]:
    """Names of the pictures in which both mattes see a person (over 1 % of the picture)."""
    found = []
    for path in pictures_in(images):
        both = [read_grey(mattes / model / f"{path.stem}.png") > 127 for model in ("general", "landscape")]
        if float((both[0] & both[1]).mean()) > 0.01:
            found.append(path.name)
    return found


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("images", type=Path)
    parser.add_argument("mattes", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--occupied", action="store_true")
    args = parser.parse_args()
    if args.occupied:
        print("\n".join(occupied(args.images, args.mattes)))
        return
    if args.out is None:
        parser.error("OUT is missing: where do image/, mask/ and ignore/ go?")
    kept, left_out = label_folder(args.images, args.mattes, args.out)
    print(f"{kept} pictures labelled, {left_out} left out (the mattes disagree)")


if __name__ == "__main__":
    main()
