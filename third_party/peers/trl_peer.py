"""TRL's GRPOTrainer as a peer: one GRPO step, in parts.

By default 4 prompts of about 32 tokens, 4 generations each of exactly 64 tokens, one update
with AdamW; no reference model (beta 0), as Stele's step is timed. Gradients are summed over passes
of at most 8,192 tokens: of 32 sequences of 768 tokens in one TRL is killed for memory with 23 GiB. Writes one JSON line:
{"generation", "update", "total"}: seconds of each step after the first.
"""
import argparse
import json
import os
import sys
import tempfile
import time

import torch
from datasets import Dataset
from transformers import AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer


class Clock(TrainerCallback):
    """Seconds of each optimiser step."""

    def __init__(self):
        self.total = []

    def on_step_begin(self, *_, **__):
        self.began = time.perf_counter()

    def on_step_end(self, *_, **__):
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.total.append(time.perf_counter() - self.began)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--model", required=True)
    p.add_argument("--dtype", choices=["float32", "bfloat16"], required=True)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    p.add_argument("-r", type=int, default=1)
    p.add_argument("--prompts", type=int, default=4)
    p.add_argument("--group", type=int, default=4)
    p.add_argument("--completion", type=int, default=64)
    p.add_argument("--prompt", type=int, default=32)
    a = p.parse_args()
    PROMPTS, GROUP, COMPLETION = a.prompts, a.group, a.completion
    torch.set_num_threads(a.threads)
    passes = 1  # a power of two that divides the sequences
    while PROMPTS * GROUP // passes * (a.prompt + COMPLETION) > 8192 and PROMPTS * GROUP % (2 * passes) == 0:
        passes *= 2
    tokenizer = AutoTokenizer.from_pretrained(a.model)
    text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    prompts = [tokenizer.decode(tokenizer(f"{i} " + text * (a.prompt // 8))["input_ids"][:a.prompt]) for i in range(PROMPTS)]
    # As many copies as steps: each step sees the four prompts.
    data = Dataset.from_dict({"prompt": prompts * (a.r + 1)})
    with tempfile.TemporaryDirectory() as out:
        config = GRPOConfig(
            output_dir=out, use_cpu=a.device == "cpu", bf16=False, fp16=False, report_to="none", save_strategy="no", logging_steps=1000,
            per_device_train_batch_size=PROMPTS * GROUP // passes, gradient_accumulation_steps=passes, num_generations=GROUP, max_completion_length=COMPLETION,
            generation_kwargs={"min_new_tokens": COMPLETION}, temperature=1.0, beta=0.0, num_iterations=1,
            gradient_checkpointing=False, learning_rate=1e-6, max_steps=a.r + 1, shuffle_dataset=False,
            model_init_kwargs={"dtype": a.dtype}, disable_tqdm=True, dataloader_pin_memory=False)
        clock = Clock()
        trainer = GRPOTrainer(model=a.model, reward_funcs=lambda completions, **_: [float(len(set(c))) for c in completions],
                              args=config, train_dataset=data, processing_class=tokenizer, callbacks=[clock])
        generation = []
        inner = trainer._generate_and_score_completions

        def generate(*arguments, **named):
            began = time.perf_counter()
            result = inner(*arguments, **named)
            generation.append(time.perf_counter() - began)
            tokens = int(result["completion_mask"].sum())
            if tokens != PROMPTS * GROUP * COMPLETION:
                raise SystemExit(f"TRL generated {tokens} tokens, expected {PROMPTS * GROUP * COMPLETION}")
            return result

        trainer._generate_and_score_completions = generate
        trainer.train()
    generation, total = generation[1:], clock.total[1:]
    print(json.dumps({"generation": generation, "total": total, "update": [t - g for t, g in zip(total, generation)]}))


if __name__ == "__main__":
    sys.exit(main())
