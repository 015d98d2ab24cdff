"""An update on one long sequence, Stele's beside torch's, taking turns; medians over the rounds."""
import argparse
import json
import os
import statistics
import sys

from run import DISTURBED, machine, say
from run_trl import HERE, once


def peer(a, dtype):
    out, others = once(a, [sys.executable, f"{HERE}/torch_pass.py", "--model", a.model, "--dtype", dtype,
                           "--tokens", str(a.tokens), "--threads", str(a.threads), "-r", str(a.repetitions)])
    return {"update": statistics.median(json.loads(out.splitlines()[-1])["update"]), "others": others}


def stele(a, dtype):
    out, others = once(a, [a.stele, "bench", "-m", a.model, "--dtype", dtype, "-p", "0", "-n", "0", "--train=false",
                           "--pass", str(a.tokens), "-r", str(a.repetitions), "-o", "jsonl"])
    rows = [json.loads(line) for line in out.splitlines()]
    values = next(r["samples_ts"] for r in rows if r["test"] == f"train pass of {a.tokens}")
    return {"update": statistics.median(a.tokens / x for x in values), "others": others}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--stele", required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--dtype", default="float32,bfloat16")
    p.add_argument("--tokens", type=int, default=4096)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--repetitions", type=int, default=1, help="updates of a process that are timed, after one that is not")
    p.add_argument("--quiet", type=float, default=60, help="seconds to wait for others to leave the cores")
    p.add_argument("--wrap", default="", help="command before each measured process")
    p.add_argument("--threads", type=int, default=os.cpu_count())
    a = p.parse_args()
    import torch
    import transformers
    lines = [f"{machine()}, {a.threads} threads; torch {torch.__version__}, transformers {transformers.__version__}, sdpa, "
             f"gradient checkpointing. An update on 1 x {a.tokens} tokens, seconds, median of {a.rounds} rounds; * others "
             f"used more than {DISTURBED:.0%} of the cores meanwhile.", "", "| dtype | torch | Stele |", "| --- | ---: | ---: |"]
    for dtype in a.dtype.split(","):
        values = {}
        for r in range(a.rounds):
            for name, measure in (("torch", peer), ("Stele", stele)):
                v = measure(a, dtype)
                values.setdefault(name, []).append(v)
                say(f"{dtype}, round {r + 1} of {a.rounds}, {name}: {v['update']:.2f} s, others {v['others']:.0%}")
        cells = [f"{statistics.median(s['update'] for s in samples):.2f}" +
                 ("*" if any(s["others"] > DISTURBED for s in samples) else "") for samples in values.values()]
        lines.append(f"| {dtype} | " + " | ".join(cells) + " |")
    print("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
