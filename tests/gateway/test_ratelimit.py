"""Token buckets."""

from __future__ import annotations

from natter.gateway.ratelimit import Addresses, Bucket, Rate


def test_a_burst_is_free_and_what_follows_is_paid_in_time() -> None:
    bucket = Bucket(rate=10.0, burst=5.0)
    assert bucket.take(5, now=100.0) == 0.0
    assert bucket.take(1, now=100.0) == 0.1
    assert bucket.take(0, now=100.2) == 0.0


def test_tokens_never_exceed_the_burst() -> None:
    bucket = Bucket(rate=10.0, burst=5.0)
    bucket.take(0, now=0.0)
    assert bucket.take(5, now=1000.0) == 0.0
    assert bucket.take(10, now=1000.0) == 1.0


def test_a_chunk_that_has_arrived_makes_debt() -> None:
    bucket = Bucket(rate=50.0, burst=200.0)
    assert bucket.take(2200, now=0.0) == 40.0


def test_only_whole_tokens_are_spent_one_by_one() -> None:
    bucket = Bucket(rate=0.5, burst=1.0)
    assert [bucket.spend(now) for now in (10.0, 10.0, 11.9, 12.0, 12.1)] == [True, False, False, True, False]


def test_a_clock_that_goes_back_costs_nothing() -> None:
    bucket = Bucket(rate=10.0, burst=5.0)
    assert bucket.spend(100.0) and bucket.spend(40.0)
    assert bucket.tokens == 3.0


def test_a_session_rests_for_the_worse_of_both() -> None:
    rate = Rate(Bucket(50.0, 200.0), Bucket(1000.0, 1000.0))
    assert rate.take(1, 3000, now=0.0) == 2.0
    assert rate.take(300, 0, now=2.0) > 1.9


def test_an_address_is_refused_until_it_has_a_token_again() -> None:
    addresses = Addresses(rate=1.0, burst=2.0, addresses_max=16)
    assert addresses.spend("a", 0.0)
    assert addresses.spend("a", 0.0)
    assert not addresses.allowed("a", 0.0)
    assert not addresses.spend("a", 0.5)
    assert addresses.spend("b", 0.5)
    assert addresses.spend("a", 1.0)


def test_asking_spends_nothing() -> None:
    addresses = Addresses(rate=0.001, burst=1.0, addresses_max=16)
    assert all(addresses.allowed("a", 0.0) for _ in range(5))
    assert addresses.spend("a", 0.0)


def test_addresses_are_bounded() -> None:
    addresses = Addresses(rate=0.001, burst=1.0, addresses_max=16)
    for number in range(100):
        addresses.spend(str(number), 0.0)
    assert len(addresses.buckets) == 16
    assert not addresses.allowed("99", 0.0)
