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


@dataclass(frozen=True)
class Request:
    """Samples of a prompt, each of as many tokens, end of sequence ignored."""
    ids: list
    samples: int
    generate: int
    temperature: float


@dataclass(frozen=True)
class Call:
    """call PxSxN@L: P prompts of L tokens, of each S samples of N tokens, from the first to the last."""
    name: str
    prompts: int
    samples: int
    generate: int
    prompt: int

    def requests(self, vocab, run):
        """Other prompts in each run (engine.benchRequests)."""
        return [Request(tokens_of(vocab, run * self.prompts + i, self.prompt), self.samples, self.generate, 1.0)
                for i in range(self.prompts)]


@dataclass(frozen=True)
class Offline:
    """offline N: N requests by nano-vllm's recipe, those of engine.BenchOffline number by number."""
    name: str
    count: int

    def requests(self, vocab, run):
        random, made = PCG(), []
        for _ in range(self.count):
            length = 100 + random.below(1024 - 100 + 1)
            ids = [random.below(min(10001, vocab)) for _ in range(length)]
            made.append(Request(ids, 1, 100 + random.below(1024 - 100 + 1), 0.6))
        return made


class PCG:
    """Go's math/rand/v2.PCG, seed 0, 0, and Rand.IntN."""

    def __init__(self):
        self.state = 0

    def uint64(self):
        m = (1 << 64) - 1
        multiplier = 2549297995355413924 << 64 | 4865540595714422341
        increment = 6364136223846793005 << 64 | 1442695040888963407
        self.state = (self.state * multiplier + increment) & ((1 << 128) - 1)
        hi, lo = self.state >> 64, self.state & m
        hi = (hi ^ hi >> 32) * 0xda942042e4dd58b5 & m
        return (hi ^ hi >> 48) * (lo | 1) & m

    def below(self, n):
        if n & (n - 1) == 0:
            return self.uint64() & (n - 1)
        while True:
            product = (self.uint64() >> 32) * n
            if product & 0xffffffff >= (1 << 32) % n:
                return product >> 32


def parse_test(name):
    name = name.strip()
    if m := re.fullmatch(r"call (\d+)x(\d+)x(\d+)@(\d+)", name):
        return Call(name, *map(int, m.groups()))
    if m := re.fullmatch(r"offline (\d+)", name):
        return Offline(name, int(m[1]))
    m = re.fullmatch(r"(pp|tg)(\d+)(?:@(\d+))?(?: d(\d+))?", name)
    if not m:
        raise SystemExit(f"unknown test {name!r}: expected pp512, tg128@16 d256, call 8x8x64@256 or offline 26")
    kind, n, batch, depth = m[1], int(m[2]), int(m[3] or 1), int(m[4] or 0)
    if kind == "pp" and (batch > 1 or depth):
        raise SystemExit(f"test {name!r}: a prefill has one sequence and no depth")
    return Test(n if kind == "pp" else 0, n if kind == "tg" else 0, batch, depth)


def parse_tests(text):
    return [parse_test(x) for x in text.split(",")]


def requests_of(test, vocab, run):
    """The requests of a test for engines that take requests: contexts are theirs to find in a prefix cache."""
    if not isinstance(test, Test):
        return test.requests(vocab, run)
    if test.prompt:
        return [Request(tokens_of(vocab, run, test.prompt), 1, 1, 1.0)]
    return [Request(tokens_of(vocab, test.batch + s, test.depth + 1), 1, test.generate, 1.0) for s in range(test.batch)]


def tokens_made(requests):
    return sum(r.samples * r.generate for r in requests)


def longest_of(tests, vocab):
    return max(len(r.ids) + r.generate for t in tests for r in requests_of(t, vocab, 0))


def most_sequences(tests, vocab):
    return max(sum(r.samples for r in requests_of(t, vocab, 0)) for t in tests)


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


def result(test, watches, tokens=None, **more):
    """The line that a peer writes for a test; its tokens are the generated ones but in a prefill."""
    return json.dumps({"test": test.name, "tokens": tokens or test.tokens, "seconds": [w.seconds for w in watches],
                       "others": [w.others for w in watches], **more})
