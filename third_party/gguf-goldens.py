"""Reference files and values for engine/checkpoint/gguf, by the gguf package, transformers and llama.cpp.

Writes testdata/gguf/: types.gguf, a matrix in each type that is decoded; llama.gguf, qwen2.gguf and qwen3.gguf,
tiny random models with tokenizers, and q8_0.gguf, the first of them in Q8_0; golden.json: the decoded values'
hash of each type, and of each model the ids of texts by tokenizers and by llama.cpp, log-probabilities by
transformers, and what greedy generation goes on with by both. Names of tensors are those of the gguf package's
own table, the order of rows is that of llama.cpp's converter.
Needs gguf 0.19, transformers 5.24 and torch, on a CPU, and libllama of third_party/peers; neither the build nor
the tests do.
usage:  python3 third_party/gguf-goldens.py testdata/gguf LIBLLAMA_FOLDER
"""

import ctypes as C
import hashlib
import json
import os
import sys

import gguf
import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, Qwen3Config

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "peers"))
from llamacpp_peer import Llama  # noqa: E402

T = gguf.GGMLQuantizationType
TYPES = [T.F32, T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K]
# Where the halves of a block lie, which must be numbers.
HALVES = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q2_K: [80, 82], T.Q3_K: [108],
          T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208]}
MARKS = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
TEXTS = ["Hello, world! It's 12345 apples.", "Ünïcode: наука, 数学 와 ไทย\n\n  two  spaces", "I'LL pay 3.50€ (now?)",
         "x = y**2;\n\treturn x", "<|im_start|>user\nhi<|im_end|>", "<tool>call</tool>", "🙂👍🏽"]


def types(out):
    rng = np.random.default_rng(3)
    writer, hashes = gguf.GGUFWriter(f"{out}/types.gguf", "llama"), {}
    for t in TYPES:
        block, size = gguf.GGML_QUANT_SIZES[t]
        if t in HALVES:
            data = rng.integers(0, 256, (3 * 512 // block, size), np.uint8)
            for at in HALVES[t]:
                scale = (rng.standard_normal(len(data)) * 0.01).astype(np.float16)
                data[:, at:at + 2] = scale.view(np.uint8).reshape(-1, 2)
            data = data.reshape(3, 512 // block * size)
        else:
            values = rng.standard_normal((3, 512)).astype(np.float32)
            data = gguf.quants.quantize(values, t)
        writer.add_tensor(t.name, data, raw_dtype=t if data.dtype == np.uint8 else None)
        decoded = np.ascontiguousarray(gguf.quants.dequantize(data, t), np.float32)
        hashes[t.name] = {"sha256": hashlib.sha256(decoded.tobytes()).hexdigest(), "first": decoded[0, :4].tolist()}
    values = (rng.standard_normal((4, 96)) * 3).astype(np.float32)
    values[0, :32] = 0
    values[1, 5] = 1e-20
    values[2, 32:64] = np.arange(32) - 12.5  # halves between codes
    writer.add_tensor("values", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return hashes, hashlib.sha256(gguf.quants.quantize(values, T.Q8_0).tobytes()).hexdigest()


def tokenizer(pre):
    """A byte-level BPE of 300 tokens, some of them special."""
    t = Tokenizer(models.BPE(ignore_merges=pre == "llama-bpe"))
    digits = r"\p{N}{1,3}" if pre == "llama-bpe" else r"\p{N}"
    if pre == "smollm":
        t.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    else:
        t.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(WORDS + digits + MARKS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    if pre == "qwen2":
        t.normalizer = normalizers.NFC()
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=294, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    t.train_from_iterator([open(__file__).read()] * 3, trainer)
    t.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    t.add_tokens(["<tool>", "</tool>"])
    if pre == "llama-bpe":
        t.post_processor = processors.TemplateProcessing(
            "<|endoftext|> $A", "<|endoftext|> $A <|endoftext|> $B", [("<|endoftext|>", 294)])
    return t


SIZES = dict(vocab_size=304, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=256, bos_token_id=294, eos_token_id=296)
ROPE = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
MODELS = {
    "llama": (gguf.MODEL_ARCH.LLAMA, "llama-bpe", LlamaConfig(
        **SIZES, attention_bias=True, rope_parameters=ROPE, tie_word_embeddings=False, rms_norm_eps=1e-5)),
    "qwen2": (gguf.MODEL_ARCH.QWEN2, "qwen2", Qwen2Config(**SIZES, tie_word_embeddings=True)),
    "qwen3": (gguf.MODEL_ARCH.QWEN3, "smollm", Qwen3Config(**SIZES, head_dim=16, tie_word_embeddings=True)),
}
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}" \
           "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"


def paired(w, heads):
    """Rows of queries or keys as llama.cpp has them (LlamaModel.permute)."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def divisors(head):
    """LlamaModel.generate_extra_tensors of llama.cpp's converter."""
    freqs = 1.0 / (10000.0 ** (np.arange(0, head, 2, dtype=np.float32) / head))
    result = []
    for wavelen in 2 * np.pi / freqs:
        if wavelen < 64 / 4:
            result.append(1)
        elif wavelen > 64:
            result.append(8)
        else:
            smooth = (64 / wavelen - 1) / 3
            result.append(1 / ((1 - smooth) / 8 + smooth))
    return np.array(result, np.float32)


def convert(path, arch, pre, c, model, t, quantised=None):
    w = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
    w.add_context_length(c.max_position_embeddings)
    w.add_embedding_length(c.hidden_size)
    w.add_block_count(c.num_hidden_layers)
    w.add_feed_forward_length(c.intermediate_size)
    w.add_head_count(c.num_attention_heads)
    w.add_head_count_kv(c.num_key_value_heads)
    w.add_layer_norm_rms_eps(c.rms_norm_eps)
    w.add_rope_freq_base(c.rope_parameters["rope_theta"])
    head = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
    if c.model_type == "qwen3":
        w.add_key_length(head)
        w.add_value_length(head)
    else:
        w.add_rope_dimension_count(head)
        w.add_vocab_size(c.vocab_size)
    w.add_file_type(0)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(pre)
    texts, kinds = [], []
    added = {k: v for k, v in t.get_added_tokens_decoder().items()}
    own = {i: s for s, i in t.get_vocab(with_added_tokens=True).items()}
    for i in range(c.vocab_size):
        texts.append(own.get(i, f"[PAD{i}]"))
        kinds.append(5 if i not in own else 1 if i not in added else 3 if added[i].special else 4)
    w.add_token_list(texts)
    w.add_token_types(kinds)
    w.add_token_merges([" ".join(m) for m in json.loads(t.to_str())["model"]["merges"]])
    w.add_bos_token_id(c.bos_token_id)
    w.add_eos_token_id(c.eos_token_id)
    w.add_pad_token_id(294)
    if pre != "llama-bpe":
        w.add_add_bos_token(False)
    w.add_chat_template(TEMPLATE)
    names = gguf.get_tensor_name_map(arch, c.num_hidden_layers)
    if c.model_type == "llama":
        w.add_tensor("rope_freqs.weight", divisors(head))
    for name, p in model.state_dict().items():
        if name == "lm_head.weight" and c.tie_word_embeddings:
            continue
        values = p.numpy()
        if c.model_type == "llama" and ("q_proj" in name or "k_proj" in name):
            values = paired(values, c.num_attention_heads if "q_proj" in name else c.num_key_value_heads)
        data, raw = np.ascontiguousarray(values), None
        if quantised and values.ndim == 2:
            data, raw = gguf.quants.quantize(data, quantised), quantised
        w.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")), data, raw_dtype=raw)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def greedy(llama, ids, n):
    llama.open(1, len(ids) + n)
    llama.prefill(ids, 0)
    more = []
    while True:
        values = np.ctypeslib.as_array(llama.lib.llama_get_logits_ith(llama.context, -1), (llama.vocab,))
        more.append(int(values.argmax()))
        if len(more) == n:
            return more
        llama.decode([(more[-1], len(ids) + len(more) - 1, 0)], [True])


def tokenized(llama, text):
    f = llama.lib.llama_tokenize
    f.argtypes = [C.c_void_p, C.c_char_p, C.c_int32, C.POINTER(C.c_int32), C.c_int32, C.c_bool, C.c_bool]
    ids, data = (C.c_int32 * 1000)(), text.encode()
    n = f(llama.lib.llama_model_get_vocab(llama.model), data, len(data), ids, 1000, True, True)
    return list(ids[:n])


def main():
    out, lib = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    hashes, q8 = types(out)
    golden = {"types": hashes, "q8_0": q8, "models": {}}
    for name, (arch, pre, c) in MODELS.items():
        torch.manual_seed(sum(name.encode()))
        model = AutoModelForCausalLM.from_config(c, attn_implementation="eager").float().eval()
        model.generation_config.eos_token_id = None
        with torch.no_grad():
            for key, p in model.named_parameters():
                p.normal_(1.0 if "norm" in key else 0.0, 0.3)
        t = tokenizer(pre)
        path = f"{out}/{name}.gguf"
        convert(path, arch, pre, c, model, t)
        llama = Llama(lib, path, 2)
        cases = []
        for text in TEXTS:
            ids = t.encode(text).ids
            inputs = torch.tensor([ids])
            with torch.no_grad():
                logp = model(inputs).logits[0].log_softmax(-1)
                more = model.generate(inputs, do_sample=False, max_new_tokens=16, eos_token_id=None, pad_token_id=0,
                                      attention_mask=torch.ones_like(inputs))
            cases.append({
                "text": text, "ids": ids, "llama.cpp_ids": tokenized(llama, text),
                "logprobs": [float(f"{logp[i, id].item():.8g}") for i, id in enumerate(ids[1:])],
                "greedy": more[0, len(ids):].tolist(), "llama.cpp_greedy": greedy(llama, ids, 16)})
        golden["models"][name] = cases
        if name == "llama":
            convert(f"{out}/q8_0.gguf", arch, pre, c, model, t, T.Q8_0)
    with open(f"{out}/golden.json", "w") as f:
        json.dump(golden, f, ensure_ascii=False)
        f.write("\n")


main()
