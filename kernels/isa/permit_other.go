//go:build !linux || !amd64

package isa

import "errors"

// permitTiles fails: how other systems grant the registers of AMX is not known here.
func permitTiles() error { return errors.New("AMX is used on Linux alone") }
