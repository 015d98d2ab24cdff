"""Folders with quantised weights, and what they stand for, for TestQuantised of engine/checkpoint.

Writes testdata/quantised/NAME/: a tiny random Llama in the forms of FP8 with blocks, compressed-tensors, GPTQ and
AWQ; and golden.json: of each the SHA-256 of its matrices' float32 values, by transformers' Fp8Dequantize, by
compressed-tensors' own decompression, and for GPTQ and AWQ by their formula, (code - zero) * scale, in float32, from
codes that are packed here as AutoGPTQ and AutoAWQ pack them.
Needs torch, transformers 5.24, safetensors and compressed-tensors 0.20; neither the build nor the tests do.
usage:  python3 third_party/quantised-goldens.py testdata/quantised
"""
import hashlib
import json
import os
import sys

import numpy as np
import torch
from compressed_tensors.compressors.naive_quantized.base import NaiveQuantizationCompressor
from compressed_tensors.compressors.pack_quantized.base import PackedQuantizationCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from safetensors.torch import save_file
from transformers.integrations.finegrained_fp8 import Fp8Dequantize

out = sys.argv[1]
HIDDEN, INNER, KV, VOCAB, GROUP = 64, 96, 32, 48, 32
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INNER,
    "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": VOCAB,
    "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": False, "torch_dtype": "bfloat16"}
LAYER = "model.layers.0."
MATRICES = {
    "self_attn.q_proj": (HIDDEN, HIDDEN), "self_attn.k_proj": (KV, HIDDEN), "self_attn.v_proj": (KV, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN), "mlp.gate_proj": (INNER, HIDDEN), "mlp.up_proj": (INNER, HIDDEN),
    "mlp.down_proj": (HIDDEN, INNER)}
torch.manual_seed(11)
golden = {}


def write(name, quantization, module):
    """module(shape) returns a module's tensors by the end of their names, and its float32 values."""
    tensors, hashes = {}, {}
    for n, shape in ("model.embed_tokens", (VOCAB, HIDDEN)), ("lm_head", (VOCAB, HIDDEN)):
        tensors[n + ".weight"] = torch.randn(shape).bfloat16() * 0.1
        hashes[n + ".weight"] = tensors[n + ".weight"].float()
    for n in LAYER + "input_layernorm", LAYER + "post_attention_layernorm", "model.norm":
        tensors[n + ".weight"] = torch.ones(HIDDEN).bfloat16()
    for n, shape in MATRICES.items():
        parts, values = module(shape)
        tensors |= {f"{LAYER}{n}.{k}": v.contiguous() for k, v in parts.items()}
        hashes[f"{LAYER}{n}.weight"] = values
    os.makedirs(f"{out}/{name}", exist_ok=True)
    with open(f"{out}/{name}/config.json", "w") as f:
        json.dump(CONFIG | {"quantization_config": quantization}, f, indent=1)
        f.write("\n")
    save_file(tensors, f"{out}/{name}/model.safetensors", {"format": "pt"})
    os.chmod(f"{out}/{name}/model.safetensors", 0o644)
    golden[name] = {n: hashlib.sha256(np.ascontiguousarray(v.float().numpy()).tobytes()).hexdigest()
                    for n, v in hashes.items()}


def fp8(block, scale_dtype, exact):
    def module(shape):
        rows, columns = (-(-d // b) for d, b in zip(shape, block))
        codes = (torch.randn(shape) * 100).clamp(-448, 448).to(torch.float8_e4m3fn)
        scale = (torch.rand(rows, columns) * 0.01 + 1e-3).to(scale_dtype)
        if exact:
            values = Fp8Dequantize(None)._dequantize_one(codes, scale, output_dtype=torch.float32)
        else:  # the last block of a row or column is smaller, as DeepSeek's weight_dequant allows
            whole = scale.float().repeat_interleave(block[0], 0).repeat_interleave(block[1], 1)
            values = codes.float() * whole[:shape[0], :shape[1]]
        return {"weight": codes, "weight_scale_inv": scale}, values
    return module


def compressed(args, compressor, order=False):
    args = QuantizationArgs(**args)
    scheme = QuantizationScheme(targets=["Linear"], weights=args)

    def module(shape):
        groups = {"group": shape[1] // (args.group_size or 1), "channel": 1, "tensor": 1}[str(args.strategy)]
        weight = torch.randn(shape).bfloat16()
        size = (1,) if args.strategy == "tensor" else (shape[0], groups)
        top = 448 if args.type == "float" else 2 ** (args.num_bits - 1)
        scale = ((torch.rand(size) + 0.5) * 2.5 / top).bfloat16()
        state = {"weight": weight, "weight_scale": scale}
        if not args.symmetric:
            state["weight_zero_point"] = torch.randint(-3, 4, size, dtype=torch.int8)
        state = compressor.compress(state, scheme)
        return state, compressor.decompress(dict(state), scheme)["weight"].float()
    return module


def gptq(act, plus):
    def module(shape):
        rows, columns = shape
        codes = np.random.default_rng(rows * columns).integers(0, 16, (columns, rows)).astype(np.uint32)
        groups = columns // GROUP
        zeros = np.random.default_rng(rows).integers(1, 16, (groups, rows)).astype(np.uint32)
        scales = (torch.rand(groups, rows) * 0.05 + 0.01).half()
        g = np.arange(columns) // GROUP
        if act:
            g = np.random.default_rng(columns).permutation(g)
        qweight, qzeros = np.zeros((columns // 8, rows), np.uint32), np.zeros((groups, rows // 8), np.uint32)
        for i in range(8):
            qweight |= codes[i::8] << np.uint32(4 * i)
            qzeros |= (zeros - plus)[:, i::8] << np.uint32(4 * i)
        values = (codes.astype(np.float32) - zeros.astype(np.float32)[g]) * scales.float().numpy()[g]
        return {"qweight": torch.from_numpy(qweight.view(np.int32)), "qzeros": torch.from_numpy(qzeros.view(np.int32)),
                "scales": scales, "g_idx": torch.from_numpy(g.astype(np.int32))}, torch.from_numpy(values.T.copy())
    return module


def awq(shape):
    rows, columns = shape
    codes = np.random.default_rng(rows + columns).integers(0, 16, (columns, rows)).astype(np.uint32)
    zeros = np.random.default_rng(rows).integers(0, 16, (columns // GROUP, rows)).astype(np.uint32)
    scales = (torch.rand(columns // GROUP, rows) * 0.05 + 0.01).half()

    def pack(x):
        packed = np.zeros((x.shape[0], x.shape[1] // 8), np.uint32)
        for place, column in enumerate([0, 2, 4, 6, 1, 3, 5, 7]):
            packed |= x[:, column::8] << np.uint32(4 * place)
        return torch.from_numpy(packed.view(np.int32))
    g = np.arange(columns) // GROUP
    values = (codes.astype(np.float32) - zeros.astype(np.float32)[g]) * scales.float().numpy()[g]
    return {"qweight": pack(codes), "qzeros": pack(zeros), "scales": scales}, torch.from_numpy(values.T.copy())


def groups(fmt, args):
    return {"quant_method": "compressed-tensors", "format": fmt, "ignore": ["lm_head"],
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": args, "input_activations": None}}}


write("fp8", {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": [32, 32]},
      fp8((32, 32), torch.bfloat16, True))
write("fp8-uneven", {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [40, 48]},
      fp8((40, 48), torch.float32, False))
INT4 = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": GROUP}
INT4Z = INT4 | {"symmetric": False}
INT8 = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel"}
FLOAT8 = {"num_bits": 8, "type": "float", "symmetric": True, "strategy": "channel"}
write("packed4", groups("pack-quantized", INT4), compressed(INT4, PackedQuantizationCompressor))
write("packed4-zeros", groups("pack-quantized", INT4Z), compressed(INT4Z, PackedQuantizationCompressor))
write("packed8", groups("pack-quantized", INT8), compressed(INT8, PackedQuantizationCompressor))
write("int8", groups("int-quantized", INT8), compressed(INT8, NaiveQuantizationCompressor))
write("float8", groups("float-quantized", FLOAT8), compressed(FLOAT8, NaiveQuantizationCompressor))
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": False, "sym": False}
write("gptq", GPTQ, gptq(False, 1))
write("gptq-act", GPTQ | {"desc_act": True, "checkpoint_format": "gptq_v2"}, gptq(True, 0))
write("awq", {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True, "version": "gemm"}, awq)
with open(f"{out}/golden.json", "w") as f:
    json.dump(golden, f, indent=1)
    f.write("\n")
