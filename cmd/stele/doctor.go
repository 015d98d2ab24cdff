package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"github.com/spf13/cobra"
	"golang.org/x/sys/cpu"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/cudnn"
	"github.com/stele-lm/stele/kernels/host"
	"github.com/stele-lm/stele/kernels/isa"
	"github.com/stele-lm/stele/kernels/op"
	"github.com/stele-lm/stele/kernels/triton"
)

// diagnosis holds what stele doctor finds.
type diagnosis struct {
	Version     string   `json:"version"`
	Cores       int      `json:"cores"`
	CPUFeatures []string `json:"cpu_features"`
	Tier        string   `json:"cpu_tier"`         // see isa.InForce
	MachineTier string   `json:"cpu_tier_machine"` // what it would be without STELE_CPU
	// TilesRefused says why the system keeps the process from AMX, see isa.TilesRefused.
	TilesRefused string          `json:"tiles_refused,omitempty"`
	Kernels      string          `json:"host_kernels"` // see host.Tier
	MemoryTotal  int64           `json:"memory_total_bytes,omitempty"`
	MemoryFree   int64           `json:"memory_available_bytes,omitempty"`
	Backends     []backendState  `json:"backends"`
	Attention    string          `json:"attention"`          // over pages of keys and values, on a GPU
	Dense        string          `json:"training_attention"` // over whole sequences, on a GPU
	PluginDirs   []string        `json:"plugin_dirs"`
	Programs     programsState   `json:"programs"` // compiled, kept between processes
	Model        *memoryEstimate `json:"model,omitempty"`
}

// backendState is a backend with its description, or the reason it is not there.
type backendState struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Devices     int    `json:"devices,omitempty"` // that --devices may ask for
	Error       string `json:"error,omitempty"`
}

// memoryEstimate holds the bytes that a model takes before activations.
type memoryEstimate struct {
	Dir             string `json:"dir"`
	Parameters      int64  `json:"parameters"`
	DType           string `json:"dtype"`
	DTypeAuto       bool   `json:"dtype_auto,omitempty"` // it is the model's own, and training is in float32
	WeightBytes     int64  `json:"weight_bytes"`
	KVBytesPerToken int64  `json:"kv_bytes_per_token"`
	// TrainingBytes are weights, gradients, both moments, and float32 masters
	// where the weights are held in less; 0 in a dtype that does not train.
	TrainingBytes int64 `json:"training_bytes"`
	// Notes name what was not read of the folder, or read otherwise than it says.
	Notes []string `json:"notes,omitempty"`
	// ChatTemplate is the file that the chat template stands in; empty without one.
	ChatTemplate string `json:"chat_template,omitempty"`
	// ChatTemplateError says why the template cannot be used.
	ChatTemplateError string `json:"chat_template_error,omitempty"`
}

func newDoctorCommand(g *globals) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "doctor [-m MODEL]",
		Short: "Show what this machine has and what a model needs",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			d := diagnose()
			var failed error // of the model: what the machine has is shown anyway
			if name != "" {
				d.Model, failed = estimate(name, g.dtype)
			}
			if usage := (usageError{}); errors.As(failed, &usage) {
				return failed
			}
			if g.json {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				return errors.Join(e.Encode(d), failed)
			}
			return errors.Join(d.print(c.OutOrStdout()), failed)
		},
	}
	c.Flags().StringVarP(&name, "model", "m", "", modelUsage)
	return c
}

func diagnose() diagnosis {
	d := diagnosis{
		Version: buildVersion(), Cores: runtime.NumCPU(), CPUFeatures: cpuFeatures(),
		PluginDirs: backend.PluginDirs(), Attention: pagedAttention(errors.New("there is no such GPU")),
		Dense: trainingAttention(errors.New("there is no such GPU")),
		Tier:  isa.InForce().String(), MachineTier: isa.Machine().String(),
		Kernels: host.Tier().String(), Programs: diagnosePrograms(),
	}
	if err := isa.TilesRefused(); err != nil {
		d.TilesRefused = err.Error()
	}
	d.MemoryTotal, d.MemoryFree = machineMemory()
	for _, name := range []string{"xla:cuda", "xla:cpu", "go"} {
		state := backendState{Name: name}
		device, err := backend.Open(name)
		if err == nil {
			if state.Description, err = device.Description(); err == nil {
				state.Devices, err = device.Count()
			}
			if name == "xla:cuda" {
				d.Attention = pagedAttention(device.Kernels())
				d.Dense = trainingAttention(device.CUDNN())
			}
			device.Close()
		}
		if err != nil {
			state.Error = err.Error()
		}
		d.Backends = append(d.Backends, state)
	}
	return d
}

// devices says among how many devices --devices divides work.
func (d diagnosis) devices() string {
	var said []string
	for _, b := range d.Backends {
		switch {
		case b.Name == "xla:cuda" && b.Devices == 1:
			said = append(said, "xla:cuda has 1 GPU")
		case b.Name == "xla:cuda" && b.Devices > 1:
			said = append(said, fmt.Sprintf("xla:cuda has %d GPUs: --devices %[1]d divides sequences and gradient "+
				"passes among them", b.Devices))
		case b.Devices > 1:
			said = append(said, fmt.Sprintf("%s has %d, which share this machine's cores and are for tests", b.Name,
				b.Devices))
		}
	}
	if len(said) == 0 {
		return "no backend here has more than one"
	}
	return strings.Join(said, "; ")
}

// pagedAttention says by what rule programs attend over pages of keys and values, and what follows on a GPU that is
// here, which has kernels or a reason to have none.
func pagedAttention(none error) string {
	here := "so it is here"
	if none != nil {
		here = fmt.Sprintf("here pages are gathered: %v", none)
	}
	return fmt.Sprintf("on NVIDIA GPUs of compute capability %.1f or more a kernel reads pages of keys and values in "+
		"place, for heads of up to %d numbers and unless %s=off; otherwise pages are gathered; %s",
		backend.LeastCapability, triton.WidestHead, backend.KernelsSetting, here)
}

// trainingAttention says by what rule attention over whole sequences is cuDNN's, and what follows on a GPU that is
// here, which has it or a reason not to.
func trainingAttention(none error) string {
	here := "so it is here"
	if none != nil {
		here = fmt.Sprintf("cuDNN is not used here: %v", none)
	}
	return fmt.Sprintf("scoring and training use cuDNN on NVIDIA GPUs of compute capability %.1f or more, "+
		"for weights held in bfloat16 and heads of at most %d numbers, a multiple of 8, unless %s=off or rows of more "+
		"than %d tokens hold several sequences; otherwise XLA's programs compute it in blocks; %s",
		cudnn.LeastCapability, cudnn.WidestHead, backend.CUDNNSetting, op.LongestBiased, here)
}

// cpuFeatures names the vector extensions that speed depends on, capped or not.
func cpuFeatures() []string {
	features := []string{}
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"avx2", cpuid.CPU.Has(cpuid.AVX2)}, {"fma", cpuid.CPU.Has(cpuid.FMA3)},
		{"avx512f", cpuid.CPU.Has(cpuid.AVX512F)},
		{"avx512_vnni", cpuid.CPU.Has(cpuid.AVX512VNNI)}, {"avx512_bf16", cpuid.CPU.Has(cpuid.AVX512BF16)},
		{"amx_bf16", cpuid.CPU.Has(cpuid.AMXBF16)},
		{"amx_int8", cpuid.CPU.Has(cpuid.AMXINT8)},
		{"asimd", cpu.ARM64.HasASIMD}, {"sve", cpu.ARM64.HasSVE},
	} {
		if f.has {
			features = append(features, f.name)
		}
	}
	return features
}

// machineMemory reads the memory of the machine, and what is available of it,
// in bytes; zero where the system does not say.
func machineMemory() (total, available int64) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(data)) {
		var key string
		var kib int64
		if _, err := fmt.Sscan(line, &key, &kib); err != nil {
			continue
		}
		switch key {
		case "MemTotal:":
			total = kib << 10
		case "MemAvailable:":
			available = kib << 10
		}
	}
	return total, available
}

func estimate(name, dtypeName string) (*memoryEstimate, error) {
	auto := dtypeName == engine.AutoDType
	var notes []string
	var err error
	if auto {
		if dtypeName, notes, err = engine.OwnDType(name); err != nil {
			return nil, err
		}
	}
	dtype, err := engine.ParseDType(dtypeName)
	if err != nil {
		return nil, usagef("--dtype: %v", err)
	}
	dir, err := engine.Resolve(name)
	if err != nil {
		return nil, err
	}
	folder, err := checkpoint.Open(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	config := folder.Config
	m := &memoryEstimate{
		Dir: dir, Notes: slices.Concat(folder.Notes, notes), Parameters: config.NumParameters(), DType: dtypeName,
		DTypeAuto:   auto,
		WeightBytes: model.Bytes(config, dtype), KVBytesPerToken: config.KVBytesPerToken(poolDType(dtypeName)),
	}
	if auto {
		m.TrainingBytes = 4 * config.WeightBytes(checkpoint.F32)
	} else if !model.HostOnly(dtype) {
		m.TrainingBytes = m.WeightBytes + 3*config.WeightBytes(checkpoint.F32)
		if dtypeName != "float32" {
			m.TrainingBytes += config.WeightBytes(checkpoint.F32)
		}
	}
	files, err := checkpoint.Files(dir)
	if err != nil {
		return nil, err
	}
	template, err := text.LoadTemplateFrom(files, dir)
	switch {
	case errors.Is(err, text.ErrNoTemplate):
	case err != nil:
		return nil, err
	default:
		m.ChatTemplate = template.Path()
		if err := template.Err(); err != nil {
			m.ChatTemplateError = err.Error()
		}
	}
	return m, nil
}

// poolDType returns the dtype of keys and values beside weights of one.
func poolDType(weights string) checkpoint.DType {
	if weights == "float32" {
		return checkpoint.F32
	}
	return checkpoint.BF16
}

func (d diagnosis) print(w io.Writer) error {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("version", "%s", d.Version)
	row("cpu", "%d cores, %s", d.Cores, strings.Join(d.CPUFeatures, " "))
	switch {
	case d.Tier == d.MachineTier:
		row("cpu tier", "%s", d.Tier)
	case d.TilesRefused != "":
		row("cpu tier", "%s, not %s: %s", d.Tier, d.MachineTier, d.TilesRefused)
	default:
		row("cpu tier", "%s: %s, GODEBUG or the build keep it below %s, which this machine has", d.Tier,
			isa.Setting, d.MachineTier)
	}
	row("host kernels", "%s", d.Kernels)
	if d.MemoryTotal > 0 {
		row("memory", "%s, %s available", binarySize(d.MemoryTotal), binarySize(d.MemoryFree))
	}
	for _, s := range d.Backends {
		if s.Error != "" {
			row(s.Name, "not there: %s", s.Error)
		} else {
			row(s.Name, "%s", s.Description)
		}
	}
	row("devices", "%s", d.devices())
	row("attention", "%s", d.Attention)
	row("attention, dense", "%s", d.Dense)
	row("programs", "%v", d.Programs)
	if m := d.Model; m != nil {
		row("model", "%s, %.1f million parameters", m.Dir, float64(m.Parameters)/1e6)
		own, training := "", ""
		if m.DTypeAuto {
			own, training = ", the model's own dtype", " in "+trainingDType
		}
		row("weights", "%s in %s%s", binarySize(m.WeightBytes), m.DType, own)
		row("kv cache", "%d bytes a token, %s for 1000 tokens", m.KVBytesPerToken,
			binarySize(1000*m.KVBytesPerToken))
		if m.TrainingBytes > 0 {
			row("training", "%s with AdamW%s, before activations", binarySize(m.TrainingBytes), training)
		} else {
			row("training", "not in %s, which is for generating on a CPU", m.DType)
		}
		switch {
		case m.ChatTemplateError != "":
			row("template", "cannot be used: %s", m.ChatTemplateError)
		case m.ChatTemplate != "":
			row("template", "%s", m.ChatTemplate)
		default:
			row("template", "none")
		}
		for _, note := range m.Notes {
			row("note", "%s", note)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// binarySize writes a number of bytes for a person.
func binarySize(n int64) string {
	size, unit := float64(n), 0
	for size >= 1024 && unit < 4 {
		size /= 1024
		unit++
	}
	return fmt.Sprintf("%.4g %s", size, [...]string{"B", "KiB", "MiB", "GiB", "TiB"}[unit])
}
