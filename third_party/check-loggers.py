#!/usr/bin/env python3
"""Reads the files that a run wrote for other tools with these tools, and compares them with metrics.jsonl.

    pip install mlflow trackio wandb
    stele train ... --out RUN --logger wandb --logger mlflow --logger trackio
    python third_party/check-loggers.py RUN

wandb sync sends the run to a server that this program plays: it takes what the client asks for and keeps the
rows of the history. With tensorboard installed the events are read, too. Checked with mlflow 3.17.2, trackio
0.43.0, wandb 0.31.0, tensorboard; and with the reader of wandb 0.19.11, whose folder may follow RUN.
"""
import gzip
import http.server
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

run = pathlib.Path(sys.argv[1]).resolve()
work = pathlib.Path(tempfile.mkdtemp(prefix="check-loggers-"))


def wanted():
    """The defined values by step and name."""
    rows = {}
    for name in ("metrics.jsonl", "eval.jsonl"):
        path = run / name
        for line in path.read_text().splitlines() if path.exists() else []:
            values = json.loads(line)
            step = values.pop("step")
            if name == "eval.jsonl":
                scores = values["scores"]
                values = {"eval/" + k: values[k] for k in ("accuracy", "off_target", "truncated")} | {
                    f"eval/{b}/{l}": x for b, ls in scores.items() for l, x in ls.items()} | {
                    f"eval/{b}/mti": x for b, x in (values.get("mti") or {}).items()}
            rows.setdefault(step, {}).update({k: x for k, x in values.items() if x is not None})
    return rows


def compare(tool, got, want=None, close=lambda a, b: a == b):
    want = want or wanted()
    assert sorted(got) == sorted(want), (tool, sorted(got), sorted(want))
    for step, values in want.items():
        own = {k: x for k, x in got[step].items() if not k.startswith("_")}
        assert sorted(own) == sorted(values), (tool, step, set(own) ^ set(values))
        for k, x in values.items():
            assert close(own[k], x), (tool, step, k, own[k], x)
    print(f"{tool}: {len(got)} steps, {sum(map(len, want.values()))} values, the same as metrics.jsonl")


def check_mlflow():
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    import mlflow
    names = {k for values in wanted().values() for k in values}
    called = {k: k + "/all" if any(n.startswith(k + "/") for n in names) else k for k in names}

    def read(uri):
        mlflow.set_tracking_uri(uri)
        client = mlflow.MlflowClient()
        found = mlflow.search_runs(experiment_names=["stele"], output_format="list")
        assert len(found) == 1 and found[0].info.run_name == run.name, found
        one = found[0]
        rows = {}
        for k, name in called.items():
            for m in client.get_metric_history(one.info.run_id, name):
                assert k not in rows.setdefault(m.step, {}), ("twice", k, m.step)
                rows[m.step][k] = m.value
        assert set(one.data.metrics) == set(called.values()), set(one.data.metrics) ^ set(called.values())
        assert one.data.params["model"] and one.info.status in ("FINISHED", "KILLED", "RUNNING")
        print("mlflow:", one.info.run_name, one.info.status, len(one.data.params), "parameters")
        return rows

    store = work / "mlruns"
    shutil.copytree(run / "mlruns", store)
    compare("mlflow, file store", read(store.as_uri()))
    subprocess.run([sys.executable, "-m", "mlflow", "migrate-filestore", "--source", str(store), "--target",
                    f"sqlite:///{work}/mlflow.db"], check=True, stdout=subprocess.DEVNULL)
    compare("mlflow migrate-filestore", read(f"sqlite:///{work}/mlflow.db"))


def check_trackio():
    os.environ.update(TRACKIO_DIR=str(work / "trackio"), HF_HUB_OFFLINE="1")
    subprocess.run([sys.executable, str(run / "trackio" / "import.py"), "imported"], check=True,
                   stdout=subprocess.DEVNULL)
    import trackio
    from trackio.sqlite_storage import SQLiteStorage
    own = {"step", "timestamp"}

    def read(project, name):
        rows = {}
        for entry in SQLiteStorage.get_logs(project, name):
            assert entry["step"] not in rows, ("twice", entry["step"])
            rows[entry["step"]] = {k: x for k, x in entry.items() if k not in own}
        return rows

    compare("trackio, import.py", read("imported", run.name))
    trackio.import_csv(run / "trackio" / "metrics.csv", project="csv", name=run.name)
    rows = read("csv", run.name)
    assert {s: sorted(v.values()) for s, v in rows.items()} == {s: sorted(v.values()) for s, v in wanted().items()}
    print("trackio.import_csv: the same values; its names are", ", ".join(sorted(rows[max(rows)])[:6]), "...")


class Server(http.server.BaseHTTPRequestHandler):
    """Takes what wandb sync sends."""
    history, asked, summary, config, complete, exit = [], [], {}, {}, False, None
    offsets = {}

    def log_message(self, *_):
        pass

    def answer(self, body):
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.answer({})

    def do_PUT(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer({})

    def do_POST(self):
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        body = json.loads(data or b"{}")
        if self.path.endswith("/file_stream"):
            for name, chunk in (body.get("files") or {}).items():
                if name == "wandb-history.jsonl":
                    assert chunk["offset"] == len(Server.history), "rows are lost"
                    Server.history += [json.loads(line) for line in chunk["content"]]
                if name == "wandb-summary.json":
                    Server.summary.update(json.loads(chunk["content"][-1]))
            if body.get("complete"):
                Server.complete, Server.exit = True, body.get("exitcode")
            return self.answer({"limits": {}})
        query, variables = body.get("query", ""), body.get("variables") or {}
        Server.asked.append(query.split("{")[0].strip().split("(")[0])
        if "upsertBucket" in query:
            if variables.get("config"):
                Server.config.update(json.loads(variables["config"]))
            name = variables.get("name") or "x"
            return self.answer({"data": {"upsertBucket": {"inserted": True, "bucket": {
                "id": "b", "name": name, "displayName": variables.get("displayName"), "description": "",
                "config": "{}", "sweepName": "", "historyLineCount": 0, "project": {
                    "id": "p", "name": variables.get("project") or "stele",
                    "entity": {"id": "e", "name": "someone"}}}}}})
        if "viewer" in query:
            return self.answer({"data": {"viewer": {"id": "v", "entity": "someone", "username": "someone",
                                                    "flags": "{}", "teams": {"edges": []}},
                                         "serverInfo": {"cliVersionInfo": {"max_cli_version": "9.9.9"}}}})
        if "serverInfo" in query:
            return self.answer({"data": {"serverInfo": {"features": []}}})
        if "createRunFiles" in query:
            return self.answer({"data": {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": [
                {"name": f, "uploadUrl": f"http://127.0.0.1:{self.server.server_port}/put"}
                for f in variables.get("files", [])]}}})
        return self.answer({"data": {"model": None, "project": None}})


def check_wandb():
    (folder,) = (run / "wandb").glob("offline-run-*")
    copy = work / "wandb" / folder.name
    shutil.copytree(folder, copy)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = os.environ | {"WANDB_BASE_URL": f"http://127.0.0.1:{server.server_port}", "WANDB_API_KEY": "0" * 40,
                        "WANDB_ERROR_REPORTING": "false", "HOME": str(work)}
    done = subprocess.run([str(pathlib.Path(sys.executable).parent / "wandb"), "sync", str(copy)], env=env,
                          cwd=work, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    assert done.returncode == 0, done.stdout
    assert Server.history, done.stdout + str(Server.asked)
    for row in Server.history:
        assert row["_timestamp"] > 1e9 and row["_runtime"] >= 0
    steps = [row["_step"] for row in Server.history]
    assert steps == sorted(set(steps)), steps
    compare("wandb sync", {row["_step"]: row for row in Server.history})
    assert Server.config["model"]["value"] and Server.summary["_step"] == max(steps)
    print(f"wandb sync: configuration of {len(Server.config)} keys; complete {Server.complete}, exit code "
          f"{Server.exit}; asked for {', '.join(sorted(set(Server.asked)))}")


def check_datastore(folder):
    """Reads the file with the reader of a client that was in Python."""
    program = """
import json, sys
sys.path.insert(0, sys.argv[1])
import wandb
wandb._assert_is_internal_process = True
from wandb.proto import wandb_internal_pb2 as pb
from wandb.sdk.internal.datastore import DataStore
store = DataStore()
store.open_for_scan(sys.argv[2])
while (data := store.scan_data()) is not None:
    record = pb.Record()
    record.ParseFromString(data)
    if record.WhichOneof("record_type") == "history":
        print(json.dumps({i.key: json.loads(i.value_json) for i in record.history.item}))
"""
    (path,) = (run / "wandb").glob("offline-run-*/*.wandb")
    out = subprocess.run([sys.executable, "-c", program, folder, str(path)], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    rows = [json.loads(line) for line in out.splitlines()]
    compare("wandb's DataStore", {row["_step"]: row for row in rows})


def check_tensorboard():
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        return print("tensorboard is not installed: its events are not read")
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    rows = {}
    for tag in events.Tags()["scalars"]:
        for e in events.Scalars(tag):
            assert tag not in rows.setdefault(e.step, {}), ("twice", tag, e.step)
            rows[e.step][tag] = e.value
    compare("tensorboard", rows, close=lambda a, b: math.isclose(a, b, rel_tol=1e-6))


check_tensorboard()
check_mlflow()
check_trackio()
if len(sys.argv) > 2:
    check_datastore(sys.argv[2])
check_wandb()
shutil.rmtree(work)
