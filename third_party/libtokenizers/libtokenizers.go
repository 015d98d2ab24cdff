// Package libtokenizers ends a build without libtokenizers.a with a line that says what
// to do, before anything else is compiled: the linker would only say that it cannot find
// -ltokenizers. third_party/env.sh defines what is asked for here.
package libtokenizers

/*
#ifndef STELE_LIBTOKENIZERS
#error Stele needs libtokenizers.a and GOEXPERIMENT=simd: run "make build", which gets and sets them, or "make setup" once and ". third_party/env.sh" before "go build". Other places of the library: CGO_LDFLAGS=-LFOLDER CGO_CFLAGS=-DSTELE_LIBTOKENIZERS
#endif
*/
import "C"
