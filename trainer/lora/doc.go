// Package lora adds factors of low rank to a model's weights, trains them in the weights'
// place and keeps them in PEFT's layout.
package lora
