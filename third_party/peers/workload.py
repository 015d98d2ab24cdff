"""Names of tests, in llama-bench's manner, and the tokens they are fed."""
import json
import os
import re
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Test:
    """ppN: the prefill of N tokens. tgN@B d D: B sequences that each hold D tokens decode N."""
    prompt: int
    generate: int
    batch: int
    depth: int

    @property
    def name(self):
        name = f"pp{self.prompt}" if self.prompt else f"tg{self.generate}"
        if self.batch > 1:
            name += f"@{self.batch}"
        if self.depth:
            name += f" d{self.depth}"
        return name

    @property
    def tokens(self):
        return (self.prompt or self.generate) * self.batch


def parse_test(name):
    m = re.fullmatch(r"(pp|tg)(\d+)(?:@(\d+))?(?: d(\d+))?", name.strip())
    if not m:
        raise SystemExit(f"unknown test {name!r}: expected pp512 or tg128@16 d256")
    kind, n, batch, depth = m[1], int(m[2]), int(m[3] or 1), int(m[4] or 0)
    if kind == "pp" and (batch > 1 or depth):
        raise SystemExit(f"test {name!r}: a prefill has one sequence and no depth")
    return Test(n if kind == "pp" else 0, n if kind == "tg" else 0, batch, depth)


def parse_tests(text):
    return [parse_test(x) for x in text.split(",")]


def tokens_of(vocab, run, n):
    """Pseudo-random ids, the same for every peer (engine.benchRequests)."""
    return [(run * 1000003 + j * 7919 + 13) % vocab for j in range(n)]


class Stopwatch:
    """Times a block and says what share of all cores others used meanwhile (steal included)."""

    def __enter__(self):
        self.cpu, self.own, self.began = busy(), own(), time.perf_counter()
        return self

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self.began
        others = (busy() - self.cpu) - (own() - self.own)
        self.others = round(max(0.0, others / self.seconds / os.cpu_count()), 3)


def busy():
    """CPU seconds that the machine has spent on anything but idling."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, irq, soft, steal = [int(x) for x in f.readline().split()[1:9]]
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def own():
    t = os.times()
    return t.user + t.system


def result(test, watches, **more):
    """The line that a peer writes for a test."""
    return json.dumps({"test": test.name, "tokens": test.tokens, "seconds": [w.seconds for w in watches],
                       "others": [w.others for w in watches], **more})
