"""What the numbers were measured on, in one line, and how much memory this process has needed."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from streamer.priorities import usable_cores

PACKAGES = ("backlot", "av", "opencv-python", "numpy", "torch", "onnxruntime", "openvino")


def describe_machine(device: str = "cpu") -> dict[str, str]:
    """Processor, cores that may be used, load, system, and versions of what does the work; on CUDA the GPU, too."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        **({"gpu": _gpu_name()} if device == "cuda" else {}),
        "cpu": _cpu_model(),
        "cores": str(usable_cores()),
        "load before": load,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{package: found for package in PACKAGES if (found := _version(package))},
    }


def peak_rss_mb() -> float | None:
    """The most memory this process has held so far, in MB (1e6 bytes); None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():  # not getrusage: on Linux a child starts with its parent's peak
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    try:
        import psutil
    except ImportError:
        return None
    memory = psutil.Process().memory_info()
    return float(getattr(memory, "peak_wset", memory.rss)) / 1e6


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gpu_name() -> str:
    import torch

    return torch.cuda.get_device_name()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
