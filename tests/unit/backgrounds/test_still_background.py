from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.backgrounds import open_background
from streamer.backgrounds.still import NEUTRAL, read_picture
from streamer.errors import ConfigError, SourceError
from streamer.frames import Frame, Image, Size
from streamer.sources import open_source

SIZE = Size(160, 90)
EXIF_TURN_RIGHT = bytes.fromhex(
    "ffe1002245786966000049492a00080000000100120103000100000006000000 00000000".replace(" ", "")
)
"""An EXIF segment whose only tag is orientation 6: the picture is to be turned clockwise."""


def write(path: Path, picture: Image) -> Path:
    ok, coded = cv2.imencode(path.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert ok
    coded.tofile(path)
    return path


def shown(path: Path, size: Size = SIZE) -> Image:
    frame = Frame(np.zeros((size.height, size.width, 3), np.uint8), 0, 0.0, 0.0)
    image = open_background(str(path), size=SIZE, is_live=False).image_for(
        frame, np.zeros((size.height, size.width), np.float32)
    )
    assert image is not None
    return image


def halves() -> Image:
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[:, :80] = (250, 0, 0)
    picture[:, 80:] = (0, 0, 250)
    return picture


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".jpg", ".webp", ".tiff"])
def test_a_picture_is_shown_with_red_as_red(tmp_path: Path, suffix: str) -> None:
    image = shown(write(tmp_path / f"halves{suffix}", halves())).astype(int)
    assert np.abs(image[45, 20] - (250, 0, 0)).max() < 12
    assert np.abs(image[45, 140] - (0, 0, 250)).max() < 12


def test_a_name_outside_ascii_is_read(tmp_path: Path) -> None:
    assert np.array_equal(shown(write(tmp_path / "Büro 北.png", halves())), halves())


def test_exif_turns_the_picture_upright(tmp_path: Path) -> None:
    path = write(tmp_path / "phone.jpg", halves())
    jpeg = path.read_bytes()
    path.write_bytes(jpeg[:2] + EXIF_TURN_RIGHT + jpeg[2:])
    picture = read_picture(path).astype(int)
    assert picture.shape == (160, 90, 3)
    assert np.abs(picture[20, 45] - (250, 0, 0)).max() < 12, "what was left is now above"


def test_a_wide_picture_fills_the_frame_by_losing_its_sides(tmp_path: Path) -> None:
    picture = np.zeros((100, 400, 3), np.uint8)
    picture[:, 100:300] = 200
    assert shown(write(tmp_path / "wide.png", picture), Size(200, 100)).min() == 200


def test_a_frame_of_another_size_is_answered_at_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "halves.png", halves())
    assert shown(path, Size(77, 133)).shape == (133, 77, 3)


def test_grey_and_sixteen_bit_pictures_become_rgb(tmp_path: Path) -> None:
    grey = np.full((90, 160), 200 * 257, np.uint16)
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    image = shown(tmp_path / "grey.png")
    assert image.dtype == np.uint8
    assert np.all(image == 200)


def test_a_colour_is_that_colour_everywhere() -> None:
    background = open_background("color:#204060", size=SIZE, is_live=False)
    image = background.safe_image(Size(31, 17))
    assert image.shape == (17, 31, 3)
    assert np.all(image == (0x20, 0x40, 0x60))


def test_the_picture_given_out_cannot_be_painted_on(tmp_path: Path) -> None:
    background = open_background(str(write(tmp_path / "halves.png", halves())), size=SIZE, is_live=False)
    with pytest.raises(ValueError, match="read-only"):
        background.safe_image(Size(80, 45))[0, 0] = 0


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_what_is_transparent_shows_no_hidden_colours(tmp_path: Path, suffix: str) -> None:
    logo = np.zeros((90, 160, 4), np.uint8)
    logo[..., :3] = (255, 0, 255)
    logo[:, :40, 3] = 255
    path = tmp_path / f"logo{suffix}"
    cv2.imencode(suffix, logo, [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else [])[1].tofile(path)
    image = shown(path)
    assert tuple(image[45, 20]) == (255, 0, 255)
    assert tuple(image[45, 120]) == NEUTRAL


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_a_photo_of_which_a_tile_would_be_shown_is_refused(tmp_path: Path, brand: bytes) -> None:
    photo = tmp_path / "IMG_1234.HEIC"
    photo.write_bytes(b"\0\0\0\x18ftyp" + brand + bytes(100))
    with pytest.raises(ConfigError, match="convert it to JPEG"):
        open_background(str(photo), size=SIZE, is_live=False)
    with pytest.raises(SourceError, match="convert it to JPEG"):
        open_source(str(photo))
