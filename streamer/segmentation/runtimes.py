"""What runs the network: torch on any device, OpenVINO or ONNX Runtime on the CPU. All give the same alpha.

Measured with the compact network at 320x192 on one core of an EPYC with bfloat16 (two cores): torch 31 ms (18),
ONNX Runtime 14 ms (11), OpenVINO 14 ms (11) in float32 and 8 ms (6) in bfloat16.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streamer.errors import MissingExtra, SegmentationError
from streamer.frames import Alpha
from streamer.priorities import usable_cores
from streamer.segmentation.last_step import alpha_of, without_last_step

if TYPE_CHECKING:
    from models.unet import UNet

FASTEST_FIRST = ("openvino", "onnxruntime", "torch")
"""Order in which ``auto`` looks for a runtime on the CPU."""
INSTALL = {
    "openvino": "pip install openvino",
    "onnxruntime": "pip install onnxruntime",
}
KEPT_SIZES = 8
"""So many compiled networks are kept: the whole picture's and its parts', at the present size and the one before."""
MAX_THREADS = 4
"""More cores hardly speed up a network this small, and capture and encoding want them."""


class Runtime(Protocol):
    """Runs the network on one picture at a time. Used from one thread."""

    name: str
    """For people: ``CPU (openvino)``."""
    is_fast: bool = True
    """Whether it has time for the network's usual input in every frame; else that of files and cameras is smaller."""
    has_memory: bool = False
    """Whether what it finds also depends on the pictures before."""

    def alpha(self, batch: NDArray[np.float32]) -> Alpha:
        """RGB in [0, 1], float32 ``(1, 3, h, w)`` with sides the network takes, to alpha, float32 ``(h, w)``."""
        ...

    def reset(self) -> None:
        """Forget earlier frames; most networks see each picture for itself and have nothing to forget."""
        return

    def prepare(self, shape: tuple[int, int, int, int]) -> None:
        """Get ready for batches of that shape, on another thread than ``alpha``'s; most are ready for any."""
        return

    def close(self) -> None:
        """Release what outlives the object, such as a process; most hold nothing of the kind. May be called twice."""
        return


class TorchRuntime(Runtime):
    """The network itself; on CUDA in half precision, on a stream that goes before the painter's."""

    def __init__(self, network: UNet, device: str) -> None:
        import torch

        from models.unet import fold_norms

        fold_norms(network.eval())
        self.name = f"{device.upper()} (torch)"
        self.device = torch.device(device)
        self.is_fast = device != "cpu"
        self.dtype = torch.float16 if device == "cuda" else torch.float32
        self.network = network.to(self.device, self.dtype, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.stream: torch.cuda.Stream | None = None
        if device == "cpu":
            torch.set_num_threads(spare_threads())
        if device == "cuda":
            torch.cuda.synchronize()  # the weights were copied on another stream
            self.stream = torch.cuda.Stream(priority=-1)

    def on_stream(self) -> AbstractContextManager[object]:
        """Within this, on this thread, work is queued on the network's stream; off CUDA there is none."""
        if self.stream is None:
            return nullcontext()
        import torch

        return torch.cuda.stream(self.stream)

    def alpha(self, batch: NDArray[np.float32]) -> Alpha:
        """See ``Runtime``."""
        import torch

        with torch.inference_mode(), self.on_stream():
            pictures = torch.from_numpy(batch).to(self.device, self.dtype)
            alpha = self.network.alpha(pictures.contiguous(memory_format=torch.channels_last))
            result: Alpha = alpha[0, 0].float().cpu().numpy()
        return result


class OnnxRuntime(Runtime):
    """ONNX Runtime on the CPU."""

    is_fast = False

    def __init__(self, onnx: Path) -> None:
        self.name = "CPU (onnxruntime)"
        self._session = onnx_session(onnx)
        self._input = self._session.get_inputs()[0].name

    def alpha(self, batch: NDArray[np.float32]) -> Alpha:
        """See ``Runtime``."""
        result: Alpha = self._session.run(None, {self._input: batch})[0][0, 0]
        return result


class OpenVinoRuntime(Runtime):
    """OpenVINO on the CPU, compiled for each size that comes, the last few of which are kept.

    Where the CPU has bfloat16 it computes in that: nearly twice as fast; alphas differ by thousandths, at
    steep edges by one or two hundredths.
    """

    def __init__(self, onnx: Path) -> None:
        # Its converter of models, which nobody needs here, takes a tenth of a second to load, and reports that over the
        # network to its makers. OpenVINO does without it.
        sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]
        import openvino

        self.name = "CPU (openvino)"
        self._core = openvino.Core()
        self.is_fast = self._core.get_property("CPU", "INFERENCE_PRECISION_HINT") == openvino.Type.bf16
        self._onnx = onnx
        self._requests: dict[tuple[int, ...], Any] = {}
        self._changing = threading.Lock()

    def alpha(self, batch: NDArray[np.float32]) -> Alpha:
        """See ``Runtime``. A new size costs a compilation of 0.1 s, on a busy machine of a second."""
        request = self._requests.get(batch.shape)
        if request is None:
            request = self._compile(batch.shape)
        request.infer({0: batch}, share_inputs=True)  # it is this very array until the call returns
        found = request.get_output_tensor(0).data[0]
        result: Alpha = found[0].copy() if len(found) == 1 else alpha_of(found)
        return result

    def prepare(self, shape: tuple[int, int, int, int]) -> None:
        """Compile for that shape."""
        if shape not in self._requests:
            self._compile(shape)

    def _compile(self, shape: tuple[int, ...]) -> Any:
        model = without_last_step(self._core.read_model(self._onnx))
        model.reshape(list(shape))
        settings = {
            "INFERENCE_NUM_THREADS": spare_threads(),
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            # Else it binds the calling thread to one core, and waits there for the encoder while another core is idle.
            "ENABLE_CPU_PINNING": False,
        }
        request = self._core.compile_model(model, "CPU", settings).create_infer_request()
        with self._changing:
            newest = list(self._requests.items())[1 - KEPT_SIZES :]
            self._requests = {**dict(newest), shape: request}  # replaced, for another thread may look into it
        return request


def onnx_session(path: Path) -> Any:
    """An ``onnxruntime.InferenceSession`` of that file on the CPU, without telemetry."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = spare_threads()
    options.inter_op_num_threads = 1
    # Idle workers sleep instead of spinning: the cores belong to capture and encoding between two frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def spare_threads() -> int:
    """How many threads the network may use: all cores but one, at most ``MAX_THREADS``."""
    return max(1, min(MAX_THREADS, usable_cores() - 1))


def is_installed(runtime: str) -> bool:
    """Whether the package of a CPU runtime can be imported."""
    return find_spec(runtime) is not None


def open_cpu_runtime(runtime: str, load: Callable[[], UNet], onnx: Path | None) -> Runtime:
    """Open the named runtime on the CPU, or for ``auto`` the fastest that is installed.

    Args:
        runtime: ``auto`` or one of ``FASTEST_FIRST``.
        load: gives the network itself; called only if torch is to run it.
        onnx: the same network as ONNX; None if there is none: only torch can run it then.

    Raises:
        MissingExtra: the package of the named runtime is not installed.
        SegmentationError: the named runtime needs an ONNX file, or cannot read it.
    """
    if runtime == "auto":
        usable = [name for name in FASTEST_FIRST if is_installed(name) and (onnx or name == "torch")]
        runtime = usable[0]
    if runtime == "torch":
        return TorchRuntime(load(), "cpu")
    if not is_installed(runtime):
        raise MissingExtra(f"runtime '{runtime}' is not installed: {INSTALL[runtime]}")
    if onnx is None:
        raise SegmentationError(
            f"runtime '{runtime}' needs the network as ONNX beside its weights, and not older: "
            "run python -m models.export --weights NAME.safetensors --out NAME.onnx, or use --runtime torch"
        )
    openers: dict[str, Callable[[Path], Runtime]] = {"openvino": OpenVinoRuntime, "onnxruntime": OnnxRuntime}
    try:
        return openers[runtime](onnx)
    except Exception as error:  # each runtime has its own exceptions; all of them mean the same to the user
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SegmentationError(f"{runtime} cannot run {onnx}: {reason}") from error
