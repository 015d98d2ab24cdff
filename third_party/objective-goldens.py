"""Reference values for the options of the policy objective, by verl's own functions.

Writes testdata/objective.json: log-probabilities of made-up rollouts, and for each
recipe what verl computes from them: the loss, its parts, and its gradient with
respect to every token's log-probability. Needs verl 0.9.1, TRL 1.16.0 and torch, on a CPU;
neither the build nor the tests do.  usage: make goldens, or
    python3 third_party/objective-goldens.py testdata/objective.json
"""

import json
import sys

import numpy as np
import torch
from verl.trainer.ppo import core_algos as verl
from verl.trainer.ppo.rollout_corr_helper import compute_rollout_correction_weights
from trl.trainer.utils import nanstd
from verl.trainer.config import AlgoConfig
from verl.workers.config import FSDPActorConfig

torch.manual_seed(7)
LENGTHS = [1, 9, 4, 7, 2, 8, 5, 3, 6, 9, 1, 4]
GROUP = 4
B, T = len(LENGTHS), max(LENGTHS)
mask = torch.tensor([[1.0 if t < n else 0.0 for t in range(T)] for n in LENGTHS])


def drawn(scale, around=None):
    noise = torch.randn(B, T) * scale
    return noise if around is None else around + noise


engine = -torch.rand(B, T) * 4  # as the sampling engine reported them
old = drawn(0.3, engine)  # under the trainer before the update
policy = drawn(0.4, old)  # under the trainer now
ref = drawn(0.6, old)
policy[1, 2] = old[1, 2] + 2.5  # one token that ran away each way
policy[3, 1] = old[3, 1] - 2.5
entropy = torch.rand(B, T) * 2
rewards = torch.tensor([0.1, 0.9, 0.2, 0.9, 1.0, 0.0, 0.0, 0.2, 0.5, 0.5, 0.5, 0.5])
groups = np.repeat(np.arange(B // GROUP), GROUP)


def rows(matrix):
    return [[float(x) for x in row[:n]] for row, n in zip(matrix, LENGTHS)]


def at_end(values):
    """Token-level rewards: the sequence's at its last token."""
    out = torch.zeros(B, T)
    for i, n in enumerate(LENGTHS):
        out[i, n - 1] = values[i]
    return out


def advantages(token_rewards, std):
    return verl.compute_grpo_outcome_advantage(
        token_level_rewards=token_rewards, response_mask=mask, index=groups, norm_adv_by_std_in_grpo=std
    )[0]


def aggregate(matrix, v):
    mode = v["aggregation"]
    if mode == "micro-token-mean":  # verl v0.2: masked_mean of each micro-batch, over their number
        size = v["micro_sequences"]
        parts = [verl.agg_loss(matrix[i : i + size], mask[i : i + size], "token-mean") for i in range(0, B, size)]
        return sum(parts) / len(parts)
    return verl.agg_loss(matrix, mask, mode, loss_scale_factor=v.get("length"))


def run(name, **settings):
    v = dict(aggregation="token-mean", clip_low=0.2, clip_high=0.2, dual_clip=0, beta=0.0, kl="k3", kl_in="loss",
             entropy=0.0, std=True, importance_sampling="none", importance_cap=2.0, micro_sequences=0, length=0)
    v.update(settings)
    logprob = policy.clone().requires_grad_(True)
    before, weights = engine, None
    if v["importance_sampling"] != "none":
        before = old
        level, how = v["importance_sampling"].split("_")
        threshold = v["importance_cap"] if how == "truncate" else f"1e-30_{v['importance_cap']}"
        weights, _ = compute_rollout_correction_weights(old - engine, mask, rollout_is=level, rollout_is_threshold=threshold)
    token_rewards = at_end(rewards)
    kl_reward = None
    if v["kl_in"] == "reward":  # apply_kl_penalty of verl's ray_trainer
        kld = verl.kl_penalty(before, ref, v["kl"]) * mask
        token_rewards = token_rewards - v["beta"] * kld
        kl_reward = (kld.sum(-1) / mask.sum(-1)).mean()
    A = advantages(token_rewards, v["std"])
    config = FSDPActorConfig(clip_ratio=0.2, clip_ratio_low=v["clip_low"], clip_ratio_high=v["clip_high"],
                             clip_ratio_c=v["dual_clip"] or 1e30, ppo_micro_batch_size_per_gpu=1, rollout_n=1)
    # Aggregated token by token, so that every aggregation can be put on it.
    per_token = torch.zeros(B, T)
    for i in range(B):
        for t in range(LENGTHS[i]):
            one = (slice(i, i + 1), slice(t, t + 1))
            loss, _ = verl.compute_policy_loss_vanilla(
                before[one], logprob[one], A[one], mask[one], "token-mean", config, None if weights is None else weights[one])
            per_token = per_token.index_put((torch.tensor(i), torch.tensor(t)), loss)
    _, metrics = verl.compute_policy_loss_vanilla(before, logprob, A, mask, "token-mean", config, weights)
    if v["aggregation"] in ("token-mean", "seq-mean-token-mean", "seq-mean-token-sum"):
        whole, _ = verl.compute_policy_loss_vanilla(before, logprob, A, mask, v["aggregation"], config, weights)
        assert torch.allclose(whole, aggregate(per_token, v), atol=1e-6), name
    pg = aggregate(per_token, v)
    kl = aggregate(verl.kl_penalty(logprob, ref, v["kl"]), v)
    bonus = aggregate(entropy, v)
    loss = pg - v["entropy"] * bonus
    if v["kl_in"] == "loss":
        loss = loss + v["beta"] * kl
    loss.backward()
    return dict(name=name, settings=v, loss=loss.item(), pg_loss=pg.item(), kl_loss=kl.item(), entropy_loss=bonus.item(),
                clip_fraction=metrics["actor/pg_clipfrac"], clip_fraction_lower=metrics["actor/pg_clipfrac_lower"],
                reward_kl=None if kl_reward is None else kl_reward.item(),
                weights=None if weights is None else rows(weights), advantages=[float(a[0]) for a in A],
                gradient=rows(logprob.grad))


variants = [
    run("paper", aggregation="seq-mean-token-mean", beta=0.001),
    run("verl-v0.2", aggregation="micro-token-mean", micro_sequences=8, beta=0.001, entropy=0.001),
    run("micro-token-mean of 5", aggregation="micro-token-mean", micro_sequences=5),
    run("dapo", clip_high=0.28),
    run("dr-grpo", aggregation="seq-mean-token-sum-norm", length=16, std=False),
    run("token sum", aggregation="seq-mean-token-sum", beta=0.05, kl="k1"),
    run("dual clip", dual_clip=3.0, clip_low=0.1, clip_high=0.3),
    run("entropy", aggregation="seq-mean-token-mean", entropy=0.3, beta=0.1, kl="k2"),
    run("kl in reward k1", kl_in="reward", kl="k1", beta=0.1),
    run("kl in reward k3, trainer's probabilities", kl_in="reward", kl="k3", beta=0.2, importance_sampling="token_truncate"),
    run("token_truncate", importance_sampling="token_truncate", importance_cap=1.2, beta=0.01),
    run("token_mask", importance_sampling="token_mask", importance_cap=1.2),
    run("sequence_truncate", importance_sampling="sequence_truncate", importance_cap=1.5, dual_clip=2.0),
    run("sequence_mask", importance_sampling="sequence_mask", importance_cap=1.5, aggregation="seq-mean-token-mean"),
]

SURROGATES = {"gspo": verl.compute_policy_loss_gspo, "cispo": verl.compute_policy_loss_cispo,
              "sapo": verl.compute_policy_loss_sapo}


def surrogate(name, algorithm, options, aggregation="seq-mean-token-mean", correction="none", **bounds):
    """An algorithm of its own; options are Stele's names of verl's bounds. The gradient is that of the loss."""
    before, weights = engine, None
    if correction != "none":
        before = old
        weights, _ = compute_rollout_correction_weights(old - engine, mask, rollout_is="token", rollout_is_threshold=1.2)
    logprob = policy.clone().requires_grad_(True)
    A = advantages(at_end(rewards), True)
    config = FSDPActorConfig(ppo_micro_batch_size_per_gpu=1, rollout_n=1, **bounds)
    loss, metrics = SURROGATES[algorithm](before, logprob, A, mask, aggregation, config, weights)
    loss.backward()
    return dict(name=name, algorithm=algorithm, options=options, aggregation=aggregation, correction=correction,
                loss=loss.item(), clip_fraction=metrics["actor/pg_clipfrac"],
                weights=None if weights is None else rows(weights), gradient=rows(logprob.grad))


surrogates = [
    surrogate("gspo, tokens", "gspo", dict(low="0.1", high="0.2", level="token"), clip_ratio_low=0.1, clip_ratio_high=0.2),
    surrogate("gspo, sequences", "gspo", dict(low="0.1", high="0.2"), clip_ratio_low=0.1, clip_ratio_high=0.2),
    surrogate("gspo, narrow", "gspo", {}, clip_ratio_low=3e-4, clip_ratio_high=4e-4),
    surrogate("gspo, tokens, token mean", "gspo", dict(low="0.1", high="0.2", level="token"), "token-mean",
              clip_ratio_low=0.1, clip_ratio_high=0.2),
    surrogate("gspo, corrected", "gspo", dict(low="0.1", high="0.2", level="token"), correction="token_truncate",
              clip_ratio_low=0.1, clip_ratio_high=0.2),
    surrogate("cispo", "cispo", {}, "token-mean", clip_ratio_low=1.0, clip_ratio_high=4.0),
    surrogate("cispo, narrow", "cispo", dict(lowest="0.8", highest="1.28"), "token-mean", clip_ratio_low=0.2,
              clip_ratio_high=0.28),
    surrogate("cispo, corrected", "cispo", dict(highest="1.5"), correction="token_truncate", clip_ratio_low=1.0,
              clip_ratio_high=0.5),
    surrogate("sapo", "sapo", {}, tau_pos=1.0, tau_neg=1.05),
    surrogate("sapo, sharp", "sapo", dict(tau_positive="2", tau_negative="5"), tau_pos=2.0, tau_neg=5.0),
]


def estimates(token_rewards):
    """Advantages of each rollout's tokens, all of which are the same, by verl and, of a batch, by TRL's lines."""
    scores = token_rewards.sum(-1)
    centred = scores - scores.view(-1, GROUP).mean(1).repeat_interleave(GROUP)
    config = AlgoConfig(gamma=1.0)
    index = dict(token_level_rewards=token_rewards, response_mask=mask, index=groups, config=config)
    made = {"rloo": verl.compute_rloo_outcome_advantage(**index)[0],
            "reinforce++": verl.compute_reinforce_plus_plus_outcome_advantage(token_rewards, mask, config)[0],
            "reinforce++-baseline": verl.compute_reinforce_plus_plus_baseline_outcome_advantage(**index)[0]}
    return {name: [float(a[0]) for a in A] for name, A in made.items()} | {
        "batch": (centred / (nanstd(scores) + 1e-4)).tolist()}


controller = verl.AdaptiveKLController(0.1, 0.05, 1000)
betas = []
for kl, n in [(0.01, 64), (0.2, 64), (0.051, 128), (0.05, 64), (3.0, 512), (-0.02, 64)]:
    controller.update(kl, n)
    betas.append(dict(kl=kl, n=n, beta=float(controller.value)))


def overlong(tokens, most, buffer, penalty):
    """verl's DAPORewardManager."""
    exceed = tokens - (most - buffer)
    return min(-exceed / buffer * penalty, 0)


lengths = [[n, 100, 20, p, overlong(n, 100, 20, p)] for n in (0, 79, 80, 81, 90, 99, 100) for p in (1.0, 0.5)]

with open(sys.argv[1], "w") as out:
    json.dump(dict(engine=rows(engine), old=rows(old), policy=rows(policy), ref=rows(ref), entropy=rows(entropy),
                   rewards=rewards.tolist(), group=GROUP, variants=variants,
                   surrogates=surrogates, estimates=estimates(at_end(rewards)),
                   controller=dict(beta=0.1, target=0.05, horizon=1000, updates=betas), overlong=lengths), out)
