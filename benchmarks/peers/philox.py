"""The numbers of the generator that the cases draw their inputs with: Philox 4×32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011)."""

import numpy
import torch


def uniforms(count, number, seed):
    """The numbers in (0, 1) of a case's input: its place among the inputs, and a seed."""
    blocks = -(-count // 4)
    counter = [numpy.arange(blocks, dtype=numpy.uint64), *(numpy.full(blocks, part, numpy.uint64) for part in (number, 0, 0))]
    low = numpy.uint64(0xFFFFFFFF)
    half = numpy.uint64(32)
    keys = [seed, 0]
    for _ in range(10):
        first, second = counter[0] * numpy.uint64(0xD2511F53), counter[2] * numpy.uint64(0xCD9E8D57)
        counter = [
            (second >> half) ^ counter[1] ^ numpy.uint64(keys[0]),
            second & low,
            (first >> half) ^ counter[3] ^ numpy.uint64(keys[1]),
            first & low,
        ]
        keys = [(keys[0] + 0x9E3779B9) % 2**32, (keys[1] + 0xBB67AE85) % 2**32]
    words = numpy.stack(counter, 1).reshape(-1)[:count]
    return torch.from_numpy(((words.astype(numpy.float64) + 0.5) / 2**32).astype(numpy.float32))
