//! A story with a client that we did not write: pyarrow makes a file, and reads what we made of it.

use std::{
    path::Path,
    process::{Command, Output},
};

use crate::rows::{csv_verdicts, marked, verdicts};

fn python(script: &str, folder: &Path) -> Option<Output> {
    Command::new("python3").arg("-c").arg(script).current_dir(folder).output().ok()
}

fn run(script: &str, folder: &Path) {
    let output = python(script, folder).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[expect(clippy::disallowed_methods, reason = "our own small files")]
fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

const MAKE: &str = r#"
import datetime as dt, decimal, pyarrow as pa, pyarrow.parquet as pq
n = 4000
def some(values):
    return [None if i % 5 == 4 else v for i, v in enumerate(values)]
table = pa.table({
    "id": pa.array(range(n), pa.int64()),
    "name": pa.array(some([f'Zoë "{i}", Zyx' for i in range(n)])),
    "city": pa.array(some(["Erewhon", "Utopia"] * (n // 2))).dictionary_encode(),
    "large": pa.array(some([f"L{i}" for i in range(n)]), pa.large_string()),
    "birth_date": pa.array(some([dt.date(1950, 1, 1) + dt.timedelta(days=i) for i in range(n)])),
    "seen": pa.array(some([dt.datetime(2026, 1, 2, 3, 4, 5, 678000) + dt.timedelta(minutes=i) for i in range(n)]), pa.timestamp("us", tz="UTC")),
    "local": pa.array(some([dt.datetime(2026, 1, 2, 3, 4, 5) + dt.timedelta(hours=i) for i in range(n)]), pa.timestamp("ms")),
    "score": pa.array(some([i / 7 for i in range(n)]), pa.float64()),
    "weight": pa.array(some([i / 10 for i in range(n)]), pa.float32()),
    "small": pa.array(some([i % 200 for i in range(n)]), pa.uint8()),
    "active": pa.array(some([i % 2 == 0 for i in range(n)])),
    "owed": pa.array(some([decimal.Decimal(i * 1005) / 100 for i in range(n)]), pa.decimal128(12, 2)),
}).replace_schema_metadata({"made by": "a story"})
for codec in ["zstd", "snappy", "gzip", "lz4", "none"]:
    pq.write_table(table, f"{codec}.parquet", compression=codec, row_group_size=1500, data_page_version="2.0" if codec == "lz4" else "1.0")
"#;

const COMPARE: &str = r#"
import pyarrow as pa, pyarrow.parquet as pq, pyarrow.csv as csv
for codec in ["zstd", "snappy", "gzip", "lz4", "none"]:
    before, after = pq.read_table(f"{codec}.parquet"), pq.read_table(f"{codec}.marked.parquet")
    ours = ["eosin_synthetic", "eosin_subject", "eosin_authorship", "eosin_dataset", "eosin_mark_id", "eosin_mark"]
    assert after.column_names == before.column_names + ours, after.column_names
    for name in before.column_names:
        was, now = before[name].to_pylist(), after[name].to_pylist()
        assert was == now, (codec, name)
    assert after["eosin_synthetic"].to_pylist() == [True] * before.num_rows
    assert len(set(after["eosin_mark"].to_pylist())) == before.num_rows
    meta = pq.ParquetFile(f"{codec}.marked.parquet").metadata
    assert meta.metadata[b"eosin:dataset"] == b"set" and meta.metadata[b"made by"] == b"a story", meta.metadata
    assert [meta.row_group(i).num_rows for i in range(meta.num_row_groups)] == [1500, 1500, 1000]
    assert meta.row_group(0).column(0).compression == pq.ParquetFile(f"{codec}.parquet").metadata.row_group(0).column(0).compression
marked = pq.read_table("zstd.marked.parquet")
csv.write_csv(marked, "marked.csv")
back = csv.read_csv("marked.csv", convert_options=csv.ConvertOptions(strings_can_be_null=True))
pq.write_table(back, "back.parquet")
"#;

#[test]
fn pyarrow_reads_what_we_mark_and_we_read_what_it_makes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    if !python("import pyarrow", folder).is_some_and(|output| output.status.success()) {
        eprintln!("skipped: no pyarrow");
        return;
    }
    run(MAKE, folder);
    let mut trusted = None;
    for codec in ["none", "lz4", "gzip", "snappy", "zstd"] {
        let source = read(&folder.join(format!("{codec}.parquet")));
        let (out, trust) = marked(&source);
        #[expect(clippy::disallowed_methods, reason = "a file of a test")]
        std::fs::write(folder.join(format!("{codec}.marked.parquet")), &out).unwrap();
        assert_eq!(verdicts(&out, &trust), vec!["synthetic, intact"; 4000], "{codec}");
        trusted = Some(trust);
    }
    run(COMPARE, folder);
    // The last one went on as text, and from text to Parquet with types that pyarrow guessed.
    let trust = trusted.unwrap();
    assert_eq!(csv_verdicts(&read(&folder.join("marked.csv")), &trust), vec!["synthetic, intact"; 4000]);
    assert_eq!(verdicts(&read(&folder.join("back.parquet")), &trust), vec!["synthetic, intact"; 4000]);
}
