package trainer

import "strings"

// called lists settings of TRL's GRPOConfig and of verl by the last part of their names, and what they are here. What
// has no counterpart says why. docs/training.md has the same names in a table.
var called = map[string]string{
	// TRL's
	"model_name_or_path":                "model",
	"dataset_name":                      "data.bench",
	"dataset_train_split":               "data.split",
	"chat_template_kwargs":              "data.template_args",
	"max_steps":                         "steps",
	"num_train_epochs":                  "steps, which counts steps of rollouts",
	"per_device_train_batch_size":       batchWords,
	"gradient_accumulation_steps":       batchWords,
	"generation_batch_size":             batchWords,
	"steps_per_generation":              "update.mini_batches",
	"num_generations":                   "rollout.group_size",
	"max_completion_length":             "rollout.max_tokens",
	"max_prompt_length":                 "rollout.max_prompt",
	"learning_rate":                     "optimizer.lr",
	"lr_scheduler_type":                 "optimizer.schedule",
	"warmup_steps":                      "optimizer.warmup",
	"warmup_ratio":                      "optimizer.warmup, in steps",
	"adam_beta1":                        "optimizer.beta1",
	"adam_beta2":                        "optimizer.beta2",
	"adam_epsilon":                      "optimizer.epsilon",
	"num_iterations":                    "update.epochs",
	"gradient_checkpointing":            "update.remat",
	"epsilon":                           "loss.clip_low and loss.clip_high",
	"epsilon_high":                      "loss.clip_high",
	"delta":                             "loss.dual_clip",
	"loss_type":                         "loss.aggregation, or algorithm for cispo and sapo",
	"scale_rewards":                     "loss.std and loss.std_of",
	"importance_sampling_level":         "algorithm: gspo for sequence",
	"mask_truncated_completions":        "loss.mask_truncated",
	"vllm_importance_sampling_mode":     "loss.importance_sampling",
	"vllm_importance_sampling_cap":      "loss.importance_cap",
	"sapo_temperature_pos":              "loss.options.tau_positive",
	"sapo_temperature_neg":              "loss.options.tau_negative",
	"entropy_coef":                      "loss.entropy",
	"reward_funcs":                      "reward.commands and reward.only",
	"reward_weights":                    "the weight of each reward, as in reward.accuracy",
	"save_steps":                        "save.every",
	"save_total_limit":                  "save.keep_last",
	"eval_steps":                        "eval.every",
	"report_to":                         "loggers",
	"output_dir":                        "--out",
	"bf16":                              "--dtype bfloat16",
	"lora_r":                            "lora.rank",
	"lora_target_modules":               "lora.targets",
	"top_p":                             drawWords,
	"top_k":                             drawWords,
	"min_p":                             drawWords,
	"repetition_penalty":                drawWords,
	"vllm_importance_sampling_clip_max": "loss.importance_cap",
	// verl's
	"path":                          "model",
	"lr":                            "optimizer.lr",
	"enable_gradient_checkpointing": "update.remat",
	"loss_scale_factor":             "loss.length",
	"rollout_is":                    "loss.importance_sampling",
	"rollout_is_threshold":          "loss.importance_cap",
	"custom_reward_function":        "reward.commands and reward.only",
	"max_actor_ckpt_to_keep":        "save.keep_last",
	"logger":                        "loggers",
	"default_local_dir":             "--out",
	"train_files":                   "data.bench",
	"val_files":                     "eval.bench",
	"train_batch_size":              "rollout.questions",
	"max_response_length":           "rollout.max_tokens",
	"n":                             "rollout.group_size",
	"clip_grad":                     "optimizer.max_grad_norm",
	"grad_clip":                     "optimizer.max_grad_norm",
	"lr_warmup_steps":               "optimizer.warmup",
	"ppo_mini_batch_size":           "update.mini_batches, which is train_batch_size / ppo_mini_batch_size",
	"ppo_micro_batch_size":          "update.micro_tokens, in tokens",
	"ppo_micro_batch_size_per_gpu":  "update.micro_tokens, in tokens",
	"ppo_max_token_len_per_gpu":     "update.micro_tokens",
	"ppo_epochs":                    "update.epochs",
	"clip_ratio":                    "loss.clip_low and loss.clip_high",
	"clip_ratio_low":                "loss.clip_low",
	"clip_ratio_high":               "loss.clip_high",
	"clip_ratio_c":                  "loss.dual_clip",
	"loss_agg_mode":                 "loss.aggregation",
	"loss_mode":                     "algorithm",
	"use_kl_loss":                   "loss.beta, which is above 0 where the divergence counts",
	"kl_loss_coef":                  "loss.beta",
	"kl_loss_type":                  "loss.kl: k3 for low_var_kl",
	"use_kl_in_reward":              "loss.kl_in: reward",
	"kl_coef":                       "loss.beta",
	"entropy_coeff":                 "loss.entropy",
	"adv_estimator":                 "loss.advantage",
	"norm_adv_by_std_in_grpo":       "loss.std",
	"filter_groups":                 "rollout.dynamic_sampling",
	"total_training_steps":          "steps",
	"total_epochs":                  "steps, which counts steps of rollouts",
	"save_freq":                     "save.every",
	"test_freq":                     "eval.every",
	"val_before_train":              "eval.before",
	"n_gpus_per_node":               "--devices",
}

const (
	batchWords = "rollout.questions and rollout.group_size of a step, and update.micro_tokens of a gradient pass"
	drawWords  = "not to be had in training: rollouts are drawn from all of the model's distribution"
)

// parents are the parts of settings, where those have several, in which a name means what called says.
var parents = map[string]string{"path": "model", "n": "rollout"}

// Called says what a setting of TRL's or verl's is called here; it is "" where that is not known.
func (Config) Called(setting string) (here string) {
	if strings.HasPrefix(setting, "eval.") {
		return ""
	}
	parts := strings.Split(setting, ".")
	name := parts[len(parts)-1]
	if parent := parents[name]; parent != "" && len(parts) > 1 && parts[len(parts)-2] != parent {
		return ""
	}
	return called[name]
}
