"""Names that the ledger, other versions of the relay and operators rely on."""

from services.relay.seat import channel, lock_key


def test_the_lock_of_a_schema_is_the_same_in_every_version() -> None:
    assert lock_key("koikarper") == LOCK


def test_every_schema_has_its_own_lock_within_postgresqls_bigint() -> None:
    keys = {lock_key(f"schema_{number}") for number in range(1000)}
    assert len(keys) == 1000
    assert all(-(2**63) <= key < 2**63 for key in keys)


def test_the_channel_is_the_one_that_the_ledger_notifies() -> None:
    assert channel("koikarper") == "outbox_koikarper"


def test_the_longest_schema_that_the_settings_allow_fits_into_a_channels_name() -> None:
    assert len(channel("s" * 49)) < 64


LOCK = -4_596_454_634_691_784_860
