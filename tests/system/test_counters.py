"""Budgets that are checked on exact counts, which don't depend on how busy this machine is."""


def test_switches_kicks_and_copies(passes):
    """On one hart: at most 2.02 address-space switches a synchronous read, at most 2 kicks and
    interrupts a batch, no payload byte copied. The guest program counts and judges."""
    result = passes("blktest vda --group counters", "--smp", 1, timeout=180)
    assert any("counters" in line for line in result.lines("PASS")), str(result)
    assert not result.lines("SKIP"), str(result)
