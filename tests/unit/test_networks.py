from __future__ import annotations

import pytest

from streamer.config import StreamConfig
from streamer.networks import matte_detail


@pytest.mark.parametrize(
    ("settings", "is_live", "detail"),
    [
        ({}, False, "affordable"),
        ({}, True, "normal"),
        ({"matte_detail": "normal"}, False, "normal"),
        ({"matte_detail": "fine"}, True, "fine"),
        ({"model": "accurate"}, False, "normal"),
    ],
)
def test_files_get_a_fine_matte_and_live_work_a_quick_one(settings: dict[str, str], is_live: bool, detail: str) -> None:
    assert matte_detail(StreamConfig.model_validate(settings), is_live=is_live) == detail
