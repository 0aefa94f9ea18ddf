"""What a window takes: the factors of the estimate are those that are counted."""

from relumix.engines.svd import memory
from tests.benchmarks.bench_svd import counted


def test_the_factors_are_what_the_full_size_networks_are_counted_to_take():
    factors = counted()
    assert factors
    for name, factor in factors.items():
        assert factor <= getattr(memory, name) <= 1.05 * factor, name
