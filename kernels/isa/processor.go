package isa

import (
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// Processor describes the processor in a line, with a number for all of its features: on two that are described
// alike a compiler makes the same machine code.
func Processor() string {
	c := cpuid.CPU
	features := strings.Join(c.FeatureSet(), " ")
	if flags := linuxFlags(); flags != "" {
		features = flags // has those that the library does not know
	}
	return fmt.Sprintf("%s (family %d, model %d, stepping %d, features %.6x)", c.BrandName, c.Family, c.Model,
		c.Stepping, sha256.Sum256([]byte(features)))
}

// Name returns what the processor calls itself, or the architecture where it does not say.
func Name() string {
	if name := strings.TrimSpace(cpuid.CPU.BrandName); name != "" {
		return name
	}
	return runtime.GOARCH
}

// linuxFlags returns the features that Linux lists of the first processor.
func linuxFlags() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(key) {
		case "flags", "Features":
			return strings.TrimSpace(value)
		}
	}
	return ""
}
