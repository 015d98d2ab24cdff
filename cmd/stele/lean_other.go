//go:build !linux

package main

func lean() {}
