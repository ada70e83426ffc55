// The tensors and errors of files as dump.c prints them, by libwcz in WebAssembly: node dump.mjs WCZ_JS WASM PIECE FILE...
import { readFileSync } from "node:fs";

const [script, wasm, size, ...files] = process.argv.slice(2);
const { Wcz } = await import(script);
const wcz = await Wcz.load(readFileSync(wasm));
const hex = (bytes) => (bytes.length ? Buffer.from(bytes).toString("hex") : "-");

function* pieces(data, nbytes) {
  for (let at = 0; at < data.length; at += nbytes || data.length) yield data.subarray(at, at + (nbytes || data.length));
}

const DTYPES = ["float32", "float16", "bfloat16", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16",
  "uint32", "uint64", "bool", "float8_e4m3fn", "float8_e5m2"];
const KINDS = ["dense", "rdft", "low_rank", "kmeans", "sparse"];
for (const path of files) {
  console.log(`file ${path}`);
  try {
    for await (const t of wcz.tensors(pieces(readFileSync(path), Number(size)))) {
      const kind = KINDS.includes(t.kind) ? KINDS.indexOf(t.kind) : t.kind.split(" ")[1];
      console.log(`tensor ${hex(Buffer.from(t.name))} ${DTYPES.indexOf(t.dtype)} ${kind} (${t.shape.join(",")}) ${hex(t.bytes())}`);
      console.log(`float32 ${hex(new Uint8Array(t.float32().buffer))}`);
    }
    console.log("end");
  } catch (e) {
    if (!("number" in e)) throw e;
    console.log(`error ${e.number}`);
  }
}
