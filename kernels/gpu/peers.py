#!/usr/bin/env python3
"""Times what others do for the same step, and writes the report of `check.sh`.

    peers.py time [--dry] OUT.json     times PyTorch (eager, compiled), softmax + multinomial, and FlashInfer where it is
    peers.py report FOLDER COMMIT      FOLDER/report.json and FOLDER/report.md from all that was measured

The rows are normal-like of deviation 3, the table random: the work does not depend on either. Times are medians between
CUDA events, eagerly and as a replayed graph, over rows that are in the cache (warm) and that take turns (cold).
"""

import json
import pathlib
import statistics
import sys
from datetime import datetime, timezone

VOCABULARY, NEIGHBORS, CANDIDATES, TOP_P = 151_936, 32, 50, 0.999
BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
TIMES, LAUNCHES, COLD_BYTES = 200, 20, 256 << 20


def semantic(torch, ids, similarities, content):
    """The semantic step as one writes it in PyTorch."""

    def step(logits):
        p = torch.softmax(logits.float(), dim=-1)
        top, tokens = torch.topk(p, CANDIDATES, dim=-1)
        within = top / top.sum(-1, keepdim=True)
        kept = within.cumsum(-1) - within < TOP_P
        near = p.gather(1, ids[tokens].flatten(1)).view(*tokens.shape, NEIGHBORS)
        score = (near * similarities[tokens].clamp_min(0)).sum(-1)
        chosen = tokens.gather(1, torch.where(kept, score, -1.0).argmax(-1, keepdim=True))
        defers = ~(content[tokens] | ~kept).all(-1, keepdim=True)
        return torch.where(defers, tokens[:, :1], chosen)

    return step


def plain(torch):
    def step(logits):
        return torch.multinomial(torch.softmax(logits.float(), dim=-1), 1)

    return step


def flashinfer_peers(torch):
    """Name and function of each path of FlashInfer's that can be imported; and why others cannot."""
    try:
        import flashinfer
    except Exception as error:
        return {}, {"FlashInfer": f"not run: {error}"}
    peers, missing = {}, {}
    sampling = getattr(flashinfer, "sampling", flashinfer)
    if hasattr(sampling, "top_k_top_p_sampling_from_logits"):

        def top_k_first(logits):
            return sampling.top_k_top_p_sampling_from_logits(logits.float(), CANDIDATES, TOP_P, filter_apply_order="top_k_first")

        peers["FlashInfer top_k_top_p_sampling_from_logits"] = top_k_first
    try:
        from flashinfer import cake_sampling
    except ImportError as error:
        return peers, missing | {"FlashInfer cake_sampling": f"not run: {error}"}

    # Its own softmax, where it has one: the faster of the two is the fair peer.
    softmax = getattr(sampling, "softmax", None) or (lambda logits: torch.softmax(logits, dim=-1))

    def cake_step(logits):
        return cake_sampling.top_k_top_p_sampling_from_probs(softmax(logits.float()), CANDIDATES, TOP_P)

    route = getattr(cake_sampling, "cake_sampling_route", None)
    taken = route(torch.full((1, VOCABULARY), 1 / VOCABULARY, device="cuda"), CANDIDATES) if route else "pipeline"
    if taken == "pipeline":
        peers["FlashInfer softmax + cake_sampling"] = cake_step
    else:
        missing["FlashInfer cake_sampling"] = f"not run: {taken}"
    return peers, missing


def measured(torch, step, sets, graph):
    for n in range(3):
        step(sets[n % len(sets)])
    torch.cuda.synchronize()
    if graph:
        recorded = torch.cuda.CUDAGraph()
        with torch.cuda.graph(recorded):
            for n in range(LAUNCHES):
                step(sets[n % len(sets)])
        run = recorded.replay
    else:

        def run():
            for n in range(LAUNCHES):
                step(sets[n % len(sets)])

    times = []
    for _ in range(TIMES):
        before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        before.record()
        run()
        after.record()
        after.synchronize()
        times.append(before.elapsed_time(after) * 1e3 / LAUNCHES)
    times.sort()
    return {"microseconds": statistics.median(times), "p10": times[TIMES // 10], "p90": times[TIMES * 9 // 10], "times": TIMES}


def time_peers(out, dry):
    report = {"status": "", "measured": [], "missing": {}}
    try:
        import torch
    except Exception as error:
        torch = None
        report["status"] = f"not run: {error}"
    if torch is not None and dry:
        report["status"] = "not run: a dry run"
    elif torch is not None and not torch.cuda.is_available():
        report["status"] = "not run: PyTorch sees no GPU"
    if dry and torch is not None:
        # The same functions on the CPU, narrow, so that a slip in them is found where no GPU is.
        try_on_cpu(torch)
    if not report["status"]:
        report["status"] = "measured"
        report["versions"] = {"torch": torch.__version__, "cuda": torch.version.cuda}
        time_on_gpu(torch, report)
    pathlib.Path(out).write_text(json.dumps(report, indent=1))
    print(report["status"])


def inputs(torch, device, vocabulary):
    ids = torch.randint(vocabulary, (vocabulary, NEIGHBORS), device=device)
    ids[:, 0] = torch.arange(vocabulary, device=device)
    similarities = (1 - torch.arange(NEIGHBORS, device=device) / 40).expand(vocabulary, NEIGHBORS).contiguous()
    return ids, similarities, torch.ones(vocabulary, dtype=torch.bool, device=device)


def try_on_cpu(torch):
    torch.manual_seed(0)
    step = semantic(torch, *inputs(torch, "cpu", 500))
    logits = torch.randn(3, 500) * 3
    tokens = step(logits)
    assert tokens.shape == (3, 1) and plain(torch)(logits).shape == (3, 1)
    print("the PyTorch step runs on the CPU")


def time_on_gpu(torch, report):
    torch.manual_seed(0)
    step = semantic(torch, *inputs(torch, "cuda", VOCABULARY))
    peers = {
        "PyTorch eager semantic": step,
        "torch.compile semantic": torch.compile(step, dynamic=False),
        "softmax + multinomial": plain(torch),
    }
    others, report["missing"] = flashinfer_peers(torch)
    peers |= others
    for dtype in (torch.float32, torch.bfloat16):
        for batch in BATCHES:
            one = (torch.randn(batch, VOCABULARY, device="cuda") * 3).to(dtype)
            count = max(2, min(64, -(-COLD_BYTES // (one.numel() * one.element_size()))))
            sets = [one.clone() for _ in range(count)]
            for name, peer in peers.items():
                for cache in ("warm", "cold"):
                    for mode in ("eager", "graph"):
                        case = {"what": name, "format": {torch.float32: "f32"}.get(dtype, "bf16"), "batch": batch, "cache": cache, "mode": mode}
                        try:
                            case |= measured(torch, peer, sets[:1] if cache == "warm" else sets, mode == "graph")
                        except Exception as error:
                            case["failed"] = f"{type(error).__name__}: {str(error)[:200]}"
                            torch.cuda.synchronize()
                        report["measured"].append(case)


# What the step is to reach on an H200: microseconds by batch, and times the byte floor at 512 rows.
GOALS = {1: 12.0, 64: 25.0}


def markdown(report):
    lines = [f"# The CUDA step, {report['date']}", ""]
    lines += [f"- {key}: {report[key]}" for key in ("commit", "gpu", "nvidia-smi", "versions") if report.get(key)]
    lines += [f"- V = {VOCABULARY:,}, k = {CANDIDATES}, K = {NEIGHBORS}; medians in microseconds between CUDA events", ""]
    lines += ["| part | result |", "| --- | --- |"]
    lines += [f"| {name} | {result} |" for name, result in report["steps"]]
    if report.get("table"):
        table = report["table"]
        lines += ["", f"Exact table, V = {table['rows']:,}, D = {table['columns']:,}: {table['seconds']:.2f} s of the clock with all copies, {table['rows redone']} rows redone; goal 0.40 s."]
    cases = [case for case in report["measured"] if "microseconds" in case and case["microseconds"] is not None]
    if not cases:
        lines += ["", "Nothing was timed."]
    for format in ("f32", "bf16"):
        for mode in ("graph", "eager"):
            for cache in ("cold", "warm"):
                these = [c for c in cases if (c["format"], c["mode"], c["cache"]) == (format, mode, cache)]
                if not these:
                    continue
                by_name = {}
                for case in these:
                    by_name.setdefault(case["what"], {})[case["batch"]] = case["microseconds"]
                lines += ["", f"## {format}, {mode}, {cache} cache", ""]
                lines += ["| | " + " | ".join(map(str, BATCHES)) + " |", "| --- |" + " ---: |" * len(BATCHES)]
                for name, row in by_name.items():
                    cells = [f"{row[batch]:.1f}" if batch in row else "-" for batch in BATCHES]
                    lines.append(f"| {name} | " + " | ".join(cells) + " |")
                ours = by_name.get("semantic/dispatched", {})
                rivals = {name: row for name, row in by_name.items() if name.startswith("FlashInfer")}
                verdicts = []
                for batch, goal in GOALS.items():
                    if batch in ours:
                        verdicts.append(f"batch {batch}: {ours[batch]:.1f} of at most {goal:.0f} {'met' if ours[batch] <= goal else '**missed**'}")
                floor = by_name.get("row read", {})
                if 512 in ours and 512 in floor:
                    ratio = ours[512] / floor[512]
                    verdicts.append(f"batch 512: {ratio:.2f} times a read of the rows, goal 2.5 {'met' if ratio <= 2.5 else '**missed**'}")
                for name, row in rivals.items():
                    ratios = [ours[batch] / row[batch] for batch in row if batch in ours]
                    if ratios:
                        verdicts.append(f"at most {max(ratios):.2f} times {name}, goal 1.0 {'met' if max(ratios) <= 1 else '**missed**'}")
                for name, least in (("PyTorch eager semantic", 20), ("torch.compile semantic", 5)):
                    if 1 in ours and 1 in by_name.get(name, {}):
                        times = by_name[name][1] / ours[1]
                        verdicts.append(f"batch 1: {times:.1f} times as fast as {name}, goal {least} {'met' if times >= least else '**missed**'}")
                own_plain = by_name.get("plain/dispatched", {})
                ratios = [ours[batch] / own_plain[batch] for batch in own_plain if batch in ours]
                if ratios:
                    verdicts.append(f"at most {max(ratios):.2f} times our plain step, goal 1.15 {'met' if max(ratios) <= 1.15 else '**missed**'}")
                if verdicts:
                    lines += ["", "; ".join(verdicts) + "."]
    return "\n".join(lines) + "\n"


def write_report(folder, commit):
    folder = pathlib.Path(folder)

    def read(name):
        path = folder / name
        return json.loads(path.read_text()) if path.exists() else {}

    steps = [line.split("\t")[:2] for line in (folder / "steps.tsv").read_text().splitlines()]
    ours, peers = read("ours.json"), read("peers.json")
    smi = folder / "gpu.txt"
    report = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "commit": commit,
        "gpu": ours.get("gpu"),
        "nvidia-smi": smi.read_text().strip() if smi.exists() else None,
        "versions": peers.get("versions"),
        "steps": steps + sorted(peers.get("missing", {}).items()),
        "table": ours.get("table"),
        "measured": ours.get("measured", []) + peers.get("measured", []),
    }
    (folder / "report.json").write_text(json.dumps(report, indent=1))
    (folder / "report.md").write_text(markdown(report))


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--dry"]
    if arguments[:1] == ["time"] and len(arguments) == 2:
        time_peers(arguments[1], "--dry" in sys.argv)
    elif arguments[:1] == ["report"] and len(arguments) == 3:
        write_report(arguments[1], arguments[2])
    else:
        sys.exit(__doc__)
