"""Every option of a Kafka client, spelled out once: none is left to a library's default.

Why each stands as it does: `../shared/reference/engineering.md`, *Traps and cures*.
"""

import ssl
from datetime import timedelta
from typing import Any

from aiokafka.coordinator.assignors.roundrobin import (  # type: ignore[import-untyped]  # aiokafka has no py.typed
    RoundRobinPartitionAssignor,
)

from services.runtime.settings import Settings

MESSAGE_BYTES_MAX = 2 * 1024 * 1024
"""The largest record that any topic allows: a dead letter carries a whole record and its headers."""
FETCH_BYTES_MAX = 16 * 1024 * 1024
"""Of one answer of the broker, over all partitions: the bound of what a consumer holds in memory."""
SESSION_TIMEOUT_MS = 45_000
RETRY_BACKOFF_MS = 100
REQUEST_TIMEOUT_MS = 40_000
METADATA_AGE_MS_MAX = 60_000
IDLE_MS_MAX = 540_000


def milliseconds(span: timedelta) -> int:
    """A span in whole milliseconds, as Kafka's options are counted."""
    return int(span / timedelta(milliseconds=1))


def servers(settings: Settings) -> list[str]:
    """The bootstrap servers, one by one."""
    return [server.strip() for server in settings.kafka.split(",") if server.strip()]


def connection(settings: Settings, client: str) -> dict[str, Any]:
    """What every aiokafka client needs to connect: addresses, name, security, patience."""
    options: dict[str, Any] = {
        "bootstrap_servers": servers(settings),
        "client_id": client,
        "security_protocol": settings.kafka_security,
        "ssl_context": ssl_context(settings),
        "retry_backoff_ms": RETRY_BACKOFF_MS,
        "metadata_max_age_ms": METADATA_AGE_MS_MAX,
        "connections_max_idle_ms": IDLE_MS_MAX,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
    }
    if settings.kafka_security.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.kafka_mechanism,
            "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": settings.kafka_password.get_secret_value(),
        }
    return options


LINGER_MS = 2


def producing(settings: Settings, *, linger_ms: int = LINGER_MS) -> dict[str, Any]:
    """How everything is published: all replicas' word, no repeats by the client itself, small batches soon.

    `linger_ms`: how long a first message waits for others. Also at 0 those that come while one request is under way
    go together with the next.
    """
    return {
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": "zstd",
        "linger_ms": linger_ms,
        "max_batch_size": 128 * 1024,
        "max_request_size": MESSAGE_BYTES_MAX,
        "request_timeout_ms": milliseconds(settings.kafka_timeout),
    }


def consuming(settings: Settings, service: str) -> dict[str, Any]:
    """How a service's group reads: from the start, in static membership, offsets committed by hand only."""
    instance = f"{settings.topic_prefix}{service}-{settings.instance}" if settings.instance else None
    return {
        "group_id": f"{settings.topic_prefix}{service}",
        "group_instance_id": instance,
        "auto_offset_reset": "earliest",
        "auto_commit_interval_ms": 5_000,  # without effect: AckPolicy.MANUAL turns automatic commits off
        "isolation_level": "read_committed",
        "partition_assignment_strategy": (RoundRobinPartitionAssignor,),
        "session_timeout_ms": SESSION_TIMEOUT_MS,
        "heartbeat_interval_ms": 3_000,
        "rebalance_timeout_ms": 60_000,
        "max_poll_interval_ms": 300_000,
        "max_poll_records": settings.batch_records,
        "consumer_timeout_ms": 200,
        "fetch_min_bytes": 1,
        # aiokafka asks a broker one question at a time: one about silent partitions holds the others' records up.
        "fetch_max_wait_ms": 50,
        "fetch_max_bytes": FETCH_BYTES_MAX,
        "max_partition_fetch_bytes": MESSAGE_BYTES_MAX + 64 * 1024,
        "check_crcs": True,
        "exclude_internal_topics": True,
    }


def ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """TLS with the authority and certificate of the settings; None when the connection is plain."""
    if not settings.kafka_security.endswith("SSL"):
        return None
    context = ssl.create_default_context(cafile=str(settings.kafka_ca) if settings.kafka_ca else None)
    if settings.kafka_certificate:
        password = settings.kafka_key_password.get_secret_value() or None
        context.load_cert_chain(settings.kafka_certificate, settings.kafka_key, password)
    return context
