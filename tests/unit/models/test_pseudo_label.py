"""Labels from mattes that agree, and hand-made masks that both mattes contradict."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from models.pseudo_label import agree, check_masks, contradicted, occupied


def box(left: int, right: int) -> np.ndarray:
    matte = np.zeros((100, 100), np.uint8)
    matte[20:80, left:right] = 255
    return matte


def test_where_two_mattes_differ_nothing_is_claimed() -> None:
    mask, ignore = agree(box(20, 60), box(20, 70))
    assert mask[50, 40] == 255
    assert not ignore[50, 40]
    assert ignore[50, 65]
    assert not ignore[50, 90]


def test_a_bystander_is_doubted_and_the_edge_of_a_person_is_not() -> None:
    mask = box(10, 40)
    mattes = [cv2.max(box(10, 42), box(70, 90)), cv2.max(box(12, 40), box(68, 90))]
    doubt = contradicted(mask, mattes[0], mattes[1])
    assert doubt[50, 80]
    assert not doubt[:, :55].any()


def test_what_both_mattes_call_room_is_doubted_and_what_one_calls_so_is_not() -> None:
    mask = box(10, 90)
    assert contradicted(mask, box(10, 60), box(10, 60))[50, 80]
    assert not contradicted(mask, box(10, 60), box(10, 90)).any()


def test_masks_are_checked_and_wrong_ones_left_out(tmp_path: Path) -> None:
    rows = {  # hand-made mask, what both mattes say
        "1": (box(10, 40), box(10, 40)),
        "2": (box(10, 40), cv2.max(box(10, 40), box(70, 90))),
        "3": (box(10, 90), box(10, 20)),
    }
    for name, (mask, matte) in rows.items():
        for folder, picture in (("image", matte), ("mask", mask), ("m/general", matte), ("m/landscape", matte)):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / folder / f"{name}.png"), picture)
    out = tmp_path / "out"
    assert check_masks(tmp_path / "image", tmp_path / "mask", tmp_path / "m", out) == (2, 1)
    assert sorted(path.name for path in (out / "image").iterdir()) == ["1.png", "2.png"]
    ignored = [cv2.imread(str(out / "ignore" / name), cv2.IMREAD_GRAYSCALE) for name in ("1.png", "2.png")]
    assert not ignored[0].any()
    assert ignored[1][50, 80] == 255


def test_rooms_with_somebody_in_them_are_named(tmp_path: Path) -> None:
    for name, matte in (("1", box(10, 40)), ("2", np.zeros((100, 100), np.uint8))):
        for folder in ("image", "m/general", "m/landscape"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / folder / f"{name}.png"), matte)
    assert occupied(tmp_path / "image", tmp_path / "m") == ["1.png"]
