// Package jinja renders chat templates as Jinja2 does in the way transformers sets
// it up: with Python's values, in a sandbox, and within limits.
package jinja
