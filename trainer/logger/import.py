"""Adds a run of Stele to a project of trackio: python import.py [PROJECT].

trackio.import_csv reads metrics.csv, too, but shortens names to ten letters and wants a project of
its own for each file.
"""
import csv
import json
import pathlib
import sys

import trackio

here = pathlib.Path(__file__).resolve().parent
about = json.loads((here / "run.json").read_text(encoding="utf-8"))
project = sys.argv[1] if len(sys.argv) > 1 else about["project"]
trackio.init(project=project, name=about["name"], config=about["config"], embed=False,
             auto_log_gpu=False, auto_log_cpu=False)
with open(here / "metrics.csv", newline="", encoding="utf-8") as file:
    for row in csv.DictReader(file):
        step = int(row.pop("step"))
        row.pop("timestamp")
        trackio.log({name: float(value) for name, value in row.items() if value != ""}, step=step)
trackio.finish()
