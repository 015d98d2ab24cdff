"""Makes eval/dataset/testdata/columns: Parquet and Arrow files of every column type, as
pyarrow 26.0.1 and datasets 5.2.0 write them, and what Python reads back from them as JSON.

    python3 -m venv V && V/bin/pip install pyarrow==26.0.1 datasets==5.2.0
    V/bin/python third_party/column-goldens.py eval/dataset/testdata/columns
"""
import datetime, decimal, json, os, shutil, sys, uuid
import numpy as np, pyarrow as pa, pyarrow.ipc as ipc, pyarrow.parquet as pq
import datasets
from datasets import Dataset, Features, Json, List, Value, ClassLabel, Array2D

assert (pa.__version__, datasets.__version__) == ("26.0.1", "5.2.0"), (pa.__version__, datasets.__version__)
datasets.disable_progress_bars()
out = sys.argv[1]
shutil.rmtree(out, ignore_errors=True)
os.makedirs(out)


def write(name, table, rows, refused=()):
    """Both formats, and the rows they must give; refused are the paths that have no JSON."""
    if name != "unions" and name != "views":
        pq.write_table(table, f"{out}/{name}.parquet")
    with ipc.new_file(f"{out}/{name}.arrow", table.schema) as w:
        w.write_table(table)
    expected(name, rows, refused)


def expected(name, rows, refused=()):
    with open(f"{out}/{name}.expected.json", "w") as f:
        json.dump({"rows": rows, "refused": sorted(refused)}, f, ensure_ascii=False, indent=1)
        f.write("\n")


def column(values, type):
    return pa.array(values, type)


# Numbers, in every width; half and single floats as short as they can be written.
write("numbers", pa.table({
    **{t: column([1, None, 127], t) for t in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")},
    "big": column([2**63 - 1, -2**63, 0], "int64"), "ubig": column([2**64 - 1, 0, None], "uint64"),
    "half": pa.array(np.array([0.1, 1.5, 65504], np.float16)), "single": column([0.1, 1e-10, 3], "float32"),
    "double": column([0.1, 1e300, float("nan")], "float64"), "bool": column([True, False, None], "bool"),
    "null": pa.nulls(3),
    "decimal128": column([decimal.Decimal("18.00"), decimal.Decimal("-0.05"), None], pa.decimal128(10, 2)),
    "decimal256": column([decimal.Decimal("12345678901234567890123456789012345678901"), None, decimal.Decimal(-7)], pa.decimal256(45, 0)),
}), [
    {**{t: 1 for t in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")}, "big": 2**63 - 1, "ubig": 2**64 - 1,
     "half": 0.1, "single": 0.1, "double": 0.1, "bool": True, "null": None, "decimal128": "=18.00", "decimal256": "=12345678901234567890123456789012345678901"},
    {**{t: None for t in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")}, "big": -2**63, "ubig": 0,
     "half": 1.5, "single": 1e-10, "double": 1e300, "bool": False, "null": None, "decimal128": "=-0.05", "decimal256": None},
    {**{t: 127 for t in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")}, "big": 0, "ubig": None,
     "half": 65504, "single": 3, "double": None, "bool": None, "null": None, "decimal128": None, "decimal256": -7},
])

# Texts, and bytes that are none.
write("texts", pa.table({
    "string": column(["ж \"<&>\" \n", None], "string"), "large": column(["a", "b"], "large_string"), "view": column(["a", None], pa.string_view()),
    "dictionary": column(["x", "y"], "string").dictionary_encode(), "empty": column(["", ""], "string"),
    "json": pa.ExtensionArray.from_storage(pa.json_(), column(['{"b": [1, {"c": null}]}', "18"], "string")),
    "json_large": pa.ExtensionArray.from_storage(pa.json_(pa.large_string()), column(['"18"', None], "large_string")),
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), column([uuid.UUID(int=5).bytes, None], pa.binary(16))),
    "bool8": pa.ExtensionArray.from_storage(pa.bool8(), column([1, 0], "int8")),
    "binary": column([b"18", b"\xff"], "binary"), "large_binary": column([b"18", b"19"], "large_binary"), "fixed": column([b"abcd", b"efgh"], pa.binary(4)),
    "image": column([{"bytes": b"\x89PNG", "path": "a.png"}, {"bytes": b"1", "path": None}], pa.struct({"bytes": pa.binary(), "path": pa.string()})),
    "duration": column([5, 6], pa.duration("s")),
}), [
    {"string": "ж \"<&>\" \n", "large": "a", "view": "a", "dictionary": "x", "empty": "", "json": {"b": [1, {"c": None}]}, "json_large": "18",
     "uuid": str(uuid.UUID(int=5)), "bool8": True, "image": {"path": "a.png"}},
    {"string": None, "large": "b", "view": None, "dictionary": "y", "empty": "", "json": 18, "json_large": None, "uuid": None, "bool8": False,
     "image": {"path": None}},
], ["binary", "duration", "fixed", "image.bytes", "large_binary"])

# Times.
write("times", pa.table({
    "date": column([datetime.date(2024, 2, 29)], "date32"), "date64": column([datetime.date(2024, 2, 29)], "date64"),
    "time": column([datetime.time(1, 2, 3)], pa.time32("s")), "time_us": column([datetime.time(1, 2, 3, 4)], pa.time64("us")),
    "timestamp": column([datetime.datetime(2024, 2, 29, 1, 2, 3)], pa.timestamp("us")),
    "timestamp_ns": column([1709168523000000001], pa.timestamp("ns")),
    "zoned": column([datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=datetime.timezone.utc)], pa.timestamp("ms", tz="UTC")),
}), [{"date": "2024-02-29", "date64": "2024-02-29", "time": "01:02:03", "time_us": "01:02:03.000004", "timestamp": "2024-02-29T01:02:03",
      "timestamp_ns": "2024-02-29T01:02:03.000000001", "zoned": "2024-02-29T01:02:03Z"}])

# Nested columns.
message = pa.struct({"role": pa.string(), "content": pa.string()})
write("nested", pa.table({
    "prompt": column([[{"role": "user", "content": "x"}, {"role": "assistant", "content": None}], [], None], pa.list_(message)),
    "large": column([[1, 2], [], None], pa.large_list(pa.int32())), "fixed": column([[1.5, 2.5], [0.5, None], None], pa.list_(pa.float32(), 2)),
    "deep": column([[[["a"], []], [None]], None, [[["b"]]]], pa.list_(pa.list_(pa.list_(pa.string())))),
    "struct": column([{"a": {"b": [{"c": 1}]}}, {"a": None}, None], pa.struct({"a": pa.struct({"b": pa.list_(pa.struct({"c": pa.int64()}))})})),
    "map": column([[("k", 1), ("l", None)], [], None], pa.map_(pa.string(), pa.int64())),
    "tools": pa.ListArray.from_arrays(pa.array([0, 2, 2, 3]), pa.ExtensionArray.from_storage(pa.json_(), column(['{"n": "a"}', "[1]", "null"], "string"))),
    "numbered": column([[(1, "a")], [(2, "b")], [(3, "c")]], pa.map_(pa.int64(), pa.string())),
}), [
    {"prompt": [{"role": "user", "content": "x"}, {"role": "assistant", "content": None}], "large": [1, 2], "fixed": [1.5, 2.5],
     "deep": [[["a"], []], [None]], "struct": {"a": {"b": [{"c": 1}]}}, "map": {"k": 1, "l": None}, "tools": [{"n": "a"}, [1]]},
    {"prompt": [], "large": [], "fixed": [0.5, None], "deep": None, "struct": {"a": None}, "map": {}, "tools": []},
    {"prompt": None, "large": None, "fixed": None, "deep": [[["b"]]], "struct": None, "map": None, "tools": [None]},
], ["numbered"])

# What Arrow has and Parquet has not.
write("views", pa.table({
    "list_view": column([["a", "b"], None], pa.list_view(pa.string())), "large_view": column([[1], []], pa.large_list_view(pa.int8())),
    "ends": pa.RunEndEncodedArray.from_arrays([2], ["same"]),
    "json_view": pa.ExtensionArray.from_storage(pa.json_(pa.string_view()), column(['{"a": 1}', "2"], pa.string_view())),
    "binary_view": column([b"a", b"b"], pa.binary_view()),
}), [{"list_view": ["a", "b"], "large_view": [1], "ends": "same", "json_view": {"a": 1}},
     {"list_view": None, "large_view": [], "ends": "same", "json_view": 2}], ["binary_view"])
union = lambda make, *more: make(pa.array([0, 1, 0], "int8"), *more)
write("unions", pa.table({
    "sparse": union(pa.UnionArray.from_sparse, [pa.array([1, 0, 3]), pa.array(["", "b", ""])]),
    "dense": union(pa.UnionArray.from_dense, pa.array([0, 0, 1], "int32"), [pa.array([1, 3]), pa.array(["b"])]),
}), [{"sparse": 1, "dense": 1}, {"sparse": "b", "dense": "b"}, {"sparse": 3, "dense": 3}])

# A slice: offsets that do not begin at 0.
sliced = pa.table({"a": [[{"x": i}] for i in range(5)], "s": [str(i) for i in range(5)], "d": pa.array(list("abcab")).dictionary_encode()}).slice(2, 2)
write("slice", sliced, [{"a": [{"x": 2}], "s": "2", "d": "c"}, {"a": [{"x": 3}], "s": "3", "d": "a"}])

# What the datasets library writes: Json, class labels, arrays; to_parquet and save_to_disk.
features = Features({
    "answer": Json(), "reward_model": {"style": Value("string"), "ground_truth": Json()}, "tools": List(Json()), "label": ClassLabel(names=["no", "yes"]),
    "grid": Array2D((2, 2), "int32"), "day": Value("date32"),
})
rows = [
    {"answer": 18, "reward_model": {"style": "rule", "ground_truth": "18"}, "tools": [{"a": 1}, "x"], "label": 1, "grid": [[1, 2], [3, 4]], "day": datetime.date(2024, 1, 1)},
    {"answer": {"target": [1, 2]}, "reward_model": {"style": "rule", "ground_truth": ["1", 2]}, "tools": [], "label": 0, "grid": [[0, 0], [0, 0]], "day": None},
    {"answer": None, "reward_model": {"style": None, "ground_truth": None}, "tools": [None], "label": 0, "grid": [[0, 0], [0, 0]], "day": None},
]
data = Dataset.from_list(rows, features=features)
data.to_parquet(f"{out}/json.parquet")
data.save_to_disk(f"{out}/saved")
os.rename(f"{out}/saved/data-00000-of-00001.arrow", f"{out}/json.arrow")
shutil.rmtree(f"{out}/saved")
expected("json", [{**r, "day": r["day"] and str(r["day"])} for r in data.to_list()])
