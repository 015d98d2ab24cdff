// Package notices holds the licences of the software of others that is in the program.
package notices

import _ "embed"

//go:generate go run ./make

// Text names what is in the program, each with its version, and quotes its licences.
//
//go:embed NOTICES
var Text string
