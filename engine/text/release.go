package text

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#include <sys/syscall.h>
#include <unistd.h>
static void trim(void) { malloc_trim(0); }
static int on_main_thread(void) { return getpid() == syscall(SYS_gettid); }
#else
static void trim(void) {}
static int on_main_thread(void) { return 0; }
#endif
*/
import "C"

import "runtime"

// release gives back to the system what reading a vocabulary leaves behind on C's heap:
// tens of megabytes, which a model's peak would come on top of. Go's is for who loads one.
func release() { C.trim() }

// offMainThread runs f on another thread than the process's first, whose C heap lies in
// large pages, half empty ones, where GLIBC_TUNABLES asks for them.
func offMainThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if C.on_main_thread() != 0 {
			offMainThread(f) // while this goroutine holds that thread
			return
		}
		f()
	}()
	<-done
}
