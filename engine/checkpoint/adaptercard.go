package checkpoint

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// adapterCard is the file of an adapter's folder in which PEFT says how the base was quantised in training:
// adapter_config.json has no field for it.
const adapterCard = "README.md"

// WriteAdapterCard writes the card of an adapter that was trained over a base whose projections were held in
// blocks of 4 or 8 bits: with PEFT's lines where PEFT can hold a base so.
func WriteAdapterCard(dir, base, code string, double bool, dtype string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "---\nbase_model: %q\nlibrary_name: peft\ntags:\n- lora\n---\n\n", base)
	fmt.Fprintf(&b, "## Training procedure\n\nThe projections of the base were held in %s during training by Stele:\n"+
		"- lora.base: %s\n- lora.double_quant: %t\n", codeBits(code), code, double)
	if code == "nf4" {
		fmt.Fprintf(&b, "\nThe following `bitsandbytes` quantization config is the same:\n"+
			"- quant_method: bitsandbytes\n- load_in_8bit: False\n- load_in_4bit: True\n- bnb_4bit_quant_type: nf4\n"+
			"- bnb_4bit_use_double_quant: %s\n- bnb_4bit_compute_dtype: %s\n",
			map[bool]string{false: "False", true: "True"}[double], dtype)
	}
	return writeSynced(filepath.Join(dir, adapterCard), []byte(b.String()))
}

func codeBits(code string) string {
	if code == "nf4" {
		return "4 bits"
	}
	return "8 bits"
}

// trainedOver reads how the base was held from the card of an adapter, which Stele or PEFT wrote. It is "" where
// there is none, or it says nothing of it.
func trainedOver(dir string) string {
	f, err := os.Open(filepath.Join(dir, adapterCard))
	if err != nil {
		return ""
	}
	defer f.Close()
	said := map[string]string{}
	const most = 1 << 20
	lines := bufio.NewScanner(io.LimitReader(f, most))
	lines.Buffer(nil, most+1) // a picture may be one line
	for lines.Scan() {
		if line, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "- "); ok {
			key, value, _ := strings.Cut(line, ":")
			said[key] = strings.ToLower(strings.TrimSpace(value))
		}
	}
	double := func(key string) string {
		if said[key] == "true" {
			return " with double quantisation"
		}
		return ""
	}
	switch {
	case said["lora.base"] != "":
		return said["lora.base"] + double("lora.double_quant")
	case said["load_in_4bit"] == "true" && said["bnb_4bit_quant_type"] != "":
		return said["bnb_4bit_quant_type"] + double("bnb_4bit_use_double_quant")
	case said["load_in_8bit"] == "true":
		return "bitsandbytes' 8 bits"
	}
	return ""
}
