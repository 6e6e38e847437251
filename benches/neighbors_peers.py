#!/usr/bin/env python3
"""Times numpy and faiss-cpu on the nearest neighbors of every row of a matrix.

The same task as `situs neighbors build` without its certainty: normalise the rows in f32, take the 32 largest inner
products of each row with all rows. Whatever of the two is not installed is left out. OpenBLAS takes some machines for far
older ones; without OPENBLAS_CORETYPE the script sets the one for AVX-512 or AVX2, and says so.

    python3 benches/neighbors_peers.py [--rows 8192] [--width 1024] [--k 32] [--threads 2] [--repeat 3]
                                       [--save embeddings.safetensors]

`--save` writes the same rows as bf16, with tensor `embed_tokens.weight` and a `tokenizer.json` beside them in which every
row is content, for `time situs neighbors build --model FOLDER --k 32 --out T.safetensors`.
"""

import argparse
import json
import os
import pathlib
import platform
import struct
import time


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=8192)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--k", type=int, default=32)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--save", type=pathlib.Path)
    return parser.parse_args()


def processor():
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor(), ""
    fields = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    return fields.get("model name", platform.processor()), fields.get("flags", "")


def save(path, values):
    import numpy

    rows, width = values.shape
    data = (values.view(numpy.uint32) >> 16).astype("<u2").tobytes()
    entry = {"dtype": "BF16", "shape": [rows, width], "data_offsets": [0, len(data)]}
    header = json.dumps({"embed_tokens.weight": entry}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    vocabulary = {f"t{row}": row for row in range(rows)}
    path.with_name("tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}}))


def best_of(repeat, work):
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times), sorted(times)[len(times) // 2]


def main():
    arguments = parse()
    name, flags = processor()
    if "OPENBLAS_CORETYPE" not in os.environ and ("avx512f" in flags or "avx2" in flags):
        os.environ["OPENBLAS_CORETYPE"] = "SkylakeX" if "avx512f" in flags else "Haswell"
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(arguments.threads)
    try:
        import numpy
    except ImportError:
        print("numpy is not installed: nothing to time")
        return
    rows, width, k = arguments.rows, arguments.width, arguments.k
    print(f"{name}, {arguments.threads} threads, OPENBLAS_CORETYPE={os.environ.get('OPENBLAS_CORETYPE', '-')}")
    print(f"{rows} rows of {width}, k = {k}; best and median of {arguments.repeat}, seconds; useful GFLOP/s of the best")
    values = numpy.random.default_rng(1).standard_normal((rows, width), dtype=numpy.float32)
    values = (values.view(numpy.uint32) & 0xFFFF0000).view(numpy.float32)
    if arguments.save:
        save(arguments.save, values)

    def normalised():
        return values / numpy.linalg.norm(values, axis=1, keepdims=True)

    def with_numpy():
        unit = normalised()
        for first in range(0, rows, 1024):
            scores = unit[first : first + 1024] @ unit.T
            best = numpy.argpartition(-scores, k - 1, axis=1)[:, :k]
            order = numpy.argsort(-numpy.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
            numpy.take_along_axis(best, order, axis=1)

    def report(what, times):
        rate = 2 * rows * rows * width / times[0] / 1e9
        print(f"{what:28} {times[0]:9.3f} {times[1]:9.3f} {rate:9.1f}")

    report(f"numpy {numpy.__version__}", best_of(arguments.repeat, with_numpy))
    try:
        import faiss
    except ImportError:
        print("faiss is not installed: left out")
        return
    faiss.omp_set_num_threads(arguments.threads)

    def with_faiss():
        unit = normalised()
        index = faiss.IndexFlatIP(width)
        index.add(unit)
        index.search(unit, k)

    report(f"faiss {faiss.__version__} IndexFlatIP", best_of(arguments.repeat, with_faiss))


if __name__ == "__main__":
    main()
