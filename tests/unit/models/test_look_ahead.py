from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.look_ahead import LookAhead
from models.metrics import dtssd, iou

HEIGHT, WIDTH, AHEAD = 180, 320, 6


def textured(height: int, width: int, seed: int, low: int, high: int) -> np.ndarray:
    grain = np.random.default_rng(seed).integers(low, high, (height // 10 + 2, width // 10 + 2, 3), np.uint8)
    return cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)


WALL = textured(HEIGHT, WIDTH, 1, 0, 110)
BODY = textured(120, 80, 2, 140, 255)


def scene(left: float, wall: np.ndarray = WALL) -> tuple[np.ndarray, np.ndarray]:
    """A bright body before a dark wall, its left edge there, and the true matte."""
    canvas = np.dstack((BODY.astype(np.float32), np.full(BODY.shape[:2], 255, np.float32)))
    place = np.array([[1, 0, left], [0, 1, 40]], np.float32)
    moved = cv2.warpAffine(canvas, place, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    alpha = moved[..., 3] / 255
    picture = moved[..., :3] + wall * (1 - alpha[..., None])
    return picture.round().astype(np.uint8), alpha


def mended(frames: list[tuple[np.ndarray, np.ndarray]], ahead: int = AHEAD) -> list[np.ndarray]:
    look_ahead, mattes = LookAhead(ahead), []
    for index, (picture, alpha) in enumerate(frames):
        ready = look_ahead.put(picture, alpha)
        assert len(ready) == (index >= ahead)
        mattes += ready
    return mattes + list(look_ahead.rest())


def walk(count: int, speed: float, start: float = 10) -> list[tuple[np.ndarray, np.ndarray]]:
    return [scene(start + speed * index) for index in range(count)]


@pytest.mark.parametrize("count", [1, 3, AHEAD, AHEAD + 1, 20])
def test_each_frame_comes_once_and_right_mattes_stay_as_they_are(count):
    frames = walk(count, 3)
    mattes = mended(frames)
    assert len(mattes) == count
    for matte, (_, truth) in zip(mattes, frames, strict=True):
        assert matte.dtype == np.float32
        assert np.abs(matte - truth).max() < 0.25  # where an edge lies between pixels
        assert np.abs(matte - truth).mean() < 0.003


@pytest.mark.parametrize("speed", [0.0, 3.0])
@pytest.mark.parametrize("at", [0, 7, 19])
def test_who_is_missed_in_one_frame_is_there(speed, at):
    frames = walk(20, speed)
    truth = frames[at][1]
    frames[at] = frames[at][0], np.zeros_like(truth)
    assert iou(mended(frames)[at], truth) > 0.9


def test_who_comes_in_is_there_from_the_first_frame_on():
    frames = [scene(-70 + 8 * index) for index in range(20)]
    late = [(picture, alpha * (index >= 4)) for index, (picture, alpha) in enumerate(frames)]
    mattes = mended(late)
    for index, least in ((1, 0.7), (2, 0.8), (3, 0.85)):
        assert iou(mattes[index], frames[index][1]) > least


def test_who_leaves_is_there_to_the_last_frame_and_not_in_the_next():
    frames = [scene(200 + 8 * index) for index in range(20)]
    early = [(picture, alpha * (index < 11)) for index, (picture, alpha) in enumerate(frames)]
    mattes = mended(early)
    assert iou(mattes[11], frames[11][1]) > 0.85
    assert frames[16][1].max() == 0
    assert max(matte.max() for matte in mattes[16:]) < 0.05


def test_a_hole_for_one_frame_is_filled():
    frames = walk(16, 2)
    picture, truth = frames[8]
    holed = truth.copy()
    holed[80:120, 50:90] = 0
    frames[8] = picture, holed
    assert mended(frames)[8][84:116, 54:86].min() > 0.9


def test_what_is_seen_for_one_frame_only_is_nobody():
    frames = walk(16, 2)
    picture, truth = frames[8]
    more = truth.copy()
    more[8:32, 240:280] = 0.9
    frames[8] = picture, more
    assert mended(frames)[8][:36, 220:].max() < 0.1


def test_what_is_seen_in_most_frames_of_something_that_stands_there_stays():
    frames = walk(24, 0)
    seen = [(picture, alpha if index % 3 else np.zeros_like(alpha)) for index, (picture, alpha) in enumerate(frames)]
    for matte in mended(seen)[2:-2]:
        assert iou(matte, frames[0][1]) > 0.9


@pytest.mark.parametrize("missed", [6, 9, 10, 12])
def test_nobody_is_carried_over_a_cut(missed):
    """The frame that is missed has the others vote."""
    other, nobody = textured(HEIGHT, WIDTH, 9, 60, 200), np.zeros((HEIGHT, WIDTH), np.float32)
    frames = walk(10, 2) + [(other, nobody)] * 10
    frames[missed] = frames[missed][0], nobody
    mattes = mended(frames)
    assert iou(mattes[8], frames[8][1]) > 0.9
    assert max(matte.max() for matte in mattes[10:]) == 0


@pytest.mark.parametrize(("contrast", "texture", "speed"), [(12, 6, 6), (20, 20, 6), (16, 0, 4)])
def test_no_trail_of_somebody_who_has_nearly_the_colour_of_the_wall(contrast, texture, speed):
    wall = 30 + (textured(HEIGHT, WIDTH, 1, 0, texture) if texture else np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    frames = []
    for index in range(45):
        left, alpha = -40 + speed * index, np.zeros((HEIGHT, WIDTH), np.float32)
        alpha[50:, max(0, left) : max(0, left + 70)] = 1
        alpha[25:60, max(0, left + 20) : max(0, left + 50)] = 1
        alpha = cv2.GaussianBlur(alpha, (0, 0), 1)
        picture = wall * (1 - alpha[..., None]) + (30 + contrast) * alpha[..., None]
        frames.append((picture.round().astype(np.uint8), alpha))
    frames[20] = frames[20][0], np.zeros((HEIGHT, WIDTH), np.float32)
    for matte, (_, truth) in zip(mended(frames, ahead=12), frames, strict=True):
        far = cv2.dilate(truth, np.ones((7, 7), np.uint8)) < 0.02
        if truth.any():
            assert np.count_nonzero(matte[far] > 0.5) < 100


def test_what_is_seen_for_long_and_then_no_more_though_it_stands_there_goes_at_once():
    frames = [(picture, alpha * (index < 60)) for index, (picture, alpha) in enumerate(walk(90, 0))]
    mattes = mended(frames, ahead=12)
    assert max(matte.max() for matte in mattes[60:]) < 0.05


def test_only_so_many_frames_before_and_behind_are_asked():
    body = walk(80, 0)
    rng = np.random.default_rng(2)
    frames = [(picture, alpha * (index < 40 or index % 4 == 0)) for index, (picture, alpha) in enumerate(body)]
    for index in rng.integers(0, 80, 30):  # something else jumps now and then
        frames[index][1][8:40, 240:290] = 1
    whole = mended(frames)
    for at in (30, 42, 45, 60):
        alone = mended(frames[at - AHEAD : at + AHEAD + 1])
        assert np.array_equal(alone[AHEAD], whole[at])


def test_pieces_that_are_torn_off_are_not_shown():
    """Of who comes in so fast that hardly anything fits there is nothing, rather than a hand."""
    rng = np.random.default_rng(8)
    frames = []
    for index in range(16):
        picture, alpha = scene(60)
        if index < 8:  # all but a patch looks otherwise there
            picture = picture.copy()
            noise = rng.integers(0, 255, picture.shape, np.uint8)
            elsewhere = alpha > 0
            elsewhere[60:80, 80:100] = False
            picture[elsewhere] = noise[elsewhere]
            alpha = alpha * 0
        frames.append((picture, alpha))
    assert max(matte.max() for matte in mended(frames)[:7]) < 0.05


def test_where_it_is_surely_the_room_nobody_is_added():
    frames, room = walk(12, 0), np.zeros((HEIGHT, WIDTH), np.float32)
    truth = frames[5][1]
    room[:, 75:] = 1
    frames[5] = frames[5][0], np.zeros_like(truth)
    look_ahead, mattes = LookAhead(AHEAD), []
    for picture, alpha in frames:
        mattes += look_ahead.put(picture, alpha, room=room)
    mattes += list(look_ahead.rest())
    assert mattes[5][:, 78:].max() < 0.3  # but for the edge of what is there
    assert mattes[5][60:150, 20:65].min() > 0.9


@pytest.mark.parametrize(("right", "is_shown"), [(40, True), (90, False)])
def test_who_is_dropped_is_not_added_but_for_a_piece_of_somebody_who_is_larger(right, is_shown):
    frames, dropped = walk(12, 0), np.zeros((HEIGHT, WIDTH), np.float32)
    dropped[:, :right] = 1
    frames[5] = frames[5][0], np.zeros((HEIGHT, WIDTH), np.float32)
    look_ahead, mattes = LookAhead(AHEAD), []
    for index, (picture, alpha) in enumerate(frames):
        mattes += look_ahead.put(picture, alpha, dropped=dropped if index == 5 else None)
    mattes += list(look_ahead.rest())
    assert (mattes[5][60:150, 20:80].min() > 0.9) == is_shown
    assert (mattes[5].max() < 0.3) != is_shown


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
def test_somebody_rises_from_the_lowest_rows(rows):
    frames = []
    for index in range(8):
        alpha = np.zeros((HEIGHT, WIDTH), np.float32)
        alpha[HEIGHT - rows - index :, 100:180] = 1
        frames.append((textured(HEIGHT, WIDTH, 1, 0, 110), alpha))
    assert len(mended(frames)) == 8


@pytest.mark.parametrize("speed", [4.0, 18.0])
def test_no_frame_shows_where_somebody_was_or_will_be(speed):
    frames = walk(14, speed)
    rng = np.random.default_rng(5)
    spoilt = [(picture, alpha * (rng.random() > 0.3)) for picture, alpha in frames]
    for matte, (_, truth) in zip(mended(spoilt), frames, strict=True):
        far = cv2.dilate(truth, np.ones((17, 17), np.uint8)) == 0
        assert matte[far].max() < 0.05


def test_edges_that_tremble_become_steadier():
    frames = walk(24, 1.5)
    rng = np.random.default_rng(3)
    shaken = [
        (picture, np.clip(alpha + (rng.normal(0, 0.3) * alpha * (1 - alpha) * 4), 0, 1).astype(np.float32))
        for picture, alpha in ((picture, cv2.GaussianBlur(alpha, (0, 0), 1.5)) for picture, alpha in frames)
    ]
    truth = np.stack([cv2.GaussianBlur(alpha, (0, 0), 1.5) for _, alpha in frames])
    before, after = np.stack([alpha for _, alpha in shaken]), np.stack(mended(shaken))
    assert dtssd(after, truth) < 0.8 * dtssd(before, truth)


def test_what_is_averaged_over_time_already_is_left_alone():
    frames = walk(10, 1.5)
    kept = np.ones((HEIGHT, WIDTH), np.float32)
    look_ahead, mattes = LookAhead(2), []
    for picture, alpha in frames:
        mattes += look_ahead.put(picture, alpha, kept)
    mattes += list(look_ahead.rest())
    for matte, (_, truth) in zip(mattes, frames, strict=True):
        assert np.array_equal(matte, truth)


def test_after_the_rest_it_begins_anew():
    look_ahead = LookAhead(3)
    frames = walk(8, 2)
    runs = []
    for _ in range(2):
        mattes = [matte for frame in frames for matte in look_ahead.put(*frame)]
        runs.append(mattes + list(look_ahead.rest()))
    small = np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30), np.float32)
    look_ahead.put(*small)
    assert np.array_equal(runs[0], runs[1])


@pytest.mark.parametrize("size", [(1, 1), (9, 16), (33, 70)])
def test_small_pictures_are_no_trouble(size):
    rng = np.random.default_rng(1)
    frames = [
        (rng.integers(0, 256, (*size, 3), np.uint8), rng.integers(0, 2, size).astype(np.float32)) for _ in range(9)
    ]
    mattes = mended(frames, ahead=3)
    assert all(matte.shape == size and 0 <= matte.min() <= matte.max() <= 1 for matte in mattes)


def test_the_callers_picture_may_be_written_over():
    frames, buffer = walk(10, 3), np.empty((HEIGHT, WIDTH, 3), np.uint8)
    look_ahead, mattes = LookAhead(4), []
    for picture, alpha in frames:
        buffer[:] = picture
        mattes += look_ahead.put(buffer, alpha)
    assert np.array_equal(mattes + list(look_ahead.rest()), mended(frames, ahead=4))


def test_another_size_begins_anew_after_the_rest():
    large, small = walk(5, 2), [(np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30), np.float32))] * 5
    look_ahead, shapes = LookAhead(3), []
    for picture, alpha in large + small:
        shapes.append([matte.shape for matte in look_ahead.put(picture, alpha)])
    assert [len(ready) for ready in shapes] == [0, 0, 0, 1, 1, 3, 0, 0, 1, 1]
    assert shapes[5] == [(HEIGHT, WIDTH)] * 3
    assert [matte.shape for matte in look_ahead.rest()] == [(20, 30)] * 3


def test_no_frames_and_two_sizes_at_once_are_refused():
    with pytest.raises(ValueError, match="1 frame or more"):
        LookAhead(0)
    with pytest.raises(ValueError, match="an alpha of"):
        LookAhead(2).put(np.zeros((20, 30, 3), np.uint8), np.zeros((20, 31), np.float32))
