// The tensors and errors of files as dump.c prints them, by libwcz in WebAssembly: node dump.mjs WCZ_JS WASM PIECE FILE...
import { readFileSync } from "node:fs";

const [script, wasm, size, ...files] = process.argv.slice(2);
const { Wcz, DTYPES, KINDS } = await import(script);
const wcz = await Wcz.load(readFileSync(wasm));
const hex = (bytes) => (bytes.length ? Buffer.from(bytes).toString("hex") : "-");

function* pieces(data, nbytes) {
  for (let at = 0; at < data.length; at += nbytes || data.length) yield data.subarray(at, at + (nbytes || data.length));
}

for (const path of files) {
  console.log(`file ${path}`);
  try {
    for await (const t of wcz.tensors(pieces(readFileSync(path), Number(size)))) {
      console.log(`tensor ${hex(Buffer.from(t.name))} ${DTYPES.indexOf(t.dtype)} ${KINDS.indexOf(t.kind)} (${t.shape.join(",")}) ${hex(t.bytes())}`);
      console.log(`float32 ${hex(new Uint8Array(t.float32().buffer))}`);
    }
    console.log("end");
  } catch (e) {
    if (!("number" in e)) throw e;
    console.log(`error ${e.number}`);
  }
}
