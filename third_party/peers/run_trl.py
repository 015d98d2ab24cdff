"""Stele's GRPO step beside TRL's, taking turns; medians over the rounds."""
import argparse
import itertools
import json
import os
import shlex
import statistics
import subprocess
import sys
import time

from run import DISTURBED, busy, children, machine, say, wait_for_quiet

HERE = os.path.dirname(os.path.abspath(__file__))


def once(a, command):
    """Runs a participant; returns its standard output and the share of the cores that others used."""
    wait_for_quiet(a.quiet)
    cpu, mine, began = busy(), children(), time.perf_counter()
    done = subprocess.run(shlex.split(a.wrap) + command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=os.environ | {"HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1"})
    if done.returncode != 0:
        raise SystemExit(f"{shlex.join(command)}\nended with {done.returncode}:\n{done.stderr[-2000:]}")
    wall = time.perf_counter() - began
    return done.stdout, max(0.0, ((busy() - cpu) - (children() - mine)) / wall / os.cpu_count())


def size(step):
    """Prompts, rollouts of each, tokens of one and of a prompt, as in 4x4x64@32."""
    return [int(n) for n in step.replace("@", "x").split("x")]


def trl(a, dtype, step):
    prompts, group, completion, prompt = size(step)
    out, others = once(a, [sys.executable, f"{HERE}/trl_peer.py", "--model", a.model, "--dtype", dtype,
                           "--threads", str(a.threads), "-r", str(a.repetitions), "--prompts", str(prompts),
                           "--group", str(group), "--completion", str(completion), "--prompt", str(prompt)])
    r = json.loads(out.splitlines()[-1])
    return {k: statistics.median(v) for k, v in r.items()} | {"others": others}


def stele(a, dtype, step):
    prompts, group, completion, _ = size(step)
    out, others = once(a, [a.stele, "bench", "-m", a.model, "--dtype", dtype, "-p", "0", "-n", "0", "-r",
                           str(a.repetitions), "-o", "jsonl", "--step", step])
    seconds = {}
    for line in out.splitlines():
        r = json.loads(line)
        seconds[r["test"]] = statistics.median(prompts * group * completion / x for x in r["samples_ts"])
    return {"generation": seconds["train rollout"], "update": seconds["train update"],
            "total": seconds["train step"], "others": others}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--stele", required=True, help="the binary; '' leaves Stele out")
    p.add_argument("--model", required=True)
    p.add_argument("--dtype", default="float32,bfloat16")
    p.add_argument("--step", default="4x4x64@32,4x8x512@256", help="sizes: prompts x rollouts x tokens @ tokens of a prompt")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--repetitions", type=int, default=2, help="steps of a process that are timed, after one that is not")
    p.add_argument("--quiet", type=float, default=60, help="seconds to wait for others to leave the cores")
    p.add_argument("--wrap", default="", help="command before each measured process")
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("-o", "--out", default="runs/bench-trl")
    a = p.parse_args()
    values = {}
    for step, dtype in itertools.product(a.step.split(","), a.dtype.split(",")):
        for r in range(a.rounds):
            for name, measure in (("TRL", trl), ("Stele", stele)):
                if name == "Stele" and not a.stele:
                    continue
                v = measure(a, dtype, step)
                values.setdefault(f"{step} {dtype}", {}).setdefault(name, []).append(v)
                say(f"{step}, {dtype}, round {r + 1} of {a.rounds}, {name}: {v['total']:.2f} s, others {v['others']:.0%}")
    import torch
    import trl as package
    lines = [f"{machine()}, {a.threads} threads; TRL {package.__version__}, torch {torch.__version__}. A GRPO step of prompts "
             f"x generations x tokens @ tokens of a prompt, seconds, median of {a.rounds} rounds; * others used more than {DISTURBED:.0%} "
             "of the cores meanwhile.", "", "| step | | generation | update | total |", "| --- | --- | ---: | ---: | ---: |"]
    for what, by_name in values.items():
        for name, samples in by_name.items():
            mark = "*" if any(s["others"] > DISTURBED for s in samples) else ""
            cells = [f"{statistics.median(s[k] for s in samples):.2f}{mark}" for k in ("generation", "update", "total")]
            lines.append(f"| {what} | {name} | " + " | ".join(cells) + " |")
    text = "\n".join(lines)
    os.makedirs(a.out, exist_ok=True)
    for name, content in (("results.json", json.dumps(values, indent=1)), ("table.md", text)):
        with open(f"{a.out}/{name}.part", "w") as f:
            f.write(content + "\n")
        os.replace(f"{a.out}/{name}.part", f"{a.out}/{name}")
    print(text)


if __name__ == "__main__":
    sys.exit(main())
