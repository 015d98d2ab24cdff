#!/usr/bin/env bash
# Jinja2's "else" of a for loop, with break and continue (the extension loopcontrols, which
# transformers turns on for chat templates).
#
# One would guess one of two things: as Jinja's documentation says, "else" is rendered "if no
# iteration took place because the sequence was empty or the filtering removed all the items";
# or, as in Python, when the loop was not left by break. Either way a loop that goes once around
# and is left by break renders no "else".
#
# What happens: "else" is rendered unless some iteration came to the end of the loop's body. A
# break in the first iteration renders it (Python's rule upside down: a break makes it appear),
# a break in the second does not, and a continue in every iteration renders it, although every
# item was visited.
#
# Why it matters: chat templates search with "for … if … break … else", for the last question
# among the messages, say. Where the first message is the one, the default is rendered behind
# what was found. Engines written by the documentation (gonja 2.9.1, ardanlabs/jinja 1.12.0)
# render "1 " in the second case, and so give the model another prompt.
#
# Seen with Jinja2 3.1.6, Python 3.11:
#   empty                    'else'
#   break in the first       '1 else'
#   break in the second      '1 2 '
#   continue in every one    'else'
#   continue in the first    '2 3 '
#
# Exits 0 as long as it is so.
set -euo pipefail
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
python3 -m venv "$T/venv"
"$T/venv/bin/pip" install --quiet --disable-pip-version-check jinja2==3.1.6 markupsafe==3.0.3
"$T/venv/bin/python" - <<'PY'
from jinja2.sandbox import ImmutableSandboxedEnvironment

env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
cases = [
    ("empty", "{% for x in [] %}{{ x }} {% else %}else{% endfor %}", "else"),
    ("break in the first", "{% for x in [1, 2, 3] %}{{ x }} {% if x == 1 %}{% break %}{% endif %}{% else %}else{% endfor %}", "1 else"),
    ("break in the second", "{% for x in [1, 2, 3] %}{{ x }} {% if x == 2 %}{% break %}{% endif %}{% else %}else{% endfor %}", "1 2 "),
    ("continue in every one", "{% for x in [1, 2, 3] %}{% continue %}{% else %}else{% endfor %}", "else"),
    ("continue in the first", "{% for x in [1, 2, 3] %}{% if x == 1 %}{% continue %}{% endif %}{{ x }} {% else %}else{% endfor %}", "2 3 "),
]
changed = 0
for name, source, seen in cases:
    got = env.from_string(source).render()
    print(f"{name:24} {got!r}" + ("" if got == seen else f"   was {seen!r}"))
    changed |= got != seen
raise SystemExit(changed)
PY
