#!/usr/bin/env bash
# trackio: import_csv cuts the names of metrics down to ten characters, and tells those apart that collide by a number.
#
# One would guess that trackio.import_csv("metrics.csv", project, name) gives the columns of the file as metrics. It
# keeps letters, digits and slashes of a name, and of these the first ten; a name that is taken then gets _1, _2. Of
# the metrics that TRL logs, rewards/accuracy/mean and rewards/accuracy/std become rewards/ac and rewards/ac_1, and
# which is which follows from the order of the columns alone. Metrics of trainers, which people keep as CSV, are full
# of such names. trackio.log keeps the same names whole. A search of public issues found no report of it.
#
# Seen with Python 3.11, trackio 0.43.0:
#   rewards/accuracy/mean     imported as rewards/ac
#   rewards/accuracy/std      imported as rewards/ac_1
#   completions/mean_length   imported as completion
#   completions/min_length    imported as completion_1
#   logged as they are: True
# What to do: read the file with csv and call trackio.log row by row. Exits with 1 if this changes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check trackio==0.43.0
export TRACKIO_DIR="$dir/trackio" HF_HUB_OFFLINE=1
cat > "$dir/metrics.csv" <<'CSV'
step,timestamp,rewards/accuracy/mean,rewards/accuracy/std,completions/mean_length,completions/min_length
1,2026-01-01T00:00:00,0.25,0.5,100,10
2,2026-01-01T00:00:05,0.5,0.25,90,20
CSV
cat > "$dir/import.py" <<'PYTHON'
import contextlib, csv, io, sys

import trackio
from trackio.sqlite_storage import SQLiteStorage

path = sys.argv[1]
columns = next(csv.reader(open(path)))[2:]
with contextlib.redirect_stdout(io.StringIO()):
    trackio.import_csv(path, project="imported", name="run")
    run = trackio.init(project="logged", name="run")
    for row in csv.DictReader(open(path)):
        trackio.log({c: float(row[c]) for c in columns}, step=int(row["step"]))
    trackio.finish()

def names(project):
    return [n for n in SQLiteStorage.get_logs(project, "run")[0] if n not in ("step", "timestamp")]

imported, logged = names("imported"), names("logged")
for column, got in zip(columns, imported):
    print(f"{column:24}  imported as {got}")
print("logged as they are:", sorted(logged) == sorted(columns))
sys.exit(imported != ["rewards/ac", "rewards/ac_1", "completion", "completion_1"] or sorted(logged) != sorted(columns))
PYTHON
"$dir/venv/bin/python" "$dir/import.py" "$dir/metrics.csv"
