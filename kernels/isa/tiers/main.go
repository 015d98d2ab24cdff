// Command tiers prints the tiers of package isa, one a line, each with "here" where this
// machine has it, "in force" where the program computes with it, and "missing" otherwise.
package main

import (
	"fmt"

	"github.com/stele-lm/stele/kernels/isa"
)

func main() {
	for _, t := range isa.All {
		state := "missing"
		switch {
		case t == isa.InForce():
			state = "in force"
		case t == isa.AMX && isa.TilesRefused() != nil:
		case t <= isa.Machine():
			state = "here"
		}
		fmt.Println(t, state)
	}
}
