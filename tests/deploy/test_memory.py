import random

import pytest

from edgeprune.deploy.memory import ALIGNMENT, Lifetime, place


@pytest.mark.parametrize("seed", range(20))
def test_tensors_that_live_at_once_never_overlap(seed: int) -> None:
    chance = random.Random(seed)
    lifetimes = {}
    for tensor in range(chance.randint(1, 40)):
        first = chance.randint(-1, 30)
        size = chance.choice([0, 1, 63, 64, 65, 4096, chance.randint(1, 9999)])
        lifetimes[tensor] = Lifetime(size, first, first + chance.randint(0, 8))
    offsets, total = place(lifetimes)
    for one, here in lifetimes.items():
        assert offsets[one] % ALIGNMENT == 0 and offsets[one] + here.size <= total
        for other, there in lifetimes.items():
            together = here.first <= there.last and there.first <= here.last
            if one < other and together and here.size and there.size:
                apart = offsets[one] + here.size <= offsets[other]
                assert apart or offsets[other] + there.size <= offsets[one]


def test_a_chain_needs_the_memory_of_two_neighbours() -> None:
    chain = {one: Lifetime(1024, one, one + 1) for one in range(10)}
    assert place(chain)[1] == 2 * 1024
