"""How a peer is driven: one request a line on standard input, one line of JSON for each on standard output.

    time THREADS COUNT   do COUNT units of work; answers the seconds that each took
    sample COUNT         start COUNT times anew, each from a seed of its own; answers the numbers that came of each, by name
"""

import json
import sys
import time

import torch


def serve(peer):
    for line in sys.stdin:
        request, *numbers = line.split()
        answer({"time": timed, "sample": sampled}[request](peer, *map(int, numbers)))


def timed(peer, threads, count):
    torch.set_num_threads(threads)
    seconds = []
    for _ in range(max(1, count // 10)):  # caches and the second thread wake up
        peer.work()
    for _ in range(count):
        start = time.perf_counter()
        peer.work()
        seconds.append(time.perf_counter() - start)
    return seconds


def sampled(peer, count):
    torch.set_num_threads(1)
    runs = []
    for seed in range(count):
        torch.manual_seed(seed)
        runs.append(peer.run_anew())
    torch.manual_seed(0)
    return {name: [run[name] for run in runs] for name in runs[0]}


def answer(value):
    print(json.dumps(value), flush=True)
