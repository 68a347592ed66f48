"""Labels for pictures that nobody labelled, from two mattes that agree; masks and empty rooms that they contradict.

Where the two mattes differ, or where either is unsure, nothing is claimed: those pixels go into ``ignore/`` and
training leaves them out. Edges are therefore learnt from hand-made masks alone. Look at a sample before
training on the result::

    python models/peers/mediapipe_matte.py IMAGES MATTES          # with the peer's interpreter
    python -m models.pseudo_label IMAGES MATTES OUT               # -> OUT/image, OUT/mask, OUT/ignore
    python -m models.pseudo_label --only NAMES.txt --aspect 1.333 IMAGES MATTES OUT  # those that somebody looked at
    python -m models.pseudo_label --masks MASKS IMAGES MATTES OUT # the hand-made masks, but where both contradict
    python -m models.pseudo_label --occupied ROOMS MATTES         # prints the rooms in which somebody stands
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np

from models.datasets import DatasetError, Picture, pictures_in, read_grey, read_rgb
from models.training_config import read_names

MOST_DISPUTED = 0.08
"""A picture is left out if more than this share of it (and a third of the person) is disputed."""
LEAST_PERSON = 0.04
"""Nor is it used if less than this share is person: both mattes miss a small figure and would agree on nobody."""
MOST_CONTRADICTED = 0.3
"""A hand-made mask is left out if both mattes contradict it on more than this share of the person."""


def agree(first: Picture, second: Picture) -> tuple[Picture, Picture]:
    """Two mattes of one picture, uint8 ``(h, w)``, to a mask and where it is not to be trusted (255)."""
    mean = (first.astype(np.float32) + second) / 2
    disputed = (np.abs(first.astype(np.float32) - second) > 60) | ((mean > 30) & (mean < 225))
    ignore = cv2.dilate(disputed.astype(np.uint8) * 255, np.ones((5, 5), np.uint8)).astype(np.uint8)
    return np.where(mean > 127, 255, 0).astype(np.uint8), ignore


def contradicted(mask: Picture, first: Picture, second: Picture) -> Picture:
    """Where both mattes contradict a hand-made mask, 255; all are uint8 ``(h, w)``.

    These are bystanders that were labelled background, and bags and things held that only the mask takes for person.
    An edge is left to the mask: what is closer to it than 2 % of the picture's longer side is not doubted.
    """
    both_person = (first > 127) & (second > 127) & (mask < 30)
    both_room = (first < 127) & (second < 127) & (mask > 225)
    reach = max(3, round(0.02 * max(mask.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    far_out = cv2.dilate(mask, kernel) < 30
    far_in = cv2.erode(mask, kernel) > 225
    doubt = ((both_person & far_out) | (both_room & far_in)).astype(np.uint8) * 255
    return cv2.dilate(doubt, kernel).astype(np.uint8)


def check_masks(images: Path, masks: Path, mattes: Path, out: Path) -> tuple[int, int]:
    """Copy every labelled picture with what is to be ignored; returns how many were kept and how many left out."""
    _make_folders(out)
    kept = left_out = 0
    for path in pictures_in(images):
        name = f"{path.stem}.png"
        mask = read_grey(masks / name)
        shape = (mask.shape[1], mask.shape[0])
        first, second = (
            cv2.resize(read_grey(mattes / model / name), shape).astype(np.uint8) for model in ("general", "landscape")
        )
        ignore = contradicted(mask, first, second)
        if (ignore > 0)[mask > 127].sum() > MOST_CONTRADICTED * max(1, (mask > 127).sum()):
            left_out += 1
            continue
        shutil.copyfile(path, out / "image" / path.name)
        shutil.copyfile(masks / name, out / "mask" / name)
        cv2.imwrite(str(out / "ignore" / name), ignore)
        kept += 1
    return kept, left_out


def label_chosen(images: Path, mattes: Path, out: Path, names: list[str], aspect: float) -> int:
    """Label the pictures that somebody looked at and chose, stretched to that aspect ratio; returns how many."""
    _make_folders(out)
    for picture in names:
        image = read_rgb(images / picture)
        size = (round(image.shape[0] * aspect), image.shape[0])
        name = f"{Path(picture).stem}.png"
        mask, ignore = agree(read_grey(mattes / "general" / name), read_grey(mattes / "landscape" / name))
        planes = {"image": image[..., ::-1], "mask": mask, "ignore": ignore}
        for kind, plane in planes.items():
            how = cv2.INTER_NEAREST if kind == "ignore" else cv2.INTER_LINEAR
            cv2.imwrite(str(out / kind / name), cv2.resize(plane, size, interpolation=how))
    return len(names)


def _make_folders(out: Path) -> None:
    for name in ("image", "mask", "ignore"):
        (out / name).mkdir(parents=True, exist_ok=True)


def label_folder(images: Path, mattes: Path, out: Path) -> tuple[int, int]:
    """Label every picture on which the mattes agree; returns how many were kept and how many left out."""
    _make_folders(out)
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


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("images", type=Path)
    parser.add_argument("mattes", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--occupied", action="store_true")
    parser.add_argument("--masks", type=Path, help="hand-made masks of the pictures, to be checked")
    parser.add_argument("--only", type=Path, help="a list of names: these were looked at, and are all used")
    parser.add_argument("--aspect", type=float, default=1.0, help="width by height of the --only pictures")
    args = parser.parse_args()
    if args.out is None and not args.occupied:
        parser.error("OUT is missing: where do image/, mask/ and ignore/ go?")
    if not 0.1 <= args.aspect <= 10:
        parser.error(f"--aspect must be from 0.1 to 10, not {args.aspect:g}")
    try:
        print(_done(args))
    except DatasetError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _done(args: argparse.Namespace) -> str:
    """Do what was asked; the result is what there is to say of it."""
    if args.occupied:
        return "\n".join(occupied(args.images, args.mattes))
    if args.masks:
        kept, left_out = check_masks(args.images, args.masks, args.mattes, args.out)
        return f"{kept} pictures kept, {left_out} left out (both mattes contradict the mask)"
    if args.only:
        count = label_chosen(args.images, args.mattes, args.out, read_names(args.only), args.aspect)
        return f"{count} pictures labelled"
    kept, left_out = label_folder(args.images, args.mattes, args.out)
    return f"{kept} pictures labelled, {left_out} left out (the mattes disagree)"


if __name__ == "__main__":
    sys.exit(main())
