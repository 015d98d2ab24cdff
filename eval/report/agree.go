package report

import "github.com/stele-lm/stele/eval"

// Differ names the settings in which two evaluations differ and which a plan must allow
// for the two to be compared.
func Differ(base, trained *eval.Spec) []string {
	names, _ := differ(base, trained)
	return names
}

// Allowable lists the settings that a plan may allow to differ.
func Allowable() []string { return settingNames() }
