// libwcz in WebAssembly for browsers and node: pieces of a .wcz file in, tensors out.
//
//   const wcz = await Wcz.load(await (await fetch("wcz.wasm")).arrayBuffer());
//   for await (const tensor of wcz.tensors(response.body)) { tensor.name, tensor.shape, tensor.float32() }

export const DTYPES = ["float32", "float16", "bfloat16", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16",
  "uint32", "uint64", "bool", "float8_e4m3fn", "float8_e5m2"];
const NBYTES = [4, 2, 2, 8, 1, 2, 4, 8, 1, 2, 4, 8, 1, 1, 1];
export const KINDS = ["dense", "rdft", "low_rank", "kmeans", "sparse", "dictionary", "tensor_train", "tensor_ring",
  "hierarchical_tucker", "tucker2", "cp", "product_quantization", "sparse_kmeans", "simhash", "random_projection",
  "block_diagonal", "input_output", "mixed_block", "t_product", "t_linear", , , , , , "tent", "pool", "dct",
  "block", "tfc"];
const NEED_MORE_INPUT = 0, TENSOR = 1, END = 2, ERROR = 3;

// Where wcz_tensor (wcz.h) has its fields in wasm32.
const AT = { name: 0, nameNbytes: 4, dtype: 8, rank: 9, kind: 12, shape: 16, count: 80 };

export class WczError extends Error {
  constructor(number, name) {
    super(`error ${number}: ${name}`);
    this.number = number;
  }
}

export class Wcz {
  static async load(bytes) {
    return new Wcz(await WebAssembly.compile(bytes));
  }

  constructor(module) {
    this.module = module;
  }

  // The tensors of a file that comes as an (async) iterable of Uint8Arrays; each is valid until the next is asked for.
  async *tensors(pieces) {
    const decoder = (await WebAssembly.instantiate(this.module)).exports;
    decoder.start();
    try {
      let result = NEED_MORE_INPUT;
      for await (const piece of pieces) {
        const place = decoder.input(piece.length);
        new Uint8Array(decoder.memory.buffer, place, piece.length).set(piece);
        while ((result = decoder.decode()) === TENSOR) yield new Tensor(decoder);
        if (result === END) result = decoder.decode(); // bytes behind the end are an error
        if (result === ERROR) break;
      }
      if (result === NEED_MORE_INPUT) result = decoder.finish();
      if (result !== END) throw new WczError(decoder.error(), text(decoder, decoder.error_name(decoder.error())));
    } finally {
      decoder.close();
    }
  }
}

class Tensor {
  constructor(decoder) {
    const view = new DataView(decoder.memory.buffer, decoder.current());
    const rank = view.getUint8(AT.rank);
    this.decoder = decoder;
    this.number = view.getUint8(AT.dtype);
    this.dtype = DTYPES[this.number];
    const kind = view.getUint32(AT.kind, true);
    this.kind = KINDS[kind] ?? `kind ${kind}`;
    this.shape = Array.from({ length: rank }, (_, i) => view.getUint32(AT.shape + 4 * i, true));
    this.count = view.getUint32(AT.count, true);
    const name = new Uint8Array(decoder.memory.buffer, view.getUint32(AT.name, true), view.getUint32(AT.nameNbytes, true));
    this.name = new TextDecoder("utf-8", { ignoreBOM: true }).decode(name);
    this.peak = decoder.peak(); // bytes that decoding has taken so far, at most
  }

  // Copies of the values, row-major: as float32, or as the bytes of their own dtype.
  float32() {
    return new Float32Array(this.#read(0, 4).buffer);
  }

  bytes() {
    return this.#read(this.number, NBYTES[this.number]);
  }

  #read(dtype, nbytes) {
    const place = this.decoder.read(dtype, nbytes * this.count);
    if (!place) throw new WczError(-3, "factors only");
    return new Uint8Array(this.decoder.memory.buffer, place, nbytes * this.count).slice();
  }
}

function text(decoder, place) {
  const bytes = new Uint8Array(decoder.memory.buffer, place);
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
