"""Resident memory of the services' process and of Kafka, when nothing happens."""

import gc
import subprocess
import time

import psutil

from services.runtime.service import GC_THRESHOLDS

IDLE_SECONDS = 10


def resident_mb(process: subprocess.Popen[str]) -> tuple[float, float]:
    """Megabytes of the process of all services, and of Kafka's, after a quiet while."""
    time.sleep(IDLE_SECONDS)
    services = psutil.Process(process.pid)
    java = [child for child in services.children(recursive=True) if child.name() == "java"]
    return services.memory_info().rss / 1e6, sum(child.memory_info().rss for child in java) / 1e6


def settle() -> None:
    """What every service does once it has started, for what is measured beside it in this process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
