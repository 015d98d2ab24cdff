"""Reference values for what becomes of rewards: TRL's and verl's own code.

Writes testdata/rewards.json: rewards of made-up rollouts, some of them null, and what
TRL 1.16.0 and verl 0.9.1 make of them: metrics and advantages. TRL has this in the
middle of GRPOTrainer._generate_and_score_completions, so its statements are cut out of
the source and run; nothing of them is written anew. Needs torch, and the two wheels
unpacked in a folder; neither the build nor the tests do.
usage: pip download --no-deps trl==1.16.0 verl==0.9.1, unzip both into WHEELS, and
    python3 third_party/reward-goldens.py WHEELS testdata/rewards.json
"""

import ast
import json
import logging
import math
import random
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Optional

import numpy as np
import torch

wheels, out = Path(sys.argv[1]), sys.argv[2]


def functions(path, names, **globals_):
    """Functions of a module by name, without what else it imports."""
    tree = ast.parse((wheels / path).read_text())
    tree.body = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name in names]
    for n in tree.body:
        n.decorator_list = []
    scope = {"torch": torch, "np": np, "Any": Any, "Optional": Optional, "defaultdict": defaultdict, "AlgoConfig": Any,
             "DataProto": Any, "logger": logging.getLogger(), **globals_}
    exec(compile(tree, path, "exec"), scope)
    return SimpleNamespace(**{n: scope[n] for n in names})


nanstd = functions("trl/trainer/utils.py", ["nanstd"]).nanstd
verl = functions("verl/trainer/ppo/core_algos.py", ["compute_grpo_outcome_advantage"])
verl_metrics = functions("verl/trainer/ppo/metric_utils.py", ["compute_data_metrics", "_compute_response_info"])


def statements():
    """TRL's from the rewards of each function to the metrics, the part of one process left out."""
    tree = ast.parse((wheels / "trl/trainer/grpo_trainer.py").read_text())
    method = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "_generate_and_score_completions")
    first = next(i for i, n in enumerate(method.body) if ast.unparse(n).startswith("unscorable_mask"))
    last = next(i for i, n in enumerate(method.body) if "frac_reward_zero_std" in ast.unparse(n))
    kept = [n for n in method.body[first : last + 1] if "process_slice" not in ast.unparse(n)]
    return compile(ast.Module(kept, []), "grpo_trainer.py", "exec")


TRL = statements()


def number(x):
    return None if x is None or math.isnan(x) else x


def trl(case, scale):
    names = [f"r{k}" for k in range(len(case["weights"]))]
    self = SimpleNamespace(
        multi_objective_aggregation="sum_then_normalize", reward_weights=torch.tensor(case["weights"], dtype=torch.float64),
        scale_rewards=scale, reward_func_names=names, _metrics={"train": defaultdict(list)},
    )
    rewards = torch.tensor([[math.nan if r is None else r for r in row] for row in case["rewards"]], dtype=torch.float64)
    scope = {"self": self, "torch": torch, "nanstd": nanstd, "rewards_per_func": rewards, "num_generations": case["group"],
             "device": "cpu", "mode": "train"}
    exec(TRL, scope)
    metrics = {name: number(values[0]) for name, values in self._metrics["train"].items()}
    return metrics, scope["advantages"].tolist()


def critic(case):
    """verl's metrics of the rollouts; every one has a reward."""
    T = max(case["lengths"])
    mask = torch.tensor([[float(t < n) for t in range(T)] for n in case["lengths"]], dtype=torch.float64)
    score, penalty = torch.zeros_like(mask), torch.zeros_like(mask)
    for i, n in enumerate(case["lengths"]):
        score[i, n - 1] = sum(w * r for w, r in zip(case["weights"], case["rewards"][i]))
        penalty[i, n - 1] = case["penalties"][i]
    groups = np.repeat(np.arange(len(mask) // case["group"]), case["group"])
    advantages, returns = verl.compute_grpo_outcome_advantage(score - penalty, mask, groups)
    batch = SimpleNamespace(
        batch={
            "token_level_scores": score, "token_level_rewards": score - penalty, "advantages": advantages, "returns": returns,
            "prompts": torch.zeros(len(mask), 3), "responses": torch.zeros_like(mask), "response_mask": mask,
            "attention_mask": torch.cat([torch.ones(len(mask), 3, dtype=torch.float64), mask], 1),
        },
        non_tensor_batch={},
    )
    metrics = verl_metrics.compute_data_metrics(batch, use_critic=False)
    kept = {k: v for k, v in metrics.items() if k.startswith(("critic/score", "critic/rewards", "critic/advantages"))}
    return kept, advantages[:, 0].tolist()


draw = random.Random(5)
cases = []
for name, group, groups, weights, null in [
    ("one function", 4, 3, [1.0], 0.0),
    ("two functions", 4, 3, [0.8, 0.25], 0.0),
    ("some null", 4, 5, [0.8, -0.5], 0.4),
    ("most null", 3, 8, [1.0], 0.6),
    ("one function never answers", 4, 2, [1.0, 2.0], None),
    ("all null", 2, 2, [1.0], 1.0),
]:
    rows = []
    for _ in range(group * groups):
        row = [round(draw.choice([0.0, 0.5, 1.0, draw.random()]), 3) for _ in weights]
        rows.append([None if null and draw.random() < null else r for r in row])
    if null is None:
        rows = [[row[0], None] for row in rows]
    else:
        rows[:group] = [[1.0] * len(weights)] * group if null < 1 else rows[:group]  # a group of equals
    case = {
        "name": name, "group": group, "weights": weights, "rewards": rows,
        "lengths": [draw.randint(1, 6) for _ in rows], "penalties": [round(draw.random() / 4, 3) for _ in rows],
    }
    case["trl"], case["trl_group"] = trl(case, "group")
    _, case["trl_none"] = trl(case, "none")
    if all(r is not None for row in rows for r in row):
        case["verl"], case["verl_advantages"] = critic(case)
    cases.append(case)

with open(out, "w") as f:
    json.dump({"torch": torch.__version__, "trl": "1.16.0", "verl": "0.9.1", "cases": cases}, f, indent=1)
    f.write("\n")
