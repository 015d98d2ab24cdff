"""A custom reward: 1 for an empty answer, falling to 0 at 60 characters."""
import json
import sys

for line in sys.stdin:
    rollout = json.loads(line)
    print(json.dumps({"reward": max(0.0, 1 - len(rollout["output"]) / 60)}))
