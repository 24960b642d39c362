"""Header names that are no UTF-8 are made readable, and nothing else of a batch changes."""

import pytest
from aiokafka.record.default_records import (  # type: ignore[import-untyped]  # aiokafka has no py.typed
    DefaultRecordBatchBuilder,
)
from aiokafka.record.memory_records import MemoryRecords  # type: ignore[import-untyped]  # as above
from aiokafka.record.util import calc_crc32c  # type: ignore[import-untyped]  # as above
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.header_names import readable

Headers = list[tuple[str, bytes | None]]


def batch(*headers: Headers, codec: int = 0) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=0,
        batch_size=1_000_000,
    )
    for offset, pairs in enumerate(headers):
        builder.append(offset, timestamp=1_000 + offset, key=b"k", value=b"v%d" % offset, headers=pairs)
    return bytes(builder.build())


def spoilt(data: bytes) -> bytes:
    """The batch with bytes that are no UTF-8 where a header is named `zzzz`, as a client in another language sends."""
    changed = bytearray(data.replace(b"zzzz", b"z\xff\xfez"))
    changed[17:21] = calc_crc32c(bytes(changed[21:])).to_bytes(4)
    return bytes(changed)


def read(data: bytes) -> list[tuple[int, bytes, list[tuple[str, bytes | None]]]]:
    found = []
    records = MemoryRecords(data)
    while records.has_next():
        each = records.next_batch()
        assert each.validate_crc()
        found += [(record.timestamp, record.value, list(record.headers)) for record in each]
    return found


def test_aiokafka_itself_cannot_read_such_a_name() -> None:
    with pytest.raises(UnicodeDecodeError):
        read(spoilt(batch([("zzzz", b"1")])))


def test_such_a_name_becomes_readable_and_the_rest_stays() -> None:
    data = spoilt(batch([("a", b"\xff")], [("zzzz", b"\xff\x00"), ("ok", None), ("é", b"")], []))
    assert read(readable(data)) == [
        (1_000, b"v0", [("a", b"\xff")]),
        (1_001, b"v1", [("z??z", b"\xff\x00"), ("ok", None), ("é", b"")]),
        (1_002, b"v2", []),
    ]


def test_only_the_batch_that_needs_it_is_touched_and_one_that_is_cut_off_stays() -> None:
    good, bad, cut = batch([("a", b"1")]), spoilt(batch([("zzzz", b"1")])), batch([("b", b"1")])[:70]
    mended = readable(good + bad + cut)
    assert mended.startswith(good)
    assert mended.endswith(cut)
    assert len(mended) == len(good + bad + cut)


@given(st.lists(st.lists(st.tuples(st.text(), st.none() | st.binary())), min_size=1))
def test_what_can_be_read_is_not_touched(headers: list[Headers]) -> None:
    data = batch(*headers)
    assert readable(data) is data


def test_a_compressed_batch_is_mended_too() -> None:
    from aiokafka.codec import zstd_encode  # type: ignore[import-untyped]  # noqa: PLC0415 - aiokafka has no py.typed

    plain = spoilt(batch([("zzzz", b"1")], [("x", b"2")]))
    packed = bytearray(plain[:61]) + zstd_encode(plain[61:])
    packed[8:12] = (len(packed) - 12).to_bytes(4)
    packed[21:23] = (4).to_bytes(2)
    packed[17:21] = calc_crc32c(bytes(packed[21:])).to_bytes(4)
    with pytest.raises(UnicodeDecodeError):
        read(bytes(packed))
    assert [headers for _, _, headers in read(readable(bytes(packed)))] == [[("z??z", b"1")], [("x", b"2")]]


@given(st.binary(max_size=300))
def test_bytes_that_are_no_batch_are_left_to_aiokafka(data: bytes) -> None:
    assert readable(data) == data
