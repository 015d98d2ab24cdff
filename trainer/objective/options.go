package objective

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/stele-lm/stele/internal/settings"
)

// Options hold the options of the policy objective (Eq. 5-6 of the paper and the
// later recipes); each is independent of the others. Every aggregation is a weight
// for each token, computed on the host over the whole mini-batch (see Aggregation),
// so that micro-batches add up to the same gradient whatever their size.
type Options struct {
	// Aggregation combines the tokens' losses into one number: seq-mean-token-mean (Eq. 5), token-mean
	// (DAPO), micro-token-mean (verl v0.2), seq-mean-token-sum or seq-mean-token-sum-norm (Dr. GRPO).
	Aggregation Aggregation `yaml:"aggregation" json:"aggregation"`
	// Length is the constant that Aggregation seq-mean-token-sum-norm divides by; 0 means the maximum
	// length of a completion.
	Length int `yaml:"length" json:"length"`
	// MicroSequences is the number of rollouts over which Aggregation micro-token-mean takes each mean,
	// verl's ppo_micro_batch_size_per_gpu.
	MicroSequences int `yaml:"micro_sequences" json:"micro_sequences"`
	// ClipLow is ε below 1: ratios under 1-ε are clipped.
	ClipLow float64 `yaml:"clip_low" json:"clip_low"`
	// ClipHigh is ε above 1: ratios over 1+ε are clipped.
	ClipHigh float64 `yaml:"clip_high" json:"clip_high"`
	// DualClip c > 1 limits the loss of negative advantages to -c·A, as verl does with 3; 0 is off.
	DualClip float64 `yaml:"dual_clip" json:"dual_clip"`

	// Beta is the weight of the KL divergence to the reference model; 0 needs no reference.
	Beta float64 `yaml:"beta" json:"beta"`
	// KLIn says where the KL divergence counts: loss (Eq. 5) or reward.
	KLIn string `yaml:"kl_in" json:"kl_in"`
	// KL is the estimator of the divergence: k1, k2 or k3 (Schulman, "Approximating KL divergence").
	KL string `yaml:"kl" json:"kl"`
	// KLTarget makes Beta adaptive: it moves so that the KL divergence reaches this value, per sequence if
	// it counts in the reward, per token if in the loss; 0 keeps Beta fixed.
	KLTarget float64 `yaml:"kl_target" json:"kl_target"`
	// KLHorizon is the number of rollouts in which an adaptive Beta can change by its own size.
	KLHorizon int `yaml:"kl_horizon" json:"kl_horizon"`

	// Entropy is the weight of the entropy bonus.
	Entropy float64 `yaml:"entropy" json:"entropy"`
	// Advantage turns rewards into advantages: group (Eq. 6; also if empty), rloo, reinforce++ or
	// reinforce++-baseline.
	Advantage Estimator `yaml:"advantage" json:"advantage,omitempty"`
	// Std divides the advantages of group by a standard deviation of rewards (off in Dr. GRPO).
	Std bool `yaml:"std" json:"std"`
	// StdOf is the deviation that Std uses: group (also if empty), or batch, that of all rewards of a step.
	StdOf string `yaml:"std_of" json:"std_of,omitempty"`
	// MaskTruncated leaves truncated rollouts out of the loss; they still count in their group's mean
	// (DAPO, "overlong filtering").
	MaskTruncated bool `yaml:"mask_truncated" json:"mask_truncated"`

	// ImportanceSampling corrects for differences between the probabilities of the sampling engine and the
	// trainer, in TRL's terms: none, token_truncate, token_mask, sequence_truncate or sequence_mask.
	ImportanceSampling ImportanceSampling `yaml:"importance_sampling" json:"importance_sampling"`
	// ImportanceCap is the largest weight of ImportanceSampling.
	ImportanceCap float64 `yaml:"importance_cap" json:"importance_cap"`

	// Own are settings that only this algorithm has, by name, as in {tau: 0.5}. Settings of other
	// algorithms are refused.
	Own Own `yaml:"options,omitempty" json:"options,omitempty"`
}

// Own are settings by their names, and values as they are written.
type Own map[string]string

// UnmarshalYAML implements yaml.InterfaceUnmarshaler: settings that come later, as each
// --set does, leave earlier ones of other names.
func (o *Own) UnmarshalYAML(unmarshal func(any) error) error {
	var more map[string]string
	if err := unmarshal(&more); err != nil {
		return err
	}
	all := maps.Clone(*o)
	if all == nil {
		all = Own{}
	}
	maps.Copy(all, more)
	*o = all
	return nil
}

// Default is Eq. 5 without the KL term; every option that a recipe adds is off.
func Default() Options {
	return Options{
		Aggregation: SeqMeanTokenMean, MicroSequences: 8, ClipLow: 0.2, ClipHigh: 0.2, KL: "k3",
		KLIn: KLInLoss, KLHorizon: 10000, Std: true, ImportanceSampling: NoImportanceSampling,
		ImportanceCap: 2,
	}
}

// Values of KLIn.
const (
	KLInLoss   = "loss"
	KLInReward = "reward"
)

// Validate refuses options that are out of range or need another that is not set.
func (l Options) Validate() error {
	switch {
	case l.ClipLow <= 0 || l.ClipLow > 1 || l.ClipHigh <= 0:
		return fmt.Errorf("loss: clip_low %g and clip_high %g must be positive, clip_low at most 1",
			l.ClipLow, l.ClipHigh)
	case l.DualClip != 0 && l.DualClip <= 1:
		return fmt.Errorf("loss: dual_clip %g must be above 1, or 0 for off", l.DualClip)
	case l.Beta < 0 || l.Length < 0 || l.KLTarget < 0:
		return fmt.Errorf("loss: beta %g, length %d and kl_target %g must not be negative", l.Beta, l.Length,
			l.KLTarget)
	case l.KL != "k1" && l.KL != "k2" && l.KL != "k3":
		return fmt.Errorf("loss: unknown kl %q: expected k1, k2 or k3", l.KL)
	case l.KLIn != KLInLoss && l.KLIn != KLInReward:
		return fmt.Errorf("loss: unknown kl_in %q: expected loss or reward", l.KLIn)
	case l.KLTarget > 0 && (l.Beta == 0 || l.KLHorizon < 1):
		return fmt.Errorf("loss: kl_target %g needs a beta to begin with (it is %g) and a kl_horizon of "+
			"at least 1 (it is %d)",
			l.KLTarget, l.Beta, l.KLHorizon)
	case l.Aggregation == MicroTokenMean && l.MicroSequences < 1:
		return fmt.Errorf("loss: aggregation %s needs micro_sequences of at least 1, it is %d", l.Aggregation,
			l.MicroSequences)
	case l.ImportanceSampling != NoImportanceSampling && !(l.ImportanceCap > 0):
		return fmt.Errorf("loss: importance_cap %g must be positive", l.ImportanceCap)
	}
	if err := l.ImportanceSampling.Validate(); err != nil {
		return err
	}
	if err := l.Advantage.validate(l.StdOf); err != nil {
		return err
	}
	return l.Aggregation.Validate()
}

// ofLine matches the line number that errors begin with, which one setting has not.
var ofLine = regexp.MustCompile(`^line \d+(, "[^"]*")?: `)

// ReadOwn puts the algorithm's own settings into a struct with yaml tags, which holds the
// defaults. A setting that the struct does not have is an error.
func (l Options) ReadOwn(into any) error {
	for _, key := range slices.Sorted(maps.Keys(l.Own)) {
		if err := settings.Read(fmt.Appendf(nil, "%s: %s\n", key, l.Own[key]), into); err != nil {
			return fmt.Errorf("loss.options.%s: %s", key, ofLine.ReplaceAllString(err.Error(), ""))
		}
	}
	return nil
}
