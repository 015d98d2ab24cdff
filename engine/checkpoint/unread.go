package checkpoint

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Names of tensors, as far as it matters what they are.
var (
	quantised = regexp.MustCompile(`\.(qweight|qzeros|scales|g_idx|SCB|input_scale|` +
		`weight_(packed|scale|scale_inv|scale_2|global_scale|zero_point|format)|` +
		`(weight\.)?(nested_)?(absmax|quant_map)|weight\.quant_state.*)$`)
	ofLayer = regexp.MustCompile(`^(?:model\.)?layers\.(\d+)\.(.+)$`)
	// harmless tensors of a layer are tables that are computed anew, notes of other
	// programs, and adapters, which a merged model may have kept.
	harmless = regexp.MustCompile(
		`rotary_emb\.|_extra_state$|lora_|\.[qkv]_scale$|position_ids$|masked_bias$`)
	drafts = regexp.MustCompile(`\.(eh_proj|enorm|hnorm|shared_head|embed_tokens)\.`)
	// outside are tensors beside the layers that take part in what a model computes.
	outside = regexp.MustCompile(`^(?:model\.)?(\w*norm\w*\.(weight|bias)|(lm_head|embed_tokens)\.bias|` +
		`\w*logits_bias|(embed_positions|wpe)\..*)$`)
)

const noCodes = "take the model's float weights, or its GGUF file"

// checkQuantised refuses weights that are stored as codes and scales.
func (f *Folder) checkQuantised() error {
	for _, name := range slices.Sorted(maps.Keys(f.where)) {
		if quantised.MatchString(name) {
			return fmt.Errorf("%s: tensor %s: the weights are quantised, and quantization_config of config.json does "+
				"not say how: %s", f.where[name].file.Path, name, noCodes)
		}
	}
	return nil
}

// checkUnread names the tensors that are no part of the model. Those that would take part
// in what it computes are an error, such as a projection's bias or a norm that the
// configuration does not have: the weights were trained with them.
func (f *Folder) checkUnread() error {
	read := map[string]bool{}
	for _, spec := range f.Config.Model().Tensors() {
		read[spec.Name] = true
	}
	var unread, wanted []string
	drafted := map[string]bool{}
	for name, at := range f.where {
		if !read[name] {
			unread = append(unread, at.name)
			if l := ofLayer.FindStringSubmatch(name); l != nil && drafts.MatchString(name) {
				drafted[l[1]] = true
			}
		}
	}
	slices.Sort(unread)
	for _, name := range unread {
		l := ofLayer.FindStringSubmatch(name)
		counts := outside.MatchString(name)
		if l != nil {
			index, err := strconv.Atoi(l[1])
			draft := drafted[l[1]] && (err != nil || index >= f.Config.NumLayers)
			counts = !harmless.MatchString(l[2]) && !draft
		}
		counts = counts && f.where[name].tensor().DType.isReal()
		if counts && !(strings.HasSuffix(name, "bias") && f.isZero(name)) {
			wanted = append(wanted, name)
		}
	}
	if len(wanted) > 0 {
		return fmt.Errorf("%s holds tensors that change what a model computes, "+
			"and a %s with this config.json does not read them: %s: %s",
			f.Dir, f.Config.Architecture, summary(wanted), f.remedy(wanted))
	}
	if len(unread) > 0 {
		f.note("%s holds tensors that a %s does not read: %s", f.Dir, f.Config.Architecture, summary(unread))
	}
	return nil
}

// remedy returns advice about tensors that the model needs and config.json leaves out.
func (f *Folder) remedy(names []string) string {
	c := f.Config
	for _, name := range names {
		l := ofLayer.FindStringSubmatch(name)
		if l == nil {
			continue
		}
		if index, err := strconv.Atoi(l[1]); err != nil || index >= c.NumLayers {
			return fmt.Sprintf("num_hidden_layers is %d", c.NumLayers)
		}
		module, isBias := strings.CutSuffix(name, ".bias")
		last := module[strings.LastIndexByte(module, '.')+1:]
		if isBias && len(c.Architecture.Flags) > 0 && slices.Contains(c.Architecture.Projections(), last) {
			return c.flags() + " to what the weights have"
		}
	}
	return "model_type may be wrong, or the tensors do not belong there"
}

// flags names the family's flags with their values and advises to set them: "attention_bias is
// false and mlp_bias false, set them".
func (c *Config) flags() string {
	text, verb, object := "", " is", "it"
	for i, flag := range c.Architecture.Flags {
		if i > 0 {
			text, verb, object = text+" and ", "", "them"
		}
		text += fmt.Sprintf("%s%s %t", flag.Name, verb, c.Flag(flag.Name))
	}
	return text + ", set " + object
}

// isZero reports whether a stored tensor is zero everywhere, so that adding it changes
// nothing.
func (f *Folder) isZero(name string) bool {
	for _, file := range f.files {
		t, ok := file.tensors[name]
		if !ok {
			continue
		}
		values := make([]float32, t.Len())
		t.Float32s(values)
		return t.DType.isFloat() && !slices.ContainsFunc(values, func(v float32) bool { return v != 0 })
	}
	return false
}

var numbers = regexp.MustCompile(`\.\d+\.`)

// summary lists names on one line, those that differ in a layer's number as one.
func summary(names []string) string {
	kinds := map[string][]string{}
	for _, name := range names {
		kind := numbers.ReplaceAllString(name, ".*.")
		kinds[kind] = append(kinds[kind], name)
	}
	var list []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if of := kinds[kind]; len(of) == 1 {
			list = append(list, of[0])
		} else {
			list = append(list, fmt.Sprintf("%s (%d)", kind, len(of)))
		}
	}
	const most = 12
	if n := len(list) - most; n > 0 {
		list = append(list[:most], fmt.Sprintf("and %d more kinds", n))
	}
	return strings.Join(list, ", ")
}
