"""Makes `kafka.lock` anew: `python -m services.local.locking`. Read the difference before it is committed."""

from __future__ import annotations

from pathlib import Path

from jgo.env import EnvironmentBuilder, EnvironmentSpec, LockFile
from jgo.maven import MavenContext

from services.local.jars import LOCK

KAFKA = "org.apache.kafka:kafka_2.13:4.1.2"
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5!"
"""For the slf4j 1.7 that Kafka brings; `!`: what this POM manages (an older Kafka) is none of Kafka's business."""

_HEADER = "# The jars of the embedded Apache Kafka, made by `python -m services.local.locking`: not to be edited.\n"


def make(lock: Path = LOCK) -> None:
    """Resolve the coordinates and write their lock; every jar goes through the user's Maven cache."""
    context = MavenContext()
    spec = EnvironmentSpec(name="kafka", coordinates=[KAFKA, LOGGING])
    inputs, others = context.resolver.resolve(EnvironmentBuilder(context).spec_to_dependencies(spec))
    LockFile.from_resolved_dependencies([*inputs, *others], environment_name="kafka").save(lock)
    lock.write_text(_HEADER + lock.read_text("utf-8"), "utf-8")


if __name__ == "__main__":
    make()
