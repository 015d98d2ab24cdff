//go:build !linux

package main

// allowedCores names the cores on which this process may run: all.
func allowedCores() string { return "" }
