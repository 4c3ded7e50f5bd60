"""How fast `eosin mark` is, beside parsing and hashing the same file, and beside one signature a record.

Standard library only; `c2pa` (PyPI c2pa-python) is used where it is installed. Run it on a quiet machine:

    cargo build --release -p eosin && cargo build --release -p carrier --example mark_peers
    python3 tests/bench/mark.py target/release --megabytes 200
"""

import argparse
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def contacts(path, length):
    """A CSV of invented contacts; every row is another person."""
    lines = (ROOT / "fixtures/mark/synthea-csv/patients.csv").read_text().splitlines()
    header, rows = lines[0], lines[1:]
    with path.open("w") as out:
        out.write(header + "\n")
        written = number = 0
        while written < length:
            cells = rows[number % len(rows)].split(",")
            cells[0], cells[7], cells[8] = f"{number:08x}{cells[0][8:]}", f"Ada{number}", f"Bell{number * 7919 % 99991}"
            written += out.write(",".join(cells) + "\n")
            number += 1
    return number


def patients(path, length):
    """FHIR NDJSON of invented patients; every line is another person."""
    lines = (ROOT / "fixtures/fhir/patients.ndjson").read_text().splitlines()
    with path.open("w") as out:
        written = number = 0
        while written < length:
            patient = json.loads(lines[number % len(lines)])
            patient["id"] = f"{number:08x}{patient['id'][8:]}"
            patient["name"][0]["family"] = f"Bell{number}"
            written += out.write(json.dumps(patient, separators=(",", ":")) + "\n")
            number += 1
    return number


def timed(command, cwd):
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"{command}: {done.stderr}")
    return seconds, done.stdout


def certificate(at):
    """A chain and a key that C2PA takes, made here and thrown away."""
    extensions = (
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=emailProtection\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    (at / "extensions").write_text(extensions)
    steps = (
        "openssl ecparam -name prime256v1 -genkey -noout -out ca.key",
        "openssl req -x509 -new -key ca.key -days 2 -subj '/CN=bench authority/O=bench' -out ca.pem"
        " -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign",
        "openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out leaf.key",
        "openssl req -new -key leaf.key -subj '/CN=bench/O=bench' -out leaf.csr",
        "openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out leaf.pem",
    )
    for step in steps:
        subprocess.run(step, shell=True, cwd=at, check=True, capture_output=True)
    return (at / "leaf.pem").read_bytes() + (at / "ca.pem").read_bytes(), (at / "leaf.key").read_bytes()


def c2pa_rate(count):
    """Files signed a second, one a record; None where the package or a picture to sign is not there."""
    try:
        import c2pa
    except ImportError:
        return None
    picture = next(ROOT.glob("../shared/data/media/video/*.jpg"), None)
    if picture is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        chain, key = certificate(pathlib.Path(folder))
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(alg=b"es256", sign_cert=chain, private_key=key, ta_url=None))
    created = {
        "action": "c2pa.created",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCreation",
    }
    source = picture.read_bytes()
    begun = time.perf_counter()
    for number in range(count):
        assertions = [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}]
        manifest = {"claim_generator_info": [{"name": "bench"}], "title": str(number), "assertions": assertions}
        c2pa.Builder(manifest).sign(signer, "image/jpeg", io.BytesIO(source), io.BytesIO())
    return count / (time.perf_counter() - begun)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("binaries", type=pathlib.Path, help="the folder with `eosin` and `examples/mark_peers`")
    arguments.add_argument("--megabytes", type=int, default=200)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--c2pa", type=int, default=500, help="how many records C2PA signs")
    asked = arguments.parse_args()
    binaries = asked.binaries.resolve()
    eosin, peers = binaries / "eosin", binaries / "examples" / "mark_peers"
    print("| file | MB | records | parse + SHA-256 MB/s | mark MB/s | of it | records/s |")
    print("|---|---|---|---|---|---|---|")
    rates = []
    for name, make in (("patients.csv", contacts), ("Patient.ndjson", patients)):
        with tempfile.TemporaryDirectory() as folder:
            at = pathlib.Path(folder)
            records = make(at / name, asked.megabytes * 1_000_000)
            size = (at / name).stat().st_size / 1e6
            timed([eosin, "init", "--yes"], at)
            # Without the registry: that costs more, and has a bench of its own.
            text = (at / "eosin.toml").read_text().replace('[registry]\nfolder = "registry"\n', "")
            (at / "eosin.toml").write_text("\n".join(l for l in text.splitlines() if not l.startswith("key = \"keys/reg")))
            parsed = min(timed([peers, "parse", name], at)[0] for _ in range(asked.runs))
            marks = []
            for run in range(asked.runs):
                command = [eosin, "mark", name, "--out", f"{run}.{name}", "--dataset", "bench", "--generator", "bench"]
                marks.append(timed(command, at)[0])
                (at / f"{run}.{name}").unlink()
            marked, rate = min(marks), records / min(marks)
            rates.append(rate)
            print(
                f"| {name} | {size:.0f} | {records} | {size / parsed:.0f} | {size / marked:.0f} "
                f"| {100 * parsed / marked:.0f} % | {rate:.0f} |"
            )
    print("\n| one signature a record | records/s | marking CSV is faster by | marking NDJSON is faster by |\n|---|---|---|---|")
    signed = dict(line.split() for line in timed([peers, "sign"], ROOT)[1].splitlines())
    for name, each in [*signed.items(), ("C2PA", c2pa_rate(asked.c2pa))]:
        faster = " | ".join(f"{rate / float(each):.1f}" for rate in rates) if each else " | "
        print(f"| {name} | {float(each):.0f} | {faster} |" if each else f"| {name} | not installed | {faster} |")


main()
