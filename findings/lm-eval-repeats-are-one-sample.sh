#!/usr/bin/env bash
# lm-evaluation-harness: over HTTP all repeats of a question are one sample, whatever the temperature and --seed.
#
# One would guess that a task with repeats: 16 and a temperature of 1, as the harness's own gsm8k_cot_self_consistency
# and humaneval_64 are made, gets 16 draws of each question for maj@k and pass@k, and that --seed changes them: so it is
# with --model hf. local-completions and local-chat-completions put "seed": 1234 into every request, so that a server
# which draws by it, as vLLM and llama.cpp do, answers all repeats alike. maj@16 is the accuracy of one sample, pass@16
# that of pass@1. --seed is not sent at all: five runs with five seeds, for an error, are one run. Nothing is said.
#
# The server below has no model: it draws one of ten answers from random.Random(seed), or afresh where there is no seed.
# 20 questions. "drawn" counts the questions whose 16 answers are not all alike.
# Seen with Python 3.11, lm_eval[api] 0.4.13, datasets 5.2.0 from PyPI:
#   as it is                  320 requests   seeds 1234   drawn  0 of 20   runs before with these answers: 0
#   --seed 7                  320 requests   seeds 1234   drawn  0 of 20   runs before with these answers: 1
#   seed=7 in model_args      320 requests   seeds 7      drawn  0 of 20   runs before with these answers: 0
#   seed: null in the task    320 requests   seeds none   drawn 20 of 20   runs before with these answers: 0
#
# Why it matters: k times the cost, and a maj@k, a pass@k and an error over seeds that are not what they are called.
# EleutherAI/lm-evaluation-harness#3046 is of --use_cache; a search of public issues found no report of the seed (one,
# tenstorrent/tt-inference-server#978, holds that none is sent).
# What to do: "seed: null" in the task's generation_kwargs, as in the last line. Exits with 1 if this changes.
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'lm_eval[api]==0.4.13' datasets==5.2.0
cat > "$dir/serve.py" <<'PYTHON'
import json
import random
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

fresh = random.Random(0)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        seed = asked.get("seed")
        with open(sys.argv[1] + "/seeds", "a") as log:
            print("none" if seed is None else seed, file=log)
        prompts = asked["prompt"] if isinstance(asked["prompt"], list) else [asked["prompt"]]
        draw = [fresh if seed is None else random.Random(f"{seed} {prompt}") for prompt in prompts]
        body = json.dumps({"choices": [{"index": i, "text": str(one.randrange(10)) if asked["temperature"] else "0"}
                                       for i, one in enumerate(draw)]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + "/port", "w") as port:
    print(server.server_port, file=port)
server.serve_forever()
PYTHON
for i in $(seq 20); do echo "{\"question\": \"Question $i?\", \"answer\": \"5\"}"; done > "$dir/questions.jsonl"
for name in plain unseeded; do
    cat > "$dir/$name.yaml" <<YAML
task: $name
dataset_path: json
dataset_kwargs: {data_files: {test: $dir/questions.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
repeats: 16
generation_kwargs: {until: ["\n"], do_sample: true, temperature: 1.0$([ $name = plain ] || echo ', seed: null')}
filter_list:
- {name: maj, filter: [{function: majority_vote}, {function: take_first}]}
metric_list: [{metric: exact_match}]
YAML
done
"$dir/venv/bin/python" "$dir/serve.py" "$dir" &
server=$!
for _ in $(seq 100); do [ -s "$dir/port" ] && break; sleep 0.1; done
cat > "$dir/count.py" <<'PYTHON'
import glob
import json
import sys

name, folder, runs = sys.argv[1:]
answers = [json.loads(line)["resps"][0] for path in glob.glob(folder + "/out/**/samples_*.jsonl", recursive=True)
           for line in open(path)]
with open(folder + "/seeds") as log:
    seeds = log.read().split()
try:
    before = json.load(open(runs))
except FileNotFoundError:
    before = []
print(f"{name:25} {len(seeds)} requests   seeds {'/'.join(sorted(set(seeds))):5} "
      f" drawn {sum(len(set(a)) > 1 for a in answers):2} of {len(answers)}   "
      f"runs before with these answers: {before.count(answers)}")
json.dump(before + [answers], open(runs, "w"))
PYTHON
export HF_HOME="$dir/hf" HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 OPENAI_API_KEY=none
run() { # name, task, what to add to model_args, flags
    rm -rf "$dir/out" "$dir/seeds"
    "$dir/venv/bin/lm_eval" run --model local-completions --tasks "$2" --include_path "$dir" --log_samples \
        --output_path "$dir/out" --model_args \
        "model=m,base_url=http://127.0.0.1:$(cat "$dir/port")/v1/completions,tokenizer_backend=None$3" "${@:4}" \
        > "$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 2; }
    "$dir/venv/bin/python" "$dir/count.py" "$1" "$dir" "$dir/runs.json"
}
got=$(run "as it is" plain ""
    run "--seed 7" plain "" --seed 7
    run "seed=7 in model_args" plain ,seed=7
    run "seed: null in the task" unseeded "")
echo "$got"
diff <(echo "$got") <(sed -n 's/^#   //p' "$0")
