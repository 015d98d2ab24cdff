// Package lora adds factors of low rank to a model's weights, which are trained instead of
// the weights, and keeps them in PEFT's layout.
package lora
