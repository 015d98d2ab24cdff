"""Stele and its peers over one matrix of tests, alternating; a table and a JSON file.

Every process measures one group of tests (the prefills, all batches at one context,
the whole calls, or the queue); the participants take turns, round after round, and a value is the median
over the rounds. results.json holds every sample, with the share of the cores that
others used meanwhile; a value taken beside more than 5 % is marked *.
"""
import argparse
import json
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import time

from workload import busy

HERE = os.path.dirname(os.path.abspath(__file__))
# The participants of each precision, and the bytes of a weight, of the head's where it has others.
# Stele comes last, and of its columns the one whose activations have as many bits as the peers'.
PRECISIONS = {
    "float32": [("transformers float32", 4), ("llama.cpp F32", 4), ("openvino float32", 4), ("vllm float32", 4),
                ("stele float32", 4)],
    "bfloat16": [("transformers bfloat16", 2), ("llama.cpp BF16", 2), ("llama.cpp F16", 2), ("openvino bfloat16", 2),
                 ("vllm bfloat16", 2), ("stele bfloat16", 2)],
    "int8": [("llama.cpp Q8_0", 34 / 32), ("openvino int8", 1), ("stele int8", 1),
             ("stele w8a8", 34 / 32)],
    "int4": [("llama.cpp Q4_0", 18 / 32), ("stele int4", 18 / 32)],
}
HEADS = {"llama.cpp Q4_0": 34 / 32, "stele int4": 1}
# Those that take a whole call: the others have no continuous batching here.
TAKE_CALLS = ("openvino", "vllm", "stele")
DISTURBED = 0.05


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--stele", required=True, help="the binary; '' leaves Stele out")
    p.add_argument("--lib", default="", help="folder of libllama; '' leaves llama.cpp out")
    p.add_argument("--openvino", default="", help="Python of OpenVINO's environment; '' leaves it out")
    p.add_argument("--vllm", default="", help="Python of an environment with vLLM for CPUs; '' leaves it out")
    p.add_argument("--gguf", required=True, help="folder for GGUF files and for OpenVINO's models")
    p.add_argument("--models", required=True, help="NAME=FOLDER,...")
    p.add_argument("--model", help="only these names, comma separated")
    p.add_argument("--dtype", default=",".join(PRECISIONS))
    p.add_argument("--batch", default="1,16,64")
    p.add_argument("--context", default="256,1024")
    p.add_argument("--prompt", default="512,2048", help="tokens of the prefills, comma separated; '' leaves them out")
    p.add_argument("--generate", type=int, default=128)
    p.add_argument("--call", default="32x1x64@512,8x8x64@256,1x1x32@256",
                   help="whole calls: prompts x samples of each x tokens of one @ tokens of a prompt; '' leaves them out")
    p.add_argument("--offline", type=float, default=0.1, help="share of nano-vllm's 256 requests; 0 leaves it out")
    p.add_argument("--only", default="", help="only participants whose name contains one of these, comma separated")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--retries", type=int, default=0, help="how often a disturbed process is run again")
    p.add_argument("--quiet", type=float, default=60, help="seconds to wait for others to leave the cores")
    p.add_argument("--wrap", default="", help="command before each measured process, such as 'numactl -N 0'")
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("-o", "--out", default="runs/bench-peers")
    return p.parse_args()


def parameters(folder):
    """Parameters that a decode step reads, of the layers and of the head; keys and values of one token."""
    with open(f"{folder}/config.json") as f:
        c = json.load(f)
    h, heads, kv = c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"]
    head = c.get("head_dim") or h // heads
    layer = h * head * (2 * heads + 2 * kv) + 3 * h * c["intermediate_size"]
    return c["num_hidden_layers"] * layer, c["vocab_size"] * h, 2 * c["num_hidden_layers"] * kv * head


def wait_for_quiet(seconds):
    until = time.time() + seconds
    while time.time() < until:
        before = busy()
        time.sleep(1)
        if (busy() - before) / os.cpu_count() < DISTURBED:
            return


def command(a, name, folder, model, group, tests):
    """The command line of a participant for a group of tests."""
    program, kind = name.split()
    python = [sys.executable]
    if program == "stele":
        c = [a.stele, "bench", "-m", folder, "--dtype", kind, "--train=false", "-r", "1", "-o", "jsonl"]
        if group == "prefill":
            return c + ["-p", a.prompt, "-n", "0", "-b", "1"]
        if group == "calls":
            return c + ["--call", a.call]
        if group == "offline":
            return c + ["--offline", "--scale", str(a.offline)]
        return c + ["-p", "0", "-n", str(a.generate), "-d", str(group), "-b", a.batch]
    text = ",".join(tests)
    if program == "openvino":
        return [a.openvino, f"{HERE}/openvino_peer.py", "--model", converted(a, folder, model, kind), "--dtype", kind,
                "--threads", str(a.threads), "--tests", text]
    if program == "vllm":
        return [a.vllm, f"{HERE}/vllm_peer.py", "--model", folder, "--dtype", kind, "--tests", text]
    if program == "llama.cpp":
        return python + [f"{HERE}/llamacpp_peer.py", "--lib", a.lib, "--model", gguf(a, folder, model, kind),
                         "--threads", str(a.threads), "--tests", text]
    return python + [f"{HERE}/transformers_peer.py", "--model", folder, "--dtype", kind, "--threads", str(a.threads),
                     "--tests", text]


def gguf(a, folder, model, kind):
    path = f"{a.gguf}/{model}.{kind}.gguf"
    if not os.path.exists(path):
        say(f"converting {model} to {kind}")
        os.makedirs(a.gguf, exist_ok=True)
        subprocess.run([sys.executable, f"{HERE}/models.py", "gguf", folder, path, kind], check=True)
    return path


def converted(a, folder, model, kind):
    """The model for OpenVINO, by optimum-cli: 8-bit weights, or float32 whatever it is computed in."""
    weights = "int8" if kind == "int8" else "fp32"
    path = f"{a.gguf}/{model}.openvino-{weights}"
    if not os.path.exists(path):
        say(f"converting {model} for OpenVINO, {weights}")
        part = path + ".part"
        shutil.rmtree(part, ignore_errors=True)
        subprocess.run([f"{os.path.dirname(a.openvino)}/optimum-cli", "export", "openvino", "--model", folder, "--task",
                        "text-generation-with-past", "--weight-format", weights, part], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env=os.environ | {"HF_HUB_OFFLINE": "1", "OPENVINO_TELEMETRY": "0"})
        os.replace(part, path)
    return path


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure(a, name, folder, model, group, tests):
    """Runs one process; returns {test: sample}, a sample being tokens a second and more."""
    c = shlex.split(a.wrap) + command(a, name, folder, model, group, tests)
    best = None
    for _ in range(a.retries + 1):
        wait_for_quiet(a.quiet)
        cpu, mine, began = busy(), children(), time.perf_counter()
        done = subprocess.run(c, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"})
        if done.returncode != 0:
            raise SystemExit(f"{shlex.join(c)}\nended with {done.returncode}:\n{done.stderr[-2000:]}")
        wall = time.perf_counter() - began
        others = max(0.0, ((busy() - cpu) - (children() - mine)) / wall / os.cpu_count())
        samples = {}
        for line in done.stdout.splitlines():
            r = json.loads(line)
            if "avg_ts" in r:
                samples[r["test"]] = {"ts": r["avg_ts"], "tokens": r.get("output_tokens"), "others": round(others, 3),
                                      "bandwidth": r["bandwidth"], "bytes_per_token": r["bytes_per_token"],
                                      "backend": r["backend"]}
            else:
                samples[r["test"]] = {"ts": r["tokens"] / r["seconds"][0], "tokens": r["tokens"],
                                      "others": r["others"][0]}
                if "cache" in r:
                    samples[r["test"]]["cache"] = r["cache"]
        disturbance = statistics.mean(s["others"] for s in samples.values())
        if best is None or disturbance < best[0]:
            best = disturbance, samples
        if disturbance < DISTURBED:
            break
    missing = set(tests) - set(best[1])
    if missing:
        raise SystemExit(f"{name}: no result for {', '.join(sorted(missing))}")
    return best[1]


def children():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def save(a, results):
    os.makedirs(a.out, exist_ok=True)
    for name, text in (("results.json", json.dumps(results, indent=1)), ("table.md", table(a, results))):
        with open(f"{a.out}/{name}.part", "w") as f:
            f.write(text + "\n")
        os.replace(f"{a.out}/{name}.part", f"{a.out}/{name}")


def summary(samples):
    return statistics.median(s["ts"] for s in samples), any(s["others"] > DISTURBED for s in samples)


def table(a, results):
    """Markdown: for each model and precision, a row a test and a column a participant."""
    lines = [f"{results['machine']}, {a.threads} threads; {results['versions']}. Tokens a second, of a call and a "
             f"queue seconds, median of {a.rounds} rounds; % is of the speed at which Stele's weights are "
             f"read in the same test, ratio is Stele, its last column, to the best peer; "
             f"* others used more than {DISTURBED:.0%} of the cores meanwhile."]
    for key, tests in results["values"].items():
        model, precision = key.split("/")
        names = [n for n, _ in PRECISIONS[precision] if any(n in t for t in tests.values())]
        size = dict(PRECISIONS[precision])
        lines += ["", f"### {model}, {precision}", "", "| test | " + " | ".join(names) + " | ratio |",
                  "| --- |" + " ---: |" * (len(names) + 1)]
        for test, by_name in tests.items():
            cells, stele, peer = [], None, 0
            limits = [s["bandwidth"] for n in by_name.values() for s in n if "bandwidth" in s]
            bandwidth = statistics.median(limits) if limits else 0
            for n in names:
                if n not in by_name:
                    cells.append("")
                    continue
                speed, disturbed = summary(by_name[n])
                if n.startswith("stele"):
                    stele = speed
                else:
                    peer = max(peer, speed)
                cell = f"{speed:.1f}"
                if not test.startswith(("pp", "tg")):
                    cell = f"{by_name[n][0]['tokens'] / speed:.2f} s"
                cell += "*" if disturbed else ""
                if test.startswith("tg") and "@" not in test and bandwidth:
                    depth = int(test.split(" d")[1]) if " d" in test else 0
                    layers, head, kv = results["parameters"][model]
                    before = depth + (a.generate + 1) / 2
                    reads = by_name[n][0].get("bytes_per_token") or \
                        layers * size[n] + head * HEADS.get(n, size[n]) + before * kv * (4 if n == "transformers float32" else 2)
                    cell += f" ({100 * speed * reads / bandwidth:.0f} %)"
                cells.append(cell)
            ratio = f"{stele / peer:.2f}" if stele and peer else ""
            lines.append(f"| {test} | " + " | ".join(cells) + f" | {ratio} |")
    return "\n".join(lines)


def machine():
    with open("/proc/cpuinfo") as f:
        name = next(line.split(":")[1].strip() for line in f if line.startswith("model name"))
    return f"{name}, {os.cpu_count()} cores"


def versions(a):
    text = [f"STELE_CPU={os.environ['STELE_CPU']}"] if os.environ.get("STELE_CPU") else []
    if any(n.startswith("transformers") for d in a.dtype.split(",") for n in participants(a, d)):
        import torch
        import transformers
        text += [f"transformers {transformers.__version__}", f"torch {torch.__version__}"]
    if a.lib:
        text.append(f"llama.cpp of node-llama-cpp {os.environ.get('NODE_LLAMA_CPP', '')}")
    if a.openvino and any(n.startswith("openvino") for d in a.dtype.split(",") for n in participants(a, d)):
        text.append(os.environ.get("OPENVINO_GENAI", "openvino-genai").replace("==", " "))
    return ", ".join(text)


def participants(a, precision, group=""):
    """The names of those that are here, are asked for and take a group of tests."""
    here = {"stele": a.stele, "llama.cpp": a.lib, "openvino": a.openvino, "vllm": a.vllm}
    return [n for n, _ in PRECISIONS[precision]
            if here.get(n.split()[0], True) and (not a.only or any(o in n for o in a.only.split(",")))
            and (n != "openvino bfloat16" or has_bfloat16())
            and (group not in ("calls", "offline") or n.split()[0] in TAKE_CALLS)]


def has_bfloat16():
    """Whether the machine multiplies bfloat16 by itself, and may: OpenVINO computes in it nowhere else."""
    with open("/proc/cpuinfo") as f:
        text = f.read()
    return os.environ.get("STELE_CPU", "") != "avx2" and ("avx512_bf16" in text or "amx_bf16" in text)


def main():
    a = arguments()
    models = dict(m.split("=", 1) for m in a.models.split(","))
    chosen = a.model.split(",") if a.model else list(models)
    for m in chosen:
        if m not in models:
            raise SystemExit(f"unknown model {m!r}: expected one of {', '.join(models)}")
    for d in a.dtype.split(","):
        if d not in PRECISIONS:
            raise SystemExit(f"unknown dtype {d!r}: expected one of {', '.join(PRECISIONS)}")
    results = {"machine": machine(), "versions": versions(a), "rounds": a.rounds,
               "parameters": {m: parameters(models[m]) for m in chosen}, "values": {}}
    batches = [int(b) for b in a.batch.split(",") if b]
    groups = {"prefill": [f"pp{n}" for n in a.prompt.split(",")]} if a.prompt else {}
    if a.call:
        groups["calls"] = [f"call {c}" for c in a.call.split(",")]
    if a.offline:
        groups["offline"] = [f"offline {max(1, round(256 * a.offline))}"]
    for c in [int(x) for x in a.context.split(",") if x]:
        groups[c] = [f"tg{a.generate}" + (f"@{b}" if b > 1 else "") + f" d{c}" for b in batches]
    for model in chosen:
        for precision in a.dtype.split(","):
            values = results["values"].setdefault(f"{model}/{precision}", {})
            for group, tests in groups.items():
                for r in range(a.rounds):
                    for name in participants(a, precision, group):
                        say(f"{model} {precision}, {tests[0]}…, round {r + 1} of {a.rounds}: {name}")
                        for test, sample in measure(a, name, models[model], model, group, tests).items():
                            values.setdefault(test, {}).setdefault(name, []).append(sample)
                            say(f"    {test}: {sample['ts']:.1f} tokens/s, others {sample['others']:.0%}")
                        save(a, results)
    print(table(a, results))


if __name__ == "__main__":
    sys.exit(main())
