// A library for tests that has the functions of NCCL and of CUDA's driver which package nccl calls. Its GPUs' memory
// is the process's own. It notes every call in the file that NCCL_STUB_RECORD names, and does what NCCL does over
// processes of one machine, or over threads: an id names memory that they share, sums are in the order of ranks.
// NCCL_STUB_FAIL names a call that fails, NCCL_STUB_HANG makes a stream never finish.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct { char bytes[128]; } Id;
enum { ROOM = 1 << 16, MOST = 16 }; // numbers at a time, processes
typedef struct {
	pthread_barrier_t barrier;
	int ready;
	float numbers[MOST][ROOM];
} Shared;
typedef struct { Shared *shared; int rank, size; } Comm;

static __thread intptr_t current; // context of the thread
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void note(const char *format, ...) {
	const char *path = getenv("NCCL_STUB_RECORD");
	if (!path) return;
	pthread_mutex_lock(&lock);
	FILE *f = fopen(path, "a");
	va_list args;
	va_start(args, format);
	vfprintf(f, format, args);
	va_end(args);
	fputc('\n', f);
	fclose(f);
	pthread_mutex_unlock(&lock);
}

static int fails(const char *call) {
	const char *which = getenv("NCCL_STUB_FAIL");
	return which && !strcmp(which, call);
}
#define CALL(name, ...) do { note(name __VA_ARGS__); if (fails(name)) return 5; } while (0)

int ncclGetVersion(int *v) {
	const char *as = getenv("NCCL_STUB_VERSION");
	*v = as ? atoi(as) : 22703;
	return 0;
}
const char *ncclGetErrorString(int r) { return r == 6 ? "remote process exited" : "invalid usage"; }
const char *ncclGetLastError(void *comm) { return "what the stub\nsays last"; }

int ncclGetUniqueId(Id *id) {
	static int count;
	CALL("ncclGetUniqueId");
	memset(id, 7, sizeof *id);
	snprintf(id->bytes, 64, "/stele-nccl-%d-%d", getpid(), __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST));
	id->bytes[127] = 42;
	return 0;
}

int ncclCommInitRank(Comm **out, int size, Id id, int rank) {
	note("ncclCommInitRank ranks %d rank %d last byte %d context %ld", size, rank, id.bytes[127], (long)current);
	if (fails("ncclCommInitRank") || size > MOST || id.bytes[127] != 42 || !current) return 5;
	int f = shm_open(id.bytes, O_CREAT | O_RDWR, 0600);
	if (f < 0 || ftruncate(f, sizeof(Shared))) return 2;
	Shared *s = mmap(0, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	close(f);
	if (rank == 0) {
		pthread_barrierattr_t a;
		pthread_barrierattr_init(&a);
		pthread_barrierattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
		pthread_barrier_init(&s->barrier, &a, size);
		__atomic_store_n(&s->ready, 1, __ATOMIC_RELEASE);
	}
	while (!__atomic_load_n(&s->ready, __ATOMIC_ACQUIRE)) usleep(100);
	pthread_barrier_wait(&s->barrier);
	shm_unlink(id.bytes);
	*out = malloc(sizeof **out);
	**out = (Comm){s, rank, size};
	return 0;
}

static void done(Comm *c) { munmap(c->shared, sizeof(Shared)); free(c); }
int ncclCommDestroy(Comm *c) { CALL("ncclCommDestroy"); done(c); return 0; }
int ncclCommAbort(Comm *c) { CALL("ncclCommAbort"); done(c); return 0; }
int ncclCommGetAsyncError(Comm *c, int *r) { *r = fails("asynchronous") ? 6 : 0; return 0; }
int ncclGroupStart(void) { CALL("ncclGroupStart"); return 0; }
int ncclGroupEnd(void) { CALL("ncclGroupEnd"); return 0; }

// part gives receive the sums of the numbers from..from+n of all processes.
static void part(Comm *c, const float *send, float *receive, size_t from, size_t n) {
	for (size_t at = 0; at < n; at += ROOM) {
		size_t k = n - at < ROOM ? n - at : ROOM;
		memcpy(c->shared->numbers[c->rank], send + from + at, 4 * k);
		pthread_barrier_wait(&c->shared->barrier);
		if (receive)
			for (size_t i = 0; i < k; i++) {
				float sum = 0;
				for (int r = 0; r < c->size; r++) sum += c->shared->numbers[r][i];
				receive[at + i] = sum;
			}
		pthread_barrier_wait(&c->shared->barrier);
	}
}

static int wrong(int type, int op, void *stream) { return type != 7 || op != 0 || !stream || !current; }

int ncclAllReduce(const float *send, float *receive, size_t n, int type, int op, Comm *c, void *stream) {
	CALL("ncclAllReduce", " count %zu type %d op %d in place %d", n, type, op, send == receive);
	if (wrong(type, op, stream)) return 4;
	part(c, send, receive, 0, n);
	return 0;
}

int ncclReduceScatter(const float *send, float *receive, size_t n, int type, int op, Comm *c, void *stream) {
	CALL("ncclReduceScatter", " count %zu type %d op %d in place %d", n, type, op, receive == send + c->rank * n);
	if (wrong(type, op, stream)) return 4;
	for (int r = 0; r < c->size; r++) part(c, send, r == c->rank ? receive : 0, r * n, n);
	return 0;
}

int ncclAllGather(const float *send, float *receive, size_t n, int type, Comm *c, void *stream) {
	CALL("ncclAllGather", " count %zu type %d in place %d", n, type, send == receive + c->rank * n);
	if (wrong(type, 0, stream)) return 4;
	for (size_t at = 0; at < n; at += ROOM) {
		size_t k = n - at < ROOM ? n - at : ROOM;
		memcpy(c->shared->numbers[c->rank], send + at, 4 * k);
		pthread_barrier_wait(&c->shared->barrier);
		for (int r = 0; r < c->size; r++)
			if (r != c->rank) memcpy(receive + r * n + at, c->shared->numbers[r], 4 * k);
		pthread_barrier_wait(&c->shared->barrier);
	}
	return 0;
}

int ncclReduce(const float *send, float *receive, size_t n, int type, int op, int root, Comm *c, void *stream) {
	CALL("ncclReduce", " count %zu type %d op %d root %d in place %d", n, type, op, root, send == receive);
	if (wrong(type, op, stream)) return 4;
	part(c, send, root == c->rank ? receive : 0, 0, n);
	return 0;
}

int ncclBroadcast(const char *send, char *receive, size_t n, int type, int root, Comm *c, void *stream) {
	CALL("ncclBroadcast", " count %zu type %d root %d in place %d", n, type, root, send == receive);
	if (wrong(7, 0, stream) || type != 1) return 4;
	for (size_t at = 0; at < n; at += 4 * ROOM) {
		size_t k = n - at < 4 * ROOM ? n - at : 4 * ROOM;
		if (root == c->rank) memcpy(c->shared->numbers[root], send + at, k);
		pthread_barrier_wait(&c->shared->barrier);
		if (root != c->rank) memcpy(receive + at, c->shared->numbers[root], k);
		pthread_barrier_wait(&c->shared->barrier);
	}
	return 0;
}

int cuInit(unsigned flags) { CALL("cuInit"); return 0; }
int cuDeviceGet(int *device, int ordinal) { CALL("cuDeviceGet", " %d", ordinal); *device = 100 + ordinal; return 0; }
int cuDevicePrimaryCtxRetain(intptr_t *context, int device) {
	CALL("cuDevicePrimaryCtxRetain", " %d", device);
	*context = 1000 + device;
	return 0;
}
int cuDevicePrimaryCtxRelease_v2(int device) { CALL("cuDevicePrimaryCtxRelease", " %d", device); return 0; }
int cuCtxSetCurrent(intptr_t context) { current = context; return 0; }
int cuStreamCreate(void **stream, unsigned flags) { CALL("cuStreamCreate", " flags %u", flags); *stream = malloc(1); return 0; }
int cuStreamQuery(void *stream) {
	static __thread int asked;
	if (getenv("NCCL_STUB_HANG")) return 600;
	return ++asked % 3 ? 600 : 0;
}
int cuStreamDestroy_v2(void *stream) { CALL("cuStreamDestroy"); free(stream); return 0; }
