"""The models that bench-peers measures: made once, for every peer from the same weights.

    models.py qwen05b DIR [--tokenizer tokenizer.json[.gz]]
    models.py gguf HF_DIR OUT.gguf TYPE

`qwen05b` writes random bf16 weights of the Qwen2.5-0.5B shape as a Hugging Face
folder. `gguf` converts a Llama or Qwen2 folder for llama.cpp; TYPE is F32, F16,
BF16, Q8_0 or Q4_0 (matrices; vectors stay F32, as in llama.cpp's own converter; of Q4_0
embedding and head are Q8_0, as llama-quantize makes them where they are one and the width
is no multiple of 256). The
GGUF has no vocabulary: the measurements feed token ids.
"""
import argparse
import gzip
import json
import os
import struct
import sys

import numpy as np

QWEN05B = {
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu",
    "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
    "num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": 151936,
    "max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0,
    "tie_word_embeddings": True, "initializer_range": 0.02, "attention_dropout": 0.0,
    "bos_token_id": 151643, "eos_token_id": 151645, "use_sliding_window": False,
    "torch_dtype": "bfloat16",
}
SEED = 20250
GGUF_TYPES = ("F32", "F16", "BF16", "Q8_0", "Q4_0")


def whole(path, write):
    """Writes a file whole or not at all."""
    part = path + ".part"
    with open(part, "wb") as f:
        write(f)
    os.replace(part, path)


def bf16(x):
    """Rounds float32 to bfloat16, to nearest even, as uint16."""
    u = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((u + 0x7FFF + ((u >> 16) & 1)) >> 16).astype(np.uint16)


def make_qwen05b(folder, tokenizer):
    c = QWEN05B
    head = c["hidden_size"] // c["num_attention_heads"]
    kv = head * c["num_key_value_heads"]
    h, m = c["hidden_size"], c["intermediate_size"]
    shapes = {"model.embed_tokens.weight": (c["vocab_size"], h)}
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        shapes |= {
            p + "input_layernorm.weight": (h,),
            p + "self_attn.q_proj.weight": (h, h), p + "self_attn.q_proj.bias": (h,),
            p + "self_attn.k_proj.weight": (kv, h), p + "self_attn.k_proj.bias": (kv,),
            p + "self_attn.v_proj.weight": (kv, h), p + "self_attn.v_proj.bias": (kv,),
            p + "self_attn.o_proj.weight": (h, h),
            p + "post_attention_layernorm.weight": (h,),
            p + "mlp.gate_proj.weight": (m, h), p + "mlp.up_proj.weight": (m, h),
            p + "mlp.down_proj.weight": (h, m),
        }
    shapes["model.norm.weight"] = (h,)
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)

    def write(f):
        f.write(struct.pack("<Q", len(text)) + text)
        for i, (name, shape) in enumerate(shapes.items()):
            rng = np.random.Generator(np.random.PCG64([SEED, i]))
            if name.endswith("norm.weight"):
                f.write(bf16(np.ones(shape)).tobytes())
                continue
            # A slice of rows at a time keeps the memory small.
            rows = 16384
            for at in range(0, shape[0], rows):
                part = (min(rows, shape[0] - at),) + shape[1:]
                f.write(bf16(rng.standard_normal(part, np.float32) * np.float32(c["initializer_range"])).tobytes())

    os.makedirs(folder, exist_ok=True)
    whole(f"{folder}/config.json", lambda f: f.write(json.dumps(c, indent=1).encode()))
    if tokenizer:
        opener = gzip.open if tokenizer.endswith(".gz") else open
        with opener(tokenizer, "rb") as f:
            text_tokenizer = f.read()
        whole(f"{folder}/tokenizer.json", lambda f: f.write(text_tokenizer))
        whole(f"{folder}/tokenizer_config.json", lambda f: f.write(json.dumps({
            "tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
            "model_max_length": c["max_position_embeddings"]}, indent=1).encode()))
    whole(f"{folder}/model.safetensors", write)


class Safetensors:
    """Reads one bf16/f32 safetensors file, a tensor at a time."""

    def __init__(self, path):
        self.data = np.memmap(path, np.uint8, "r")
        n = struct.unpack("<Q", self.data[:8].tobytes())[0]
        self.header = json.loads(self.data[8:8 + n].tobytes())
        self.base = 8 + n

    def float32(self, name):
        e = self.header[name]
        a, b = e["data_offsets"]
        raw = self.data[self.base + a:self.base + b]
        if e["dtype"] == "BF16":
            x = (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        elif e["dtype"] == "F32":
            x = np.array(raw.view(np.float32))
        else:
            raise SystemExit(f"{name}: dtype {e['dtype']}: expected BF16 or F32")
        return x.reshape(e["shape"])


def to_gguf(folder, out, kind):
    import gguf

    with open(f"{folder}/config.json") as f:
        c = json.load(f)
    arch = c["model_type"]
    if arch not in ("llama", "qwen2"):
        raise SystemExit(f"{folder}/config.json: model_type {arch!r}: expected llama or qwen2")
    heads, kv_heads = c["num_attention_heads"], c["num_key_value_heads"]
    head = c.get("head_dim") or c["hidden_size"] // heads
    tensors = Safetensors(f"{folder}/model.safetensors")
    part = out + ".part"
    w = gguf.GGUFWriter(part, arch, use_temp_file=True)
    w.add_name(os.path.basename(folder))
    w.add_file_type(getattr(gguf.LlamaFileType, {
        "F32": "ALL_F32", "F16": "MOSTLY_F16", "BF16": "MOSTLY_BF16", "Q8_0": "MOSTLY_Q8_0",
        "Q4_0": "MOSTLY_Q4_0"}[kind]))
    w.add_context_length(c["max_position_embeddings"])
    w.add_embedding_length(c["hidden_size"])
    w.add_block_count(c["num_hidden_layers"])
    w.add_feed_forward_length(c["intermediate_size"])
    w.add_head_count(heads)
    w.add_head_count_kv(kv_heads)
    w.add_rope_freq_base(c["rope_theta"])
    w.add_layer_norm_rms_eps(c["rms_norm_eps"])
    w.add_rope_dimension_count(head)
    w.add_vocab_size(c["vocab_size"])
    w.add_tokenizer_model("no_vocab")

    def interleave(x, n):
        # llama.cpp's Llama rotates neighbouring pairs, Hugging Face the two halves.
        return x.reshape(n, 2, head // 2, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)

    def add(name, source):
        x = tensors.float32(source)
        if arch == "llama" and name.endswith(("attn_q.weight", "attn_k.weight")):
            x = interleave(x, heads if "attn_q" in name else kv_heads)
        if x.ndim == 1:
            w.add_tensor(name, np.ascontiguousarray(x))
            return
        vocabulary = name in ("token_embd.weight", "output.weight")
        kind_of = gguf.GGMLQuantizationType["Q8_0" if kind == "Q4_0" and vocabulary else kind]
        w.add_tensor(name, gguf.quants.quantize(np.ascontiguousarray(x), kind_of), raw_dtype=kind_of)

    add("token_embd.weight", "model.embed_tokens.weight")
    names = {
        "attn_norm.weight": "input_layernorm.weight", "ffn_norm.weight": "post_attention_layernorm.weight",
        "attn_q.weight": "self_attn.q_proj.weight", "attn_k.weight": "self_attn.k_proj.weight",
        "attn_v.weight": "self_attn.v_proj.weight", "attn_output.weight": "self_attn.o_proj.weight",
        "ffn_gate.weight": "mlp.gate_proj.weight", "ffn_up.weight": "mlp.up_proj.weight",
        "ffn_down.weight": "mlp.down_proj.weight", "attn_q.bias": "self_attn.q_proj.bias",
        "attn_k.bias": "self_attn.k_proj.bias", "attn_v.bias": "self_attn.v_proj.bias",
    }
    for i in range(c["num_hidden_layers"]):
        for ours, theirs in names.items():
            source = f"model.layers.{i}.{theirs}"
            if source in tensors.header:
                add(f"blk.{i}.{ours}", source)
    add("output_norm.weight", "model.norm.weight")
    if not c.get("tie_word_embeddings"):
        add("output.weight", "lm_head.weight")
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    os.replace(part, out)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="what", required=True)
    q = sub.add_parser("qwen05b")
    q.add_argument("folder")
    q.add_argument("--tokenizer")
    g = sub.add_parser("gguf")
    g.add_argument("folder")
    g.add_argument("out")
    g.add_argument("type", choices=GGUF_TYPES)
    a = p.parse_args()
    if a.what == "qwen05b":
        make_qwen05b(a.folder, a.tokenizer)
    else:
        to_gguf(a.folder, a.out, a.type)


if __name__ == "__main__":
    sys.exit(main())
