from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import FakeHub, closed_url, library_asks, write_model

from streamer import download
from streamer.backgrounds import hub
from streamer.errors import ConfigError, WeightsError

pytest.importorskip("huggingface_hub", reason="the extra 'diffusion' is not installed")

MEGABYTE = 10**6


class Terminal(io.StringIO):
    """Somebody who sits there and types this."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeHub]:
    repos = {}
    for files in hub.pack("fastest", safety_checker=True) + hub.pack("fast"):
        names = [name.replace("*.json", "config.json") for name in files.patterns if name != "tokenizer/*"]
        repos[files.repo] = write_model(tmp_path / "hub" / files.repo, names)
    unet = repos[hub.SD15] / "unet/diffusion_pytorch_model.fp16.safetensors"
    unet.write_bytes(b"u" * MEGABYTE)
    with FakeHub(repos) as server, library_asks(server.url, tmp_path / "cache"):
        yield server


def refusal(*args: str) -> str:
    with pytest.raises(ConfigError) as caught:
        download.main(args)
    return str(caught.value)


def test_a_download_says_from_where_to_where_and_on_what_terms(
    server: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert download.main(["--yes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"1 MB from {hub.SD15}, {hub.CONTROLNET} to {tmp_path / 'cache'}", hub.LICENCE_NOTE]
    assert lines[2] == f"{hub.SD15}: 11 files, 1 MB"
    assert lines[3].startswith(f"{hub.SD15}: is now in {tmp_path / 'cache'}")
    assert sum(hub.LICENCE_NOTE in line for line in lines) == 1


def test_what_is_there_already_is_named_and_nobody_is_asked(
    server: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["fastest", "--model-dir", str(tmp_path / "models"), "--safety-checker"]
    assert download.main([*args, "--yes"]) == 0
    server.requests.clear()
    capsys.readouterr()
    assert download.main(args) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{repo}: is here already, in {tmp_path / 'models' / repo}"
        for repo in (hub.SD15, hub.CONTROLNET, hub.LCM_LORA, hub.TAESD)
    ]
    assert server.requests == []


def test_only_what_is_missing_of_a_pack_is_downloaded(server: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    download.main(["sd15", "--yes"])
    server.requests.clear()
    download.main(["fast", "--yes"])
    assert server.fetched == [hub.HYPER_SD_FILE]


def test_the_safety_checker_is_an_option(server: FakeHub) -> None:
    download.main(["--yes"])
    assert not [name for name in server.fetched if "safety" in name]
    download.main(["--yes", "--safety-checker"])
    assert "safety_checker/model.fp16.safetensors" in server.fetched


@pytest.mark.parametrize("answer", ["y\n", "Yes\n"])
def test_yes_downloads(server: FakeHub, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert download.main([]) == 0
    assert server.fetched


@pytest.mark.parametrize("answer", ["\n", "n\n", "what?\n", ""])
def test_every_other_answer_downloads_nothing(
    server: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert download.main([]) == 0
    assert server.fetched == []
    shown = capsys.readouterr().out
    assert "download? [y/N] " in shown
    assert shown.endswith("nothing was downloaded\n")


def test_where_nobody_can_be_asked_yes_must_be_given(server: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal() == "nobody is here to say whether to download that: add --yes"
    assert capsys.readouterr().out.startswith("1 MB from ")
    assert server.fetched == []


def test_without_a_connection_one_line_says_so(tmp_path: Path) -> None:
    with (
        library_asks(closed_url(), tmp_path / "cache"),
        pytest.raises(WeightsError, match="there is no connection to the hub"),
    ):
        download.main(["--yes"])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["sd16"], "argument pack: invalid choice: 'sd16'"),
        (["fast", "fastest"], "unrecognized arguments: fastest"),
        (["--model"], "unrecognized arguments: --model"),
        (["--model-dir"], "argument --model-dir: expected one argument"),
    ],
)
def test_a_wrong_word_is_answered_in_one_line(args: list[str], message: str) -> None:
    answer = refusal(*args)
    assert answer.startswith(message)
    assert answer.endswith("(streamer download --help lists them)")
    assert "\n" not in answer


def test_help_names_every_pack_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert download.main(["--help"]) == 0
    shown = capsys.readouterr().out
    words = [*hub.PACKS, "--model-dir", "--yes", "--safety-checker"]
    assert [word for word in words if word not in shown] == []
