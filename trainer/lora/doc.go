// Package lora trains factors of low rank that are added to a model's weights, which stay as they are, and
// keeps them in PEFT's layout.
package lora
