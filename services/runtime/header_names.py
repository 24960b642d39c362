"""Header names that are no UTF-8 must cost nobody a record.

aiokafka decodes the names of headers (their values it leaves alone) while it hands out records: one name that is no
UTF-8 makes the call fail, the records that it had already taken out are lost, and the partition fails again for ever.
So every answer of the broker is looked through before aiokafka's fetcher sees it, and in such a name each byte that is
no ASCII becomes a `?`: of the same length, in a batch that says so itself (a new checksum). Nothing else is touched.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.codec import (  # type: ignore[import-untyped]  # as above
    gzip_decode,
    lz4_decode,
    snappy_decode,
    zstd_decode,
)
from aiokafka.protocol.fetch import FetchRequest  # type: ignore[import-untyped]  # as above
from aiokafka.record.memory_records import MemoryRecords  # type: ignore[import-untyped]  # as above
from aiokafka.record.util import calc_crc32c, decode_varint  # type: ignore[import-untyped]  # as above

# The record batch of Kafka's message format v2: where each field stands (kafka.apache.org, "Record Batch").
LENGTH_AT: Final = 8
LENGTH_COUNTS_FROM: Final = 12
MAGIC_AT: Final = 16
CHECKSUM_AT: Final = 17
ATTRIBUTES_AT: Final = 21
COUNT_AT: Final = 57
RECORDS_AT: Final = 61
MAGIC: Final = 2
CODECS: Final = 0b111
ASCII_END: Final = 0x80

_DECODERS: dict[int, Callable[[bytes], bytes]] = {1: gzip_decode, 2: snappy_decode, 3: lz4_decode, 4: zstd_decode}


class TolerantConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's consumer, with every header name made readable before it is read."""

    async def start(self) -> None:
        """Connect, and from the first answer on look through all that is fetched."""
        self._client.send = _looking_through(self._client.send)
        await super().start()


def _looking_through(send: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(send)
    async def sent(node_id: int, request: Any, *rest: Any, **named: Any) -> Any:
        response = await send(node_id, request, *rest, **named)
        if isinstance(request, FetchRequest):
            response.topics = [
                (topic, [(*partition[:-1], readable(partition[-1])) for partition in partitions])
                for topic, partitions in response.topics
            ]
        return response

    return sent


def readable(data: bytes) -> bytes:
    """The batches in `data` as they are, or, where a header name is no UTF-8, with readable names."""
    if not data or _is_readable(data):
        return data
    batches, at = [], 0
    while at + RECORDS_AT <= len(data):
        end = at + LENGTH_COUNTS_FROM + int.from_bytes(data[at + LENGTH_AT : at + LENGTH_COUNTS_FROM])
        batch = data[at:end]
        # The last batch of an answer may be cut off; an older format has no headers.
        whole = end <= len(data) and batch[MAGIC_AT] == MAGIC
        batches.append(_mended(batch) if whole and not _is_readable(batch) else batch)
        at = end
    return b"".join((*batches, data[at:]))


def _is_readable(data: bytes) -> bool:
    records = MemoryRecords(data)
    try:
        while records.has_next():
            for _ in records.next_batch():
                pass
    except UnicodeDecodeError:
        return False
    except Exception:  # noqa: BLE001 - any other fault is the fetcher's to find and to tell
        return True
    return True


def _mended(batch: bytes) -> bytes:
    attributes = int.from_bytes(batch[ATTRIBUTES_AT : ATTRIBUTES_AT + 2])
    packed = batch[RECORDS_AT:]
    codec = attributes & CODECS
    records = bytearray(_DECODERS[codec](packed) if codec else packed)
    at = 0
    for _ in range(int.from_bytes(batch[COUNT_AT:RECORDS_AT])):
        at = _mend_record(records, at)
    mended = bytearray(batch[:RECORDS_AT]) + records
    mended[ATTRIBUTES_AT : ATTRIBUTES_AT + 2] = (attributes & ~CODECS).to_bytes(2)
    mended[LENGTH_AT:LENGTH_COUNTS_FROM] = (len(mended) - LENGTH_COUNTS_FROM).to_bytes(4)
    mended[CHECKSUM_AT:ATTRIBUTES_AT] = calc_crc32c(bytes(mended[ATTRIBUTES_AT:])).to_bytes(4)
    return bytes(mended)


def _mend_record(records: bytearray, at: int) -> int:
    """Make the header names of the record at `at` readable, in place; answers where the next record begins."""
    length, at = decode_varint(records, at)
    end: int = at + length
    at += 1  # attributes
    _, at = decode_varint(records, at)  # timestamp
    _, at = decode_varint(records, at)  # offset
    for _field in ("key", "value"):
        at = _after(records, at)
    count, at = decode_varint(records, at)
    for _header in range(count):
        size, at = decode_varint(records, at)
        name = bytes(records[at : at + size])
        try:
            name.decode()
        except UnicodeDecodeError:
            records[at : at + size] = bytes(byte if byte < ASCII_END else ord("?") for byte in name)
        at = _after(records, at + size)
    return end


def _after(records: bytearray, at: int) -> int:
    size, start = decode_varint(records, at)
    end: int = start + max(size, 0)
    return end  # -1: null
