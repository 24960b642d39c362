"""A key belongs to the partition that Kafka's own clients say."""

from hashlib import shake_128

from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as theirs

from services.runtime.partitions import murmur2, partition_of


def test_keys_of_every_length_have_the_hash_that_aiokafka_computes():
    keys = [shake_128(b"%d" % number).digest(length) for length in range(70) for number in range(5)]
    assert [murmur2(key) for key in keys] == [theirs(key) for key in keys]


def test_a_key_goes_where_aiokafkas_own_partitioner_sends_it_whatever_is_available():
    default, partitions = DefaultPartitioner(), [0, 1, 2, 3, 4, 5]
    keys = [b"", b"a", *(f"koi-{number}".encode() for number in range(50))]
    assert [partition_of(key, partitions, [2]) for key in keys] == [default(key, partitions, [2]) for key in keys]


def test_without_a_key_any_partition_that_is_available_will_do():
    assert {partition_of(None, [0, 1, 2, 3], [1, 3]) for _ in range(100)} <= {1, 3}
