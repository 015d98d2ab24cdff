package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// examples are command lines of each command, for its help and its manual page.
var examples = map[string]string{
	"stele": `
stele doctor
stele generate -m builtin:tiny -p "7 + 5 ="
stele pull Qwen/Qwen2.5-0.5B-Instruct`,
	"stele generate": `
stele generate -m Qwen/Qwen2.5-0.5B-Instruct -p "What is 12 + 30?"
stele generate -m models/qwen --in prompts.jsonl --out completions.jsonl -n 8 --temperature 1
stele generate -m models/qwen --dtype int8 --raw -p "Once upon a time" --max-tokens 64`,
	"stele chat": `
stele chat -m Qwen/Qwen2.5-0.5B-Instruct --dtype bfloat16
stele chat -m models/qwen --adapter runs/grpo/checkpoints/step-100 --system "Answer in Spanish."`,
	"stele serve": `
stele serve -m Qwen/Qwen2.5-0.5B-Instruct --dtype bfloat16
stele serve -m models/qwen --name qwen --port 8080`,
	"stele score": `
stele generate -m models/qwen --in prompts.jsonl | stele score -m models/qwen --in - --out scored.jsonl`,
	"stele tokenize": `
echo '{"text": "Hello"}' | stele tokenize -m builtin:tiny --in -
stele tokenize -m models/qwen --in ids.jsonl --decode`,
	"stele convert": `
stele convert -m models/qwen --out qwen.gguf --dtype q8_0
stele convert -m qwen.gguf --out models/qwen --dtype bfloat16`,
	"stele train": `
stele train --config run.yaml --dry-run --memory 24GiB
stele train --config run.yaml --set model=Qwen/Qwen2.5-0.5B-Instruct --set optimizer.lr=1e-6 --out runs/grpo
stele train --out runs/grpo --resume`,
	"stele study": `
stele study study.yaml --out runs/study --dry-run
stele study study.yaml --out runs/study --workers 2
stele study study.yaml --out runs/study --job report`,
	"stele report": `
stele report runs/base runs/trained --out runs/report
stele report runs/grpo --out runs/grpo/report --measures all`,
	"stele langid": `
echo '{"text": "Die Antwort ist 42."}' | stele langid --in -
stele langid --in outputs.jsonl --out languages.jsonl --lang study`,
	"stele metrics": `
stele metrics --base runs/base --trained runs/trained --languages en
stele metrics --measures words,switches runs/trained`,
	"stele compare": `
stele compare runs/base runs/trained --languages en
stele compare runs/grpo`,
	"stele grade": `
echo '{"output": "so it is \\boxed{1/2}", "reference": "0.5"}' | stele grade --in - --grader strict
stele grade --run runs/mgsm --grader strict --out runs/mgsm-strict`,
	"stele eval": `
stele eval -m models/qwen --bench mgsm --lang en,sw,th --data DATA --limit 50 --out runs/mgsm
stele eval -m models/qwen --bench math500 --preset paper --out runs/math500 --dry-run
stele eval -m models/qwen --bench mgsm --shard 1/4 --out runs/mgsm-1`,
	"stele eval merge": `
stele eval merge runs/mgsm-1 runs/mgsm-2 runs/mgsm-3 runs/mgsm-4 --out runs/mgsm`,
	"stele pull": `
stele pull Qwen/Qwen2.5-0.5B-Instruct
stele pull mgsm
stele pull openai/gsm8k --type dataset`,
	"stele bench": `
stele bench -m models/qwen --dtype bfloat16 -p 512 -n 128 -b 1,16
stele bench -m models/qwen --offline --scale 0.1`,
	"stele doctor": `
stele doctor
stele doctor -m Qwen/Qwen2.5-0.5B-Instruct --dtype bfloat16`,
	"stele completion": `
stele completion bash > /etc/bash_completion.d/stele`,
	"stele version": `
stele version`,
	"stele notices": `
stele notices | less`,
}

// giveExamples puts examples into the help of a command and of those below it.
func giveExamples(c *cobra.Command) {
	if lines := strings.TrimSpace(examples[c.CommandPath()]); lines != "" {
		c.Example = "  " + strings.ReplaceAll(lines, "\n", "\n  ")
	}
	for _, sub := range c.Commands() {
		giveExamples(sub)
	}
}
