"""The program with its remote control, as a script sees it."""

from __future__ import annotations

import http.client
import json
import re
import signal
import sys
from pathlib import Path

import pytest
from program import PATIENCE_S, Program, room_clip, wait_for
from remote_parts import TOKEN

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("uvicorn", reason="needs the extra web")

NOT_ON_WINDOWS = pytest.mark.skipif(sys.platform == "win32", reason="signals are of another kind there")


@NOT_ON_WINDOWS
def test_ctrl_c_ends_a_run_that_is_controlled_from_outside(tmp_path: Path) -> None:
    program = Program(tmp_path)
    clip = room_clip(tmp_path / "clip.mp4", count=3000)
    token_file = tmp_path / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(TOKEN, encoding="utf-8")
    args = ["--input", clip.name, "--output", "out.mp4", "shots/%06d.png", "--api", "0", "--api-token-file", "token"]
    with program.running(*args, "--background", "color:#204060", "--stats", "numbers.jsonl") as process:
        assert process.stderr is not None
        notice = process.stderr.readline()
        found = re.fullmatch(
            r"remote control at http://127\.0\.0\.1:(\d+) \(see http://127\.0\.0\.1:\1/docs\), token in token\n", notice
        )
        assert found, notice
        wait_for(tmp_path / "shots" / "000002.png", process)
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=PATIENCE_S)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        connection.request("POST", "/api/panic", json.dumps({"on": True}), headers)
        assert json.loads(connection.getresponse().read())["panic"] is True
        process.send_signal(signal.SIGINT)  # with the connection still open
        _, err = process.communicate(timeout=PATIENCE_S)
        connection.close()
    assert process.returncode == 130, err
    assert re.fullmatch(r"error: interrupted after \d+ frames, which are in out.mp4 and shots/%06d.png\n", err), err
    last = json.loads((tmp_path / "numbers.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert last["frames"] == len(list((tmp_path / "shots").iterdir()))
