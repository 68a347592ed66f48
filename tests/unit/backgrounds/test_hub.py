from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_hub import FakeHub, closed_url, files_in, library_asks, sha_of, write_model

from streamer.backgrounds import hub, hub_transfer
from streamer.backgrounds.hub import ModelFiles, base_files, check_id, controlnet_files, download, locate, plan
from streamer.errors import MissingExtra, WeightsError

pytest.importorskip("huggingface_hub", reason="the extra 'diffusion' is not installed")

UNET = "unet/diffusion_pytorch_model.fp16.safetensors"
BASE = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.fp16.safetensors",
    "tokenizer/merges.txt",
    "tokenizer/special_tokens_map.json",
    "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json",
    "unet/config.json",
    UNET,
    "vae/config.json",
    "vae/diffusion_pytorch_model.fp16.safetensors",
]
CHECKER = [
    "feature_extractor/preprocessor_config.json",
    "safety_checker/config.json",
    "safety_checker/model.fp16.safetensors",
]
UNWANTED = [
    ".gitattributes",
    "README.md",
    "safety_checker/model.safetensors",
    "text_encoder/model.safetensors",
    "unet/diffusion_pytorch_model.bin",
    "unet/diffusion_pytorch_model.fp16.bin",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    "unet/diffusion_pytorch_model.safetensors",
    "v1-5-pruned-emaonly.safetensors",
    "v1-5-pruned.ckpt",
    "vae/diffusion_pytorch_model.safetensors",
]
BASE_ID, CONTROL_ID = hub.SD15, hub.CONTROLNET


def silent(line: str) -> None:
    """What is said is of no interest here."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {
        BASE_ID: write_model(root / "base", [*BASE, *CHECKER, *UNWANTED]),
        CONTROL_ID: write_model(root / "control", ["config.json", "diffusion_pytorch_model.fp16.safetensors"]),
    }


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def server(models: dict[str, Path], cache: Path) -> Iterator[FakeHub]:
    with FakeHub(models) as server, library_asks(server.url, cache):
        yield server


@pytest.fixture
def nobody(cache: Path) -> Iterator[None]:
    """Any request would fail."""
    with library_asks(closed_url(), cache):
        yield


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Lets the library try again at once, and counts how often it does."""
    waits: list[float] = []
    for module in ("file_download", "utils._http"):
        monkeypatch.setattr(f"huggingface_hub.{module}.time", SimpleNamespace(sleep=waits.append))
    return waits


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(WeightsError) as caught:
        act()
    message = str(caught.value)
    assert "\n" not in message
    return message


# -- from the hub ----------------------------------------------------------------------------------------------------


def test_nothing_but_the_needed_files_is_downloaded(server: FakeHub) -> None:
    folder = download(base_files(), None, say=silent)
    assert server.fetched == BASE
    assert sorted(files_in(folder)) == BASE


def test_the_safety_checker_comes_only_when_asked_for(server: FakeHub) -> None:
    download(base_files(safety_checker=True), None, say=silent)
    assert server.fetched == sorted([*BASE, *CHECKER])


def test_a_second_download_asks_nobody(server: FakeHub) -> None:
    first = download(base_files(), None, say=silent)
    server.requests.clear()
    assert download(base_files(), None, say=pytest.fail) == first
    assert server.requests == []


def test_what_was_downloaded_is_found_without_a_network(
    models: dict[str, Path], cache: Path, no_waiting: list[float]
) -> None:
    with FakeHub(models) as server, library_asks(server.url, cache):
        folder = download(controlnet_files(), None, say=silent)
    with library_asks(closed_url(), cache):
        assert download(controlnet_files(), None, say=pytest.fail) == folder
    assert no_waiting == []


def test_a_model_folder_gets_the_files_below_the_models_name(server: FakeHub, tmp_path: Path, cache: Path) -> None:
    folder = download(controlnet_files(), tmp_path / "models", say=silent)
    assert folder == tmp_path / "models" / CONTROL_ID
    assert sorted(files_in(folder)) == ["config.json", "diffusion_pytorch_model.fp16.safetensors"]
    assert not list(cache.glob("**/*.safetensors"))
    server.requests.clear()
    assert download(controlnet_files(), tmp_path / "models", say=pytest.fail) == folder
    assert server.requests == []


def test_a_plan_counts_what_a_download_would_fetch(server: FakeHub, models: dict[str, Path]) -> None:
    planned = plan(base_files())
    sizes = [(models[BASE_ID] / name).stat().st_size for name in BASE]
    assert planned == hub.Plan(BASE_ID, sha_of(models[BASE_ID]), tuple(BASE), sum(sizes))
    assert server.fetched == []


def test_a_download_says_what_it_is_about_to_fetch(server: FakeHub) -> None:
    said: list[str] = []
    download(controlnet_files(), None, say=said.append)
    assert said == [f"{CONTROL_ID}: 2 files, 0 MB"]


def test_a_model_in_full_precision_alone_is_downloaded_as_it_is(tmp_path: Path, cache: Path) -> None:
    full = [name.replace(".fp16.", ".") for name in BASE]
    with FakeHub({"some/model": write_model(tmp_path / "full", full)}) as server, library_asks(server.url, cache):
        folder = download(base_files("some/model"), None, say=silent)
        assert server.fetched == sorted(full)
    assert hub.variant_of(folder) is None


def test_a_model_of_another_form_is_refused_before_anything_is_fetched(tmp_path: Path, cache: Path) -> None:
    single = write_model(tmp_path / "single", ["README.md", "model_index.json", "everything.safetensors"])
    with FakeHub({"some/model": single}) as server, library_asks(server.url, cache):
        message = refusal(lambda: download(base_files("some/model"), None, say=silent))
        assert server.fetched == []
    assert message.startswith("some/model holds no scheduler/*.json on the hub")


# -- what can go wrong -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_waiting")
def test_a_broken_transfer_goes_on_where_it_broke(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_transfer, "CHUNK_BYTES", 1000)
    name = "diffusion_pytorch_model.fp16.safetensors"
    model = write_model(tmp_path / "control", ["config.json", name], size_bytes=9500)
    with FakeHub({CONTROL_ID: model}) as server, library_asks(server.url, cache):
        server.cut(name, after_bytes=5000)
        folder = download(controlnet_files(), None, say=silent)
        ranges = [request.range for request in server.requests if (request.method, request.file) == ("GET", name)]
    assert ranges == [None, "bytes=5000-"]
    assert (folder / name).read_bytes() == (model / name).read_bytes()


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("in_model_dir", [False, True])
def test_after_a_failed_download_the_next_one_fetches_only_the_rest(
    server: FakeHub, tmp_path: Path, in_model_dir: bool
) -> None:
    model_dir = tmp_path / "models" if in_model_dir else None
    server.cut(UNET, after_bytes=0, times=99)
    message = refusal(lambda: download(base_files(), model_dir, say=silent))
    assert message == (
        f"{BASE_ID} cannot be downloaded: there is no connection to the hub (RemoteProtocolError); check it, or copy "
        "the files here"
    )
    assert locate(base_files(), model_dir) is None
    server.cut(UNET, after_bytes=0, times=0)
    before = set(server.fetched) - {UNET}
    server.requests.clear()
    folder = download(base_files(), model_dir, say=silent)
    assert sorted(files_in(folder)) == BASE
    assert UNET in server.fetched
    assert not before & set(server.fetched)


@pytest.mark.usefixtures("nobody")
def test_without_a_connection_one_line_says_so_and_nothing_is_tried_again(no_waiting: list[float]) -> None:
    message = refusal(lambda: download(base_files(), None, say=silent))
    assert message.startswith(f"{BASE_ID} cannot be downloaded: there is no connection to the hub (ConnectError)")
    assert no_waiting == []


def test_the_librarys_offline_switch_is_named(server: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    message = refusal(lambda: download(base_files(), None, say=silent))
    assert message.startswith(f"{BASE_ID} cannot be downloaded: HF_HUB_OFFLINE is set")
    assert server.requests == []


def test_an_unknown_model_is_named(server: FakeHub) -> None:
    message = refusal(lambda: download(base_files("nobody/nothing"), None, say=silent))
    assert message.startswith("nobody/nothing cannot be downloaded: the hub knows no such model")


def test_a_gated_model_is_told_from_an_unknown_one(server: FakeHub) -> None:
    server.gated.add(CONTROL_ID)
    assert "run `hf auth login`" in refusal(lambda: download(controlnet_files(), None, say=silent))


def test_an_unknown_revision_is_named(server: FakeHub) -> None:
    files = ModelFiles(CONTROL_ID, ("config.json",), revision="v9")
    assert "the hub has no such revision" in refusal(lambda: download(files, None, say=silent))


def test_a_hub_that_is_down_is_told_from_no_connection(server: FakeHub) -> None:
    server.status = 503
    assert "the hub answers with error 503" in refusal(lambda: download(controlnet_files(), None, say=silent))


def test_a_name_that_no_hub_allows_is_refused(server: FakeHub) -> None:
    assert "the hub allows no such name" in refusal(lambda: download(base_files("a--b/c"), None, say=silent))
    assert server.requests == []


def test_a_page_to_log_in_to_the_network_is_no_hub(server: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fake_hub.json.dumps", lambda data: "<html>")
    assert "log in to this network" in refusal(lambda: download(controlnet_files(), None, say=silent))


def test_a_model_folder_that_cannot_be_written_is_named(server: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    message = refusal(lambda: download(controlnet_files(), tmp_path / "file", say=silent))
    assert message.startswith(f"{CONTROL_ID} cannot be downloaded: ")
    assert str(tmp_path / "file") in message


def test_a_fault_of_the_code_is_not_taken_for_one_of_the_network(
    server: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **settings: object) -> None:
        raise TypeError("wrong")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", fail)
    with pytest.raises(TypeError):
        plan(controlnet_files())


def test_one_ctrl_c_ends_a_download_within_a_file(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def interrupted_at_once(on_interrupt: Callable[[], None], on_terminate: Callable[[], None]) -> Iterator[None]:
        on_interrupt()
        yield

    monkeypatch.setattr(hub_transfer, "signals_heeded", interrupted_at_once)
    model = write_model(tmp_path / "control", ["config.json", "diffusion_pytorch_model.fp16.safetensors"])
    with FakeHub({CONTROL_ID: model}) as server, library_asks(server.url, cache), pytest.raises(KeyboardInterrupt):
        download(controlnet_files(), None, say=silent)
    assert not list(cache.glob("**/*.safetensors"))
    assert not list(cache.glob("**/*.incomplete"))


def test_a_missing_library_is_answered_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="pip install"):
        locate(base_files(), None)


# -- on this machine -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nobody")
def test_a_named_folder_is_used_as_it_is(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "mine", BASE)
    assert locate(base_files(str(folder)), None) == folder
    assert locate(base_files(str(folder)), tmp_path / "models") == folder


@pytest.mark.usefixtures("nobody")
def test_a_folder_that_diffusers_saved_in_full_precision_is_complete(tmp_path: Path) -> None:
    names = [name.replace(".fp16.", ".") for name in BASE if not name.startswith("tokenizer/")]
    folder = write_model(tmp_path / "mine", [*names, "tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json"])
    assert locate(base_files(str(folder)), None) == folder
    assert hub.variant_of(folder) is None


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("model_dir", [None, Path("models")])
def test_a_named_folder_that_lacks_a_file_is_refused_by_the_files_name(tmp_path: Path, model_dir: Path | None) -> None:
    folder = write_model(tmp_path / "mine", [name for name in BASE if name != UNET])
    message = refusal(lambda: locate(base_files(str(folder)), model_dir))
    assert message.startswith(f"the folder {folder} holds no {UNET}")


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("lost", [UNET, "tokenizer/merges.txt", "scheduler/scheduler_config.json"])
def test_half_a_model_below_the_model_folder_is_none(tmp_path: Path, lost: str) -> None:
    write_model(tmp_path / BASE_ID, [name for name in BASE if name != lost])
    assert locate(base_files(), tmp_path) is None


@pytest.mark.parametrize("lost", [UNET, "tokenizer/merges.txt", "scheduler/scheduler_config.json"])
def test_half_a_model_in_the_cache_is_none(server: FakeHub, lost: str) -> None:
    folder = download(base_files(), None, say=silent)
    (folder / lost).unlink()
    server.requests.clear()
    assert locate(base_files(), None) is None
    assert server.requests == []


def test_a_model_in_the_cache_serves_a_model_folder_too(server: FakeHub, tmp_path: Path) -> None:
    folder = download(controlnet_files(), None, say=silent)
    assert locate(controlnet_files(), tmp_path) == folder


def test_who_stands_in_the_model_folder_can_finish_a_download(
    server: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / BASE_ID, BASE[:3])
    assert locate(base_files(), Path()) is None
    folder = download(base_files(), Path(), say=silent)
    assert sorted(files_in(folder)) == BASE


@pytest.mark.usefixtures("nobody")
def test_the_old_name_of_stable_diffusion_is_answered_with_the_new_one(tmp_path: Path) -> None:
    for act in (
        lambda: check_id(hub.GONE_SD15),
        lambda: locate(base_files(hub.GONE_SD15), tmp_path),
        lambda: plan(base_files(hub.GONE_SD15)),
        lambda: download(base_files(hub.GONE_SD15), None, say=silent),
    ):
        assert refusal(act) == f"{hub.GONE_SD15} was taken off the hub in 2024: use its copy, {hub.SD15}"


@pytest.mark.usefixtures("nobody")
def test_a_copy_under_the_old_name_is_still_good(tmp_path: Path) -> None:
    write_model(tmp_path / hub.GONE_SD15, BASE)
    assert locate(base_files(hub.GONE_SD15), tmp_path) == tmp_path / hub.GONE_SD15


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("repo", ["model", "./models", "~/models", "/nowhere/at/all", "a/b/c", "https://a/b"])
def test_a_path_to_nowhere_is_not_taken_for_a_model_of_the_hub(
    repo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    message = refusal(lambda: locate(base_files(repo), None))
    assert message == f"'{repo}' is neither a folder here nor the id of a model on the hub (owner/name)"


def test_the_variant_of_half_precision_is_seen(tmp_path: Path) -> None:
    assert hub.variant_of(write_model(tmp_path / "base", BASE)) == "fp16"
    assert hub.variant_of(write_model(tmp_path / "control", ["diffusion_pytorch_model.fp16.safetensors"])) == "fp16"
    assert hub.variant_of(write_model(tmp_path / "taesd", ["diffusion_pytorch_model.safetensors"])) is None


# -- packs and messages ----------------------------------------------------------------------------------------------


def test_the_packs_hold_what_works_together() -> None:
    repos = {name: [files.repo for files in hub.pack(name)] for name in hub.PACKS}
    assert repos == {
        "sd15": [BASE_ID, CONTROL_ID],
        "fast": [BASE_ID, CONTROL_ID, hub.HYPER_SD],
        "fastest": [BASE_ID, CONTROL_ID, hub.LCM_LORA, hub.TAESD],
    }


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize(
    ("missing", "size", "command"),
    [
        (hub.pack("sd15"), "2.9 GB", "streamer download sd15"),
        (hub.pack("sd15", safety_checker=True), "3.5 GB", "streamer download sd15 --safety-checker"),
        (hub.pack("fast"), "3.1 GB", "streamer download fast"),
        (hub.pack("fast")[2:], "269 MB", "streamer download fast"),
        (hub.pack("fastest")[2:], "145 MB", "streamer download fastest"),
    ],
)
def test_what_is_missing_is_said_with_its_size_and_the_command(
    missing: tuple[ModelFiles, ...], size: str, command: str, cache: Path
) -> None:
    repos = " and ".join(files.repo for files in missing)
    message = hub.missing_message(missing, None)
    assert message == f"weights are missing: {size} from {repos} to {cache}; run `{command}`, or add --yes"


@pytest.mark.skipif(os.name == "nt", reason="quotes are the shell's own")
def test_the_command_for_what_is_missing_holds_the_model_folder(tmp_path: Path) -> None:
    message = hub.missing_message(hub.pack("sd15"), Path("my models"))
    assert message.endswith("to my models; run `streamer download sd15 --model-dir 'my models'`, or add --yes")


def test_no_command_is_given_for_a_model_of_no_pack() -> None:
    message = hub.missing_message([ModelFiles("some/model", ("x.safetensors",))], Path("models"))
    assert message == "weights are missing: some/model to models; add --yes to download them"
