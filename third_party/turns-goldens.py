"""Which tokens of a conversation the assistant says, by transformers and TRL's templates for training.

Writes trainer/problems/testdata/turns.json: for each of some templates that mark what the assistant says
({% generation %}), tokenizers of testdata/models and conversations the ids and the mask of
apply_chat_template(return_assistant_tokens_mask=True); "plain" is the template as the model ships it, which marks
nothing, where TRL's renders the same text.

usage:  python3 third_party/turns-goldens.py     (transformers 5.24, trl 1.16)
"""
import json
import os

import trl
from transformers import AutoTokenizer

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
templates = os.path.join(os.path.dirname(trl.__file__), "chat_templates")


def turn(role, content):
    return {"role": role, "content": content}


CONVERSATIONS = {
    "one": [turn("user", "What is 9 + 9?"), turn("assistant", "It is 18.")],
    "system": [turn("system", "Be brief."), turn("user", "What is 9 + 9?"), turn("assistant", "18")],
    "several": [turn("user", "What is 9 + 9?"), turn("assistant", "It is 18."), turn("user", "And 18 + 1?"),
                turn("assistant", "19, since 18 + 1 = 19."), turn("user", "Sure?"), turn("assistant", "Yes.")],
    "alike": [turn("user", "7"), turn("assistant", "7"), turn("user", "7"), turn("assistant", "7")],
    "languages": [turn("system", "Jibu kwa Kiswahili."), turn("user", "9 + 9 ni nini?"),
                  turn("assistant", "Jibu ni 18.\n\nAsante!"), turn("user", "ขอบคุณ"), turn("assistant", "ยินดี 😀\nจบ")],
    "quotes": [turn("user", "Say user"), turn("assistant", "assistant\nuser: <think>no</think> \"ok\""),
               turn("user", "Go on"), turn("assistant", "user")],
}
# Template, the plain one beside it, tokenizer.
CASES = [("qwen2_5_training", "qwen2_5", "tiny-qwen2"), ("qwen3_training", None, "tiny-qwen2"),
         ("llama3_training", "llama3", "tiny-llama31"), ("cohere_training", "cohere", "tiny-llama31"),
         ("gemma_training", "gemma", "tiny-llama31"), ("phi3_training", "phi3", "tiny-llama31")]


def text(name):
    with open(os.path.join(templates, name + ".jinja"), encoding="utf-8") as f:
        return f.read()


out = []
for marked, plain, model in CASES:
    tokenizer = AutoTokenizer.from_pretrained(os.path.join(root, "testdata", "models", model))
    case = {"name": marked, "model": model, "template": text(marked), "plain": text(plain) if plain else "",
            "conversations": []}
    for name, messages in CONVERSATIONS.items():
        try:
            got = tokenizer.apply_chat_template(messages, chat_template=case["template"], return_dict=True,
                                                return_assistant_tokens_mask=True)
        except Exception as e:  # a template that refuses a system message
            print(marked, name, "refused:", e)
            continue
        if plain:
            assert tokenizer.apply_chat_template(messages, chat_template=case["plain"], tokenize=False) == \
                tokenizer.apply_chat_template(messages, chat_template=case["template"], tokenize=False), (plain, name)
        case["conversations"].append({"name": name, "messages": messages, "ids": got["input_ids"],
                                      "mask": got["assistant_masks"]})
    out.append(case)
os.makedirs(os.path.join(root, "trainer", "problems", "testdata"), exist_ok=True)
with open(os.path.join(root, "trainer", "problems", "testdata", "turns.json"), "w", encoding="utf-8") as f:
    f.write("[" + ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in out) + "]\n")
