// Package docs holds the documents that the program shows.
package docs

import _ "embed"

//go:generate go run ./makeconfig

// Config explains every setting of a training run: config.md.
//
//go:embed config.md
var Config string
