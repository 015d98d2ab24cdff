// Package optimizer takes AdamW steps: its settings, the moments in the precision that
// the settings ask for, masters, and the learning rate's schedule.
package optimizer
