"""The broker as the services meet it: FastStream's for reading, `Publisher` for writing."""

from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from services.runtime.options import (
    IDLE_MS_MAX,
    METADATA_AGE_MS_MAX,
    REQUEST_TIMEOUT_MS,
    RETRY_BACKOFF_MS,
    producing,
    servers,
    ssl_context,
)
from services.runtime.publisher import Message, Publisher
from services.runtime.settings import Settings

__all__ = ["Message", "Publisher", "broker"]

_SASL = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}


def broker(settings: Settings, client: str, *, consumer_only: bool = False) -> KafkaBroker:
    """FastStream's broker; nothing connects until it is started. `client` names it in the broker's logs."""
    return KafkaBroker(
        servers(settings),
        client_id=client,
        security=_security(settings),
        retry_backoff_ms=RETRY_BACKOFF_MS,
        metadata_max_age_ms=METADATA_AGE_MS_MAX,
        connections_max_idle_ms=IDLE_MS_MAX,
        allow_auto_create_topics=False,
        consumer_only=consumer_only,
        graceful_timeout=15.0,
        logger=None,  # a line per message costs a third of the speed; aiokafka's warnings reach the log by themselves
        apply_types=False,
        **(producing(settings) | ({"request_timeout_ms": REQUEST_TIMEOUT_MS} if consumer_only else {})),
    )


def _security(settings: Settings) -> BaseSecurity:
    context = ssl_context(settings)
    if not settings.kafka_security.startswith("SASL"):
        return BaseSecurity(ssl_context=context, use_ssl=context is not None)
    password = settings.kafka_password.get_secret_value()
    return _SASL[settings.kafka_mechanism](
        settings.kafka_user, password, ssl_context=context, use_ssl=context is not None
    )
