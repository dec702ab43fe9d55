"""How busy the machine is, under the names by which MLflow's page shows system metrics."""

import contextlib

import torch

try:
    import psutil
except ImportError:  # the extra `system`
    psutil = None

MEGABYTE = 1e6


class SystemMetrics:
    """Measures in about a millisecond; without psutil there is nothing to measure."""

    def __init__(self, device: torch.device):
        self.device = device
        if psutil is not None:
            self._process = psutil.Process()
            psutil.cpu_percent()  # the next call says how busy the CPUs were since this one

    def measure(self) -> dict[str, float]:
        """Percent of all CPUs since the last call; megabytes of the machine, of this process and of the GPU in use."""
        if psutil is None:
            return {}
        memory = psutil.virtual_memory()
        values = {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / MEGABYTE,
            "system_memory_usage_percentage": memory.percent,
            "process_memory_megabytes": self._process.memory_info().rss / MEGABYTE,
        }
        return {f"system/{key}": value for key, value in (values | self._of_gpu()).items()}

    def _of_gpu(self) -> dict[str, float]:
        if self.device.type != "cuda":
            return {}
        free, total = torch.cuda.mem_get_info(self.device)
        name = f"gpu_{self.device.index or 0}"
        values = {
            f"{name}_memory_usage_megabytes": (total - free) / MEGABYTE,
            f"{name}_memory_usage_percentage": 100 * (total - free) / total,
        }
        with contextlib.suppress(Exception):  # it needs the package nvidia-ml-py
            values[f"{name}_utilization_percentage"] = float(torch.cuda.utilization(self.device))
        return values
