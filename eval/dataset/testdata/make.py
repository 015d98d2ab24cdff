"""Makes the fixtures of this folder: python3 make.py, with pyarrow 26.0.1 and datasets 5.2.0."""
import shutil
import pyarrow as pa, pyarrow.ipc as ipc, pyarrow.parquet as pq
from datasets import Dataset, DatasetDict

rows = [
    {"id": i, "problem": f"{i} + {i} = ?", "answer": str(2 * i), "level": None if i == 3 else i % 5 + 1,
     "choices": [str(i), str(2 * i)], "word": ["eins", "два", "三"][i % 3], "easy": i < 5, "weight": i / 4}
    for i in range(10)
]
table = pa.Table.from_pylist(rows)
table = table.set_column(5, "word", table["word"].dictionary_encode())

shutil.rmtree("saved", ignore_errors=True)
DatasetDict({"train": Dataset.from_list(rows[:7]), "test": Dataset.from_list(rows[7:])}).save_to_disk(
    "saved", num_shards={"train": 3, "test": 1})
for compression in (None, "zstd", "lz4"):
    with ipc.new_file(f"file-{compression}.arrow", table.schema, options=ipc.IpcWriteOptions(compression=compression)) as w:
        w.write_table(table, max_chunksize=4)
with ipc.new_stream("stream.arrow", table.schema) as w:
    w.write_table(table, max_chunksize=4)
for compression in ("snappy", "zstd", "gzip", "brotli", "none"):
    pq.write_table(table, f"{compression}.parquet", compression=compression, row_group_size=4)
