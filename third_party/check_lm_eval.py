"""lm-evaluation-harness asks a running stele serve what stele eval was asked, and both are compared."""
import argparse
import json
import pathlib
import subprocess
import sys

import lm_eval
from lm_eval.tasks import TaskManager

parser = argparse.ArgumentParser(description=__doc__)
for name in ("run", "url", "work", "model", "stele"):
    parser.add_argument("--" + name, required=True)
args = parser.parse_args()
work = pathlib.Path(args.work)

samples = [json.loads(line) for line in open(pathlib.Path(args.run) / "samples.jsonl")]
docs = [{"prompt": s["prompt"], "answer": s["output"]} for s in samples]
(work / "docs.jsonl").write_text("".join(json.dumps(d) + "\n" for d in docs))
# Choices to be told apart by their log-probability: the output, cut, and others.
choices = [{"prompt": s["prompt"], "choices": [s["output"][:40] or "x", " seven apples", " 12"]} for s in samples[:12]]
(work / "choices.jsonl").write_text("".join(json.dumps(c) + "\n" for c in choices))
tasks = work / "tasks"
tasks.mkdir()
(tasks / "outputs.yaml").write_text(f"""
task: stele_outputs
dataset_path: json
dataset_kwargs: {{data_files: {{test: {work}/docs.jsonl}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{prompt}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: [], do_sample: false, temperature: 0.0, max_gen_toks: 48}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
""")
(tasks / "choices.yaml").write_text(f"""
task: stele_choices
dataset_path: json
dataset_kwargs: {{data_files: {{test: {work}/choices.jsonl}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{prompt}}}}"
doc_to_target: 0
doc_to_choice: "{{{{choices}}}}"
target_delimiter: ""
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
""")
served = json.loads(subprocess.run(["curl", "-s", args.url + "/models"], capture_output=True, check=True).stdout)
name = served["data"][0]["id"]
out = lm_eval.simple_evaluate(
    model="local-completions", tasks=["stele_outputs", "stele_choices"],
    task_manager=TaskManager(include_path=str(tasks), include_defaults=False), log_samples=True, batch_size=1,
    model_args={"model": name, "base_url": args.url + "/completions", "num_concurrent": 8, "tokenizer_backend": "remote",
                "tokenized_requests": False, "max_length": served["data"][0]["max_model_len"]},
)
wrong = 0
for s in out["samples"]["stele_outputs"]:
    want = docs[s["doc_id"]]["answer"]
    if s["resps"][0][0] != want:
        wrong += 1
        print(f"question {s['doc_id']}: {s['resps'][0][0]!r} through lm-eval, {want!r} in stele eval", file=sys.stderr)
print(f"{len(docs)} outputs, {len(docs) - wrong} the same in lm-eval and stele eval")

# The same sums by stele score.
encode = lambda texts: [json.loads(line)["ids"] for line in subprocess.run(
    [args.stele, "tokenize", "-m", args.model, "--in", "-", "--special"], text=True, capture_output=True, check=True,
    input="".join(json.dumps({"text": t}) + "\n" for t in texts)).stdout.splitlines()]
worst, pairs, sums = 0.0, [], []
for s in out["samples"]["stele_choices"]:
    c = choices[s["doc_id"]]
    for text, response in zip(c["choices"], s["resps"]):
        # lm-evaluation-harness counts blanks at a prompt's end to what follows.
        prompt, whole = encode([c["prompt"].rstrip(), c["prompt"] + text])
        pairs.append({"prompt_ids": whole[:len(prompt)], "completion_ids": whole[len(prompt):]})
        sums.append(float(response[0][0]))
scored = subprocess.run([args.stele, "score", "-m", args.model, "--in", "-"], text=True, capture_output=True, check=True,
                        input="".join(json.dumps(p) + "\n" for p in pairs)).stdout.splitlines()
for line, total in zip(scored, sums):
    worst = max(worst, abs(sum(json.loads(line)["logprobs"]) - total))
print(f"{len(pairs)} choices, log-probabilities differ by {worst:.2g} at most")
sys.exit(wrong > 0 or not worst < 1e-4)
