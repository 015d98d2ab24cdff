"""llama.cpp as a peer: prefill and batched decoding through libllama's C API.

One process measures one GGUF file over all asked tests, in the manner of
llama-bench and llama-batched-bench: the logits of the last position only in a
prefill, of every sequence in a decode step; no sampling. The library is the
prebuilt one of node-llama-cpp (npm), which picks its CPU code by the machine, but with
STELE_CPU=avx2 of what has neither AVX-512 nor AVX-VNNI, as Stele does then.
Writes one JSON line a test: {"test", "tokens", "seconds": [...], "others": [...]}.
"""
import argparse
import ctypes as C
import glob
import json
import os
import sys
import tempfile

from workload import Stopwatch, Test, parse_tests, result, tokens_of

p32, f32 = C.POINTER(C.c_int32), C.POINTER(C.c_float)


class ModelParams(C.Structure):
    """llama_model_params of libllama v0.4.0 (include/llama.h)."""
    _fields_ = [
        ("devices", C.c_void_p), ("tensor_buft_overrides", C.c_void_p), ("n_gpu_layers", C.c_int32),
        ("split_mode", C.c_int32), ("load_mode", C.c_int32), ("lazy_mode", C.c_int32), ("main_gpu", C.c_int32),
        ("tensor_split", C.c_void_p), ("progress_callback", C.c_void_p), ("progress_user_data", C.c_void_p),
        ("kv_overrides", C.c_void_p), ("vocab_only", C.c_bool), ("check_tensors", C.c_bool),
        ("use_extra_bufts", C.c_bool), ("no_host", C.c_bool), ("no_alloc", C.c_bool), ("load_mtp", C.c_bool)]


class ContextParams(C.Structure):
    """llama_context_params of libllama v0.4.0."""
    _fields_ = [
        ("n_ctx", C.c_uint32), ("n_batch", C.c_uint32), ("n_ubatch", C.c_uint32), ("n_seq_max", C.c_uint32),
        ("n_rs_seq", C.c_uint32), ("n_outputs_max", C.c_uint32), ("n_outputs_max_per_seq", C.c_uint32),
        ("n_threads", C.c_int32), ("n_threads_batch", C.c_int32), ("ctx_type", C.c_int32),
        ("rope_scaling_type", C.c_int32), ("pooling_type", C.c_int32), ("attention_type", C.c_int32),
        ("flash_attn_type", C.c_int32), ("rope_freq_base", C.c_float), ("rope_freq_scale", C.c_float),
        ("yarn_ext_factor", C.c_float), ("yarn_attn_factor", C.c_float), ("yarn_beta_fast", C.c_float),
        ("yarn_beta_slow", C.c_float), ("yarn_orig_ctx", C.c_uint32), ("defrag_thold", C.c_float),
        ("cb_eval", C.c_void_p), ("cb_eval_user_data", C.c_void_p), ("type_k", C.c_int32), ("type_v", C.c_int32),
        ("abort_callback", C.c_void_p), ("abort_callback_data", C.c_void_p), ("embeddings", C.c_bool),
        ("offload_kqv", C.c_bool), ("no_perf", C.c_bool), ("op_offload", C.c_bool), ("swa_full", C.c_bool),
        ("kv_unified", C.c_bool), ("samplers", C.c_void_p), ("n_samplers", C.c_size_t), ("ctx_other", C.c_void_p)]


class Batch(C.Structure):
    """llama_batch."""
    _fields_ = [
        ("n_tokens", C.c_int32), ("token", p32), ("embd", f32), ("pos", p32), ("n_seq_id", p32),
        ("seq_id", C.POINTER(p32)), ("logits", C.POINTER(C.c_int8))]


# Above avx2, by the processors that they are named after.
ABOVE_AVX2 = ("alderlake", "skylakex", "cannonlake", "cascadelake", "icelake", "cooperlake", "zen4", "sapphirerapids")


def load_backends(ggml, folder):
    """Has libllama choose among the code for processors that STELE_CPU allows."""
    tier = os.environ.get("STELE_CPU", "")
    if tier not in ("", "avx2"):
        raise SystemExit(f"STELE_CPU={tier}: llama.cpp is capped at avx2 or not at all")
    with tempfile.TemporaryDirectory() as some:
        for path in glob.glob(f"{os.path.abspath(folder)}/*"):
            if not (tier and any(name in os.path.basename(path) for name in ABOVE_AVX2)):
                os.symlink(path, f"{some}/{os.path.basename(path)}")
        ggml.ggml_backend_load_all_from_path(some.encode())


class Llama:
    """A loaded model of libllama."""

    def __init__(self, folder, gguf, threads):
        C.CDLL(f"{folder}/libggml-base.so", C.RTLD_GLOBAL)
        ggml = C.CDLL(one(f"{folder}/libggml.v*.so"), C.RTLD_GLOBAL)
        lib = self.lib = C.CDLL(one(f"{folder}/libllama.v*.so"), C.RTLD_GLOBAL)
        signatures = {
            "llama_log_set": (None, [C.c_void_p, C.c_void_p]), "llama_backend_init": (None, []),
            "llama_model_default_params": (ModelParams, []), "llama_context_default_params": (ContextParams, []),
            "llama_model_load_from_file": (C.c_void_p, [C.c_char_p, ModelParams]),
            "llama_init_from_model": (C.c_void_p, [C.c_void_p, ContextParams]), "llama_free": (None, [C.c_void_p]),
            "llama_batch_init": (Batch, [C.c_int32, C.c_int32, C.c_int32]), "llama_batch_free": (None, [Batch]),
            "llama_decode": (C.c_int32, [C.c_void_p, Batch]), "llama_synchronize": (None, [C.c_void_p]),
            "llama_get_logits_ith": (f32, [C.c_void_p, C.c_int32]), "llama_get_memory": (C.c_void_p, [C.c_void_p]),
            "llama_memory_clear": (None, [C.c_void_p, C.c_bool]),
            "llama_memory_seq_rm": (C.c_bool, [C.c_void_p, C.c_int32, C.c_int32, C.c_int32]),
            "llama_memory_seq_cp": (None, [C.c_void_p] + [C.c_int32] * 4),
            "llama_print_system_info": (C.c_char_p, []), "llama_model_get_vocab": (C.c_void_p, [C.c_void_p]),
            "llama_vocab_n_tokens": (C.c_int32, [C.c_void_p]),
        }
        for name, (result, arguments) in signatures.items():
            f = getattr(lib, name)
            f.restype, f.argtypes = result, arguments
        ggml.ggml_backend_load_all_from_path.argtypes = [C.c_char_p]
        self.silence = C.CFUNCTYPE(None, C.c_int, C.c_char_p, C.c_void_p)(
            lambda level, text, _: level >= 4 and sys.stderr.write(text.decode(errors="replace")) or None)
        if not os.environ.get("PEER_VERBOSE"):
            lib.llama_log_set(C.cast(self.silence, C.c_void_p), None)
        lib.llama_backend_init()
        load_backends(ggml, folder)
        c = lib.llama_context_default_params()
        if (c.n_ctx, c.n_batch, c.n_ubatch, c.type_k, c.type_v, c.kv_unified) != (512, 2048, 512, 1, 1, False):
            raise SystemExit("libllama: its parameters are not laid out as in v0.4.0: pin node-llama-cpp 3.21.1")
        self.threads = threads
        self.model = lib.llama_model_load_from_file(gguf.encode(), lib.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"llama.cpp cannot load {gguf}")
        self.vocab = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(self.model))
        self.context = None

    def open(self, sequences, length):
        """A context for sequences of length tokens each."""
        lib = self.lib
        if self.context:
            lib.llama_free(self.context)
        length = -(-length // 256) * 256
        c = lib.llama_context_default_params()
        c.n_ctx, c.n_seq_max = sequences * length, sequences
        c.n_threads = c.n_threads_batch = self.threads
        self.context = lib.llama_init_from_model(self.model, c)
        if not self.context:
            raise SystemExit(f"llama.cpp: no context of {sequences} x {length}")
        self.memory = lib.llama_get_memory(self.context)

    def decode(self, rows, logits):
        """Runs rows of (token, position, sequence); logits says which rows want theirs."""
        b = self.lib.llama_batch_init(len(rows), 0, 1)
        b.n_tokens = len(rows)
        for i, (token, position, sequence) in enumerate(rows):
            b.token[i], b.pos[i], b.n_seq_id[i], b.logits[i] = token, position, 1, logits[i]
            b.seq_id[i][0] = sequence
        code = self.lib.llama_decode(self.context, b)
        self.lib.llama_synchronize(self.context)
        self.lib.llama_batch_free(b)
        if code != 0:
            raise SystemExit(f"llama_decode returned {code}")

    def prefill(self, ids, sequence):
        self.decode([(t, i, sequence) for i, t in enumerate(ids)], [i == len(ids) - 1 for i in range(len(ids))])


def one(pattern):
    found = sorted(glob.glob(pattern))
    if not found:
        raise SystemExit(f"no file {pattern}")
    return found[0]


def run(llama: Llama, t: Test, repetitions, warmup):
    """A stopwatch for each repetition of one test."""
    watches = []
    llama.open(t.batch, t.depth + t.prompt + t.generate + 1)
    first = tokens_of(llama.vocab, 0, t.depth) if t.depth else []
    if first:
        llama.prefill(first, 0)
        for s in range(1, t.batch):  # copied, not shared: each sequence has its own memory
            llama.lib.llama_memory_seq_cp(llama.memory, 0, s, -1, -1)
    for r in range(warmup + repetitions):
        generate = t.generate
        if r < warmup:
            generate = min(generate, 4)
        if t.prompt:
            llama.lib.llama_memory_clear(llama.memory, False)
            ids = tokens_of(llama.vocab, r, t.prompt)
            with Stopwatch() as watch:
                llama.prefill(ids, 0)
        else:
            wanted = [True] * t.batch
            with Stopwatch() as watch:
                for i in range(generate):
                    llama.decode([((i * 7919 + s * 1000003 + 13) % llama.vocab, t.depth + i, s)
                                  for s in range(t.batch)], wanted)
            for s in range(t.batch):
                llama.lib.llama_memory_seq_rm(llama.memory, s, t.depth, -1)
        if r >= warmup:
            watches.append(watch)
    return watches


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--lib", required=True, help="folder of the prebuilt libllama")
    p.add_argument("--model", required=True, help="GGUF file")
    p.add_argument("--tests", required=True)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("-r", type=int, default=1)
    p.add_argument("--warmup", type=int, default=1)
    p.add_argument("--logits", help="print the largest logits after these ids (comma separated) and stop")
    a = p.parse_args()
    llama = Llama(a.lib, a.model, a.threads)
    print(llama.lib.llama_print_system_info().decode(), file=sys.stderr)
    if a.logits:
        ids = [int(x) for x in a.logits.split(",")]
        llama.open(1, len(ids) + 1)
        llama.prefill(ids, 0)
        values = llama.lib.llama_get_logits_ith(llama.context, -1)[:llama.vocab]
        best = sorted(range(llama.vocab), key=lambda i: -values[i])[:5]
        print(json.dumps([[i, values[i]] for i in best]))
        return
    for t in parse_tests(a.tests):
        print(result(t, run(llama, t, a.r, a.warmup)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
