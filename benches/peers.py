#!/usr/bin/env python3
"""Times numpy and faiss-cpu on the very inputs of the benches `semantic_step` and `neighbors_build`.

    SITUS_BENCH_INPUTS=FOLDER cargo bench --bench semantic_step --bench neighbors_build
    python3 benches/peers.py FOLDER

Lines are those of cargo's bencher format, so that benches/summary.awk reads both. Whatever is not installed, or was not
saved, is left out with a line that says so. The step runs on one thread as the bench's does on one row; the table is built
with all threads. OpenBLAS takes some machines for far older ones: without OPENBLAS_CORETYPE the script sets the one for
AVX-512 or AVX2, and says so.
"""

import json
import os
import pathlib
import platform
import statistics
import struct
import subprocess
import sys
import time

STEP_REPEATS, TABLE_REPEATS, NEIGHBORS, BLOCK = 200, 5, 32, 1024


def processor():
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine(), ""
    fields = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    return fields.get("model name", platform.machine()), fields.get("flags", "")


def read(path):
    """Tensors and metadata of a safetensors file; bf16 widened to f32."""
    import numpy as np

    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    told = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        first, last = (8 + length + offset for offset in entry["data_offsets"])
        kind = {"F32": "<f4", "U32": "<u4", "BF16": "<u2"}[entry["dtype"]]
        values = np.frombuffer(data[first:last], dtype=kind).reshape(entry["shape"])
        if entry["dtype"] == "BF16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        tensors[name] = values
    return tensors, told


def report(name, seconds):
    """The median, and half the range between the quartiles."""
    quarter = statistics.quantiles(seconds, n=4)
    nanoseconds = [round(value * 1e9) for value in (statistics.median(seconds), (quarter[2] - quarter[0]) / 2)]
    print(f"test peers/{name} ... bench: {nanoseconds[0]:,} ns/iter (+/- {nanoseconds[1]:,})", flush=True)


def timed(work, repeats):
    work(0)
    seconds = []
    for turn in range(repeats):
        start = time.perf_counter()
        work(turn)
        seconds.append(time.perf_counter() - start)
    return seconds


def steps(np, tensors, top_p):
    rows, similarities = tensors["logits"], tensors["similarities"]
    ids = tensors["ids"].astype(np.int64)
    random = np.random.default_rng(7)

    def candidates(p, count):
        found = np.argpartition(p, -count)[-count:]
        found = found[np.argsort(-p[found], kind="stable")]
        running = np.cumsum(p[found])
        return found[: np.searchsorted(running, top_p * running[-1]) + 1]

    def softmax(row):
        weights = np.exp(row - row.max())
        return weights / weights.sum()

    def semantic(count):
        def step(turn):
            p = softmax(rows[turn % len(rows)])
            kept = candidates(p, count)
            scores = (np.maximum(similarities[kept], 0.0) * p[ids[kept]]).sum(axis=1)
            return kept[scores.argmax()]

        return step

    def plain(count):
        def step(turn):
            p = softmax(rows[turn % len(rows)])
            kept = candidates(p, count)
            running = np.cumsum(p[kept])
            return kept[min(np.searchsorted(running, random.random() * running[-1]), len(kept) - 1)]

        return step

    for count in (1, 50, 1024):
        report(f"numpy semantic/{count}", timed(semantic(count), STEP_REPEATS))
        report(f"numpy plain/{count}", timed(plain(count), STEP_REPEATS))


def tables(np, values):
    rows = len(values)

    def unit():
        return values / np.linalg.norm(values, axis=1, keepdims=True)

    def with_numpy(_):
        rows_unit = unit()
        for first in range(0, rows, BLOCK):
            scores = rows_unit[first : first + BLOCK] @ rows_unit.T
            best = np.argpartition(-scores, NEIGHBORS - 1, axis=1)[:, :NEIGHBORS]
            order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
            np.take_along_axis(best, order, axis=1)

    report("numpy product and selection, all threads", timed(with_numpy, TABLE_REPEATS))
    try:
        import faiss
    except ImportError:
        print("skipped: faiss is not installed")
        return
    faiss.omp_set_num_threads(os.cpu_count())

    def with_faiss(_):
        rows_unit = unit()
        index = faiss.IndexFlatIP(rows_unit.shape[1])
        index.add(rows_unit)
        index.search(rows_unit, NEIGHBORS)

    print(f"timed table: faiss {faiss.__version__}")
    report("faiss IndexFlatIP, all threads", timed(with_faiss, TABLE_REPEATS))


def main():
    folder = pathlib.Path(sys.argv[1])
    name, flags = processor()
    if "OPENBLAS_CORETYPE" not in os.environ and ("avx512f" in flags or "avx2" in flags):
        os.environ["OPENBLAS_CORETYPE"] = "SkylakeX" if "avx512f" in flags else "Haswell"
    # The number of threads is settled when numpy is loaded, so each part is a process of its own.
    if len(sys.argv) < 3:
        for part, threads in (("step", 1), ("table", os.cpu_count())):
            names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
            environment = {**os.environ, **{name: str(threads) for name in names}}
            subprocess.run([sys.executable, __file__, str(folder), part], env=environment, check=True)
        return
    try:
        import numpy as np
    except ImportError:
        print("skipped: numpy is not installed")
        return
    part = sys.argv[2]
    coretype = os.environ.get("OPENBLAS_CORETYPE", "-")
    threads = os.environ["OMP_NUM_THREADS"]
    print(f"timed {part}: numpy {np.__version__}, {name}, {threads} threads, OPENBLAS_CORETYPE={coretype}")
    path = folder / {"step": "step.safetensors", "table": "embeddings.safetensors"}[part]
    if not path.is_file():
        print(f"skipped: no {path.name}; the bench saves it where SITUS_BENCH_INPUTS says")
        return
    tensors, told = read(path)
    if part == "step":
        steps(np, tensors, float(told["top_p"]))
    else:
        tables(np, tensors["embed_tokens.weight"])


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main()
