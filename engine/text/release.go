package text

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
static void trim(void) { malloc_trim(0); }
#else
static void trim(void) {}
#endif
*/
import "C"

import "runtime/debug"

// release gives back to the system what reading a vocabulary leaves behind on Go's
// heap and on C's: tens of megabytes, which a model's peak would come on top of.
func release() {
	C.trim()
	debug.FreeOSMemory()
}
