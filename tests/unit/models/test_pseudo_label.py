"""Labels from mattes that agree, and hand-made masks that both mattes contradict."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.datasets import load_pairs
from models.pseudo_label import agree, check_masks, contradicted, label_chosen, main, occupied


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


def chosen(folder: Path, *names: str) -> None:
    """Square pictures with a person on the left, of whom the two mattes see more and less; all that was chosen."""
    mattes = {"general": box(20, 60), "landscape": box(20, 70)}
    for name in names:
        for kind, matte in mattes.items():
            (folder / "m" / kind).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / "m" / kind / f"{Path(name).stem}.png"), matte)
        (folder / "rooms").mkdir(exist_ok=True)
        picture = np.dstack([np.zeros_like(matte), np.zeros_like(matte), box(20, 60)])
        cv2.imwrite(str(folder / "rooms" / name), picture)


def test_chosen_pictures_are_labelled_and_stretched_back(tmp_path: Path) -> None:
    chosen(tmp_path, "1.png", "2.png", "3.png")
    assert label_chosen(tmp_path / "rooms", tmp_path / "m", tmp_path / "out", ["3.png", "1.png"], 1.5) == 2
    pairs = load_pairs(tmp_path / "out", validation=False)
    assert [pair.name for pair in pairs] == ["1", "3"], "the second was not chosen"
    for pair in pairs:
        assert pair.image.shape == (100, 150, 3)
        assert tuple(pair.image[50, 60]) == (255, 0, 0), "colours as they were"
        assert (pair.mask[50, 60], pair.mask[50, 120]) == (255, 0)
        assert pair.known is not None
        assert (pair.known[50, 60], pair.known[50, 97], pair.known[50, 120]) == (255, 0, 255)


def test_a_list_of_names_has_one_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen(tmp_path, "living room 1.png")
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("living room 1.png\n\n")
    monkeypatch.setattr("sys.argv", ["pseudo_label", "--only", "names.txt", "rooms", "m", "out"])
    assert main() == 0
    assert capsys.readouterr().out == "1 pictures labelled\n"
    assert Path("out/mask/living room 1.png").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "m", "out"], "nowhere is not a folder"),
        (["--only", "none.txt", "rooms", "m", "out"], "none.txt cannot be read as a list of names"),
        (["--occupied", "rooms", "nowhere"], "cannot be read as a picture"),
    ],
)
def test_what_is_not_there_is_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    chosen(tmp_path, "1.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["pseudo_label", *words])
    assert main() == 2
    said = [line for line in capfd.readouterr().err.splitlines() if "WARN" not in line]
    assert len(said) == 1
    assert message in said[0]
