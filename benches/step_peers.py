#!/usr/bin/env python3
"""Times numpy, and torch where it is installed, on the step that benches/semantic_step.rs times: V = 151,936, f32.

One thread; microseconds a row, median of 200 after a warm-up. Run it on an idle machine:

    OPENBLAS_NUM_THREADS=1 python3 benches/step_peers.py
"""

import platform
import statistics
import time

import numpy as np

WIDTH, NEIGHBORS, ROWS, REPEATS = 151_936, 32, 8, 200


def median_us(step, rows):
    for row in rows:
        step(row)
    times = []
    for turn in range(REPEATS):
        row = rows[turn % len(rows)]
        start = time.perf_counter_ns()
        step(row)
        times.append((time.perf_counter_ns() - start) / 1e3)
    return statistics.median(times)


def numpy_softmax(row):
    weights = np.exp(row - row.max())
    return weights / weights.sum()


def numpy_candidates(p, count):
    found = np.argpartition(p, -count)[-count:]
    return found[np.argsort(-p[found], kind="stable")]


def numpy_semantic(ids, cosines, count):
    def step(row):
        p = numpy_softmax(row)
        candidates = numpy_candidates(p, count)
        scores = (np.maximum(cosines[candidates], 0.0) * p[ids[candidates]]).sum(axis=1)
        return candidates[scores.argmax()]

    return step


def numpy_plain(count, random):
    def step(row):
        p = numpy_softmax(row)
        candidates = numpy_candidates(p, count)
        running = np.cumsum(p[candidates])
        return candidates[np.searchsorted(running, random.random() * running[-1])]

    return step


def torch_semantic(torch, ids, cosines, count):
    def step(row):
        p = torch.softmax(row, 0)
        _, candidates = torch.topk(p, count)
        scores = (cosines[candidates].clamp(min=0) * p[ids[candidates]]).sum(1)
        return candidates[scores.argmax()]

    return step


def main():
    random = np.random.default_rng(7)
    rows = [(random.standard_normal(WIDTH) * 3).astype(np.float32) for _ in range(ROWS)]
    ids = random.integers(0, WIDTH, (WIDTH, NEIGHBORS)).astype(np.int64)
    cosines = np.tile(1 - np.arange(NEIGHBORS, dtype=np.float32) / 40, (WIDTH, 1))
    print(f"{platform.processor() or platform.machine()}, numpy {np.__version__}, {time.strftime('%Y-%m-%d')}")
    for count in (1, 50, 1024):
        print(f"numpy semantic, {count:4} candidates: {median_us(numpy_semantic(ids, cosines, count), rows):8.1f} us")
        print(f"numpy plain,    {count:4} candidates: {median_us(numpy_plain(count, random), rows):8.1f} us")
    try:
        import torch
    except ImportError:
        print("torch is not installed")
        return
    torch.set_num_threads(1)
    tensors = [torch.from_numpy(row) for row in rows]
    table = torch.from_numpy(ids), torch.from_numpy(cosines)
    for count in (1, 50, 1024):
        step = torch_semantic(torch, *table, count)
        print(f"torch semantic, {count:4} candidates: {median_us(step, tensors):8.1f} us")


if __name__ == "__main__":
    main()
