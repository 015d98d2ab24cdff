"""How far log-probabilities of quantised weights are from those of the weights themselves.

    stele score -m MODEL --in TEXTS.jsonl --out exact.jsonl            # float32
    stele score -m MODEL --in TEXTS.jsonl --out int4.jsonl --dtype int4
    logprobs.py exact.jsonl --scored int4.jsonl
    logprobs.py exact.jsonl --lib LIBLLAMA --model MODEL.Q4_0.gguf

Prints one JSON line over all completion tokens: the mean negative log-probability of
both, and the mean, the mean magnitude and the root mean square of the difference.
"""
import argparse
import json
import os
import sys


def completion(record):
    return record.get("completion_ids") or record["token_ids"]


def by_llama(lib, gguf, records):
    """The log-probabilities of every record's completion by llama.cpp."""
    import numpy as np

    from llamacpp_peer import Llama

    llama = Llama(lib, gguf, os.cpu_count())
    for r in records:
        ids, first = r["prompt_ids"] + completion(r), len(r["prompt_ids"])
        llama.open(1, len(ids))
        llama.decode([(t, i, 0) for i, t in enumerate(ids)], [True] * len(ids))
        out = []
        for i in range(first, len(ids)):
            at = llama.lib.llama_get_logits_ith(llama.context, i - 1)
            logits = np.ctypeslib.as_array(at, (llama.vocab,)).astype(np.float64)
            top = logits.max()
            out.append(logits[ids[i]] - top - np.log(np.exp(logits - top).sum()))
        yield out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("reference", help="what stele score wrote in float32")
    p.add_argument("--scored", help="what stele score wrote of the same records")
    p.add_argument("--lib", help="folder of libllama")
    p.add_argument("--model", help="GGUF file")
    a = p.parse_args()
    if bool(a.scored) == bool(a.lib and a.model):
        p.error("either --scored, or --lib and --model")
    with open(a.reference) as f:
        records = [json.loads(line) for line in f]
    if a.scored:
        with open(a.scored) as f:
            others = [json.loads(line)["logprobs"] for line in f]
    else:
        others = list(by_llama(a.lib, a.model, records))
    if len(others) != len(records):
        raise SystemExit(f"{a.scored} has {len(others)} records, {a.reference} {len(records)}")
    exact = [x for r in records for x in r["logprobs"]]
    other = [x for o in others for x in o]
    if len(exact) != len(other):
        raise SystemExit(f"{len(other)} log-probabilities, {a.reference} has {len(exact)}")
    d, n = [b - a for a, b in zip(exact, other)], len(exact)
    print(json.dumps({
        "tokens": n, "exact nll": round(-sum(exact) / n, 4), "nll": round(-sum(other) / n, 4),
        "mean": round(sum(d) / n, 4), "mean magnitude": round(sum(map(abs, d)) / n, 4),
        "rms": round((sum(x * x for x in d) / n) ** 0.5, 4)}))


if __name__ == "__main__":
    sys.exit(main())
