"""A real camera driver, the program, a real virtual camera and real readers, in a virtual machine.

Kernel modules cannot be loaded where the tests run, so this needs a machine of its own: BACKLOT_VM names a folder with
a ``run_in_vm.sh FOLDER COMMAND``, which boots one with v4l2loopback as /dev/video10 and vivid as /dev/video0, shows it
this repository, runs the command there and leaves what it wrote to /out in the folder that VM_OUT names. It takes some
ten minutes without hardware virtualisation::

    BACKLOT_VM=/path/to/vm python -m pytest tests/e2e/virtual_camera
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
VM_S = 2400
YUV_ERROR = 8
"""Of 255: what RGB to 4:2:0 and back may cost a plain colour."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(VM_S + 100),
    pytest.mark.skipif("BACKLOT_VM" not in os.environ, reason="needs a virtual machine: BACKLOT_VM is not set"),
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script in the machine saw."""
    out = tmp_path_factory.mktemp("out")
    script = Path(__file__).with_name("inside_vm.py").relative_to(ROOT)
    ended = subprocess.run(
        [str(Path(os.environ["BACKLOT_VM"]) / "run_in_vm.sh"), str(ROOT), f"python {script} /out"],
        env={**os.environ, "VM_OUT": str(out), "VM_TIMEOUT": str(VM_S)},
        capture_output=True,
        text=True,
        check=False,
    )
    logs = "".join(f"\n-- {log.name}\n{log.read_text()}" for log in sorted(out.glob("*.log")))
    print(ended.stdout, logs)  # noqa: T201 - shown when a test fails
    assert ended.returncode == 0, ended.stdout + ended.stderr + logs
    answers = [line for line in ended.stdout.splitlines() if line.startswith('{"first"')]
    answer: dict[str, Any] = json.loads(answers[-1])
    return answer


def test_opencv_ffmpeg_and_v4l2_ctl_see_the_composite(seen: dict[str, Any]) -> None:
    first = seen["first"]
    assert first["opencv"]["size"] == [320, 180]
    assert first["opencv"]["count"] == 10
    assert first["opencv"]["error"] <= YUV_ERROR
    assert first["ffmpeg"]["is_whole"]
    assert first["ffmpeg"]["error"] <= YUV_ERROR
    assert first["v4l2_ctl"]["code"] == 0
    assert first["v4l2_ctl"]["says_size"]
    assert first["v4l2_ctl"]["error"] <= YUV_ERROR
    assert first["composes_s"] is not None
    assert first["stats"]["frames"] >= 1, "they were composites, and not the safe picture alone"


def test_always_on_keeps_the_camera_without_a_reader(seen: dict[str, Any]) -> None:
    assert seen["first"]["stays_on_without_a_reader"]


def test_a_camera_that_is_pulled_out_is_waited_for_and_found_again(seen: dict[str, Any]) -> None:
    first = seen["first"]
    assert first["loss_is_told_s"] is not None
    assert first["losses_told"] == 1
    assert first["camera_is_given_back_s"] is not None
    assert first["without_camera"]["count"] == 5
    assert first["without_camera"]["error"] <= YUV_ERROR
    assert first["return_is_told_s"] is not None
    assert first["holds_camera_again"], "it has the camera again, under whatever name"
    assert first["after_return"]["count"] == 5
    assert first["after_return"]["error"] <= YUV_ERROR


def test_a_reader_wakes_the_camera_and_its_end_releases_it(seen: dict[str, Any]) -> None:
    second = seen["second"]
    assert second["rests_without_reader_s"] is not None
    assert not second["a_probe_wakes_it"]
    assert second["wakes_s"] is not None
    assert second["is_on_s"] is not None
    assert second["error"] <= YUV_ERROR
    assert second["rests_after_reader_s"] is not None
    assert second["wakes_again_s"] is not None
    assert not second["stalls_told"]


def test_two_runs_one_after_the_other_end_as_ctrl_c_ends_them(seen: dict[str, Any]) -> None:
    assert seen["second"]["alive"]
    assert (seen["first"]["code"], seen["second"]["code"]) == (130, 130)
