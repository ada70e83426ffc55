// The page: streams digits.wcz by ranges, shows its tensors as they come, and classifies what is drawn.
import { Wcz } from "./wcz.js";
import { ranges } from "./ranges.js";

const SIDE = 8; // the digits of scikit-learn are 8 x 8 images of 0 to 16
const byId = (id) => document.getElementById(id);

// -- the network: dense layers, rectified but for the last ----------------------------------------------------------

function dense(x, kernel, bias) {
  const [inputs, outputs] = kernel.shape;
  const y = Float32Array.from(bias.values);
  for (let i = 0; i < inputs; i++) {
    for (let j = 0; j < outputs; j++) y[j] += x[i] * kernel.values[i * outputs + j];
  }
  return y;
}

function chances(layers, pixels) {
  let x = pixels;
  layers.forEach(({ kernel, bias }, i) => {
    x = dense(x, kernel, bias);
    if (i + 1 < layers.length) x = x.map((v) => Math.max(v, 0));
  });
  const most = Math.max(...x);
  const powers = Array.from(x, (v) => Math.exp(v - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((v) => v / sum);
}

// -- loading ---------------------------------------------------------------------------------------------------------

function showTensor(tensor, nbytes) {
  const row = byId("layers").insertRow();
  for (const text of [tensor.name, tensor.dtype, tensor.shape.join(" x "), tensor.kind]) row.insertCell().textContent = text;
  const cell = row.insertCell();
  cell.textContent = `${nbytes} bytes`;
  cell.className = "number";
}

async function load() {
  const wasm = await (await fetch("wcz.wasm")).arrayBuffer();
  const wcz = await Wcz.load(wasm);
  const traffic = { nbytes: 0, requests: 0, ranged: true };
  const layers = [];
  let peak = 0;
  for await (const tensor of wcz.tensors(ranges("digits.wcz", 512, traffic))) {
    const [layer, role] = tensor.name.split("/");
    const number = Number(layer.split("_")[1] ?? 0);
    (layers[number] ??= {})[role] = { shape: tensor.shape, values: tensor.float32() };
    showTensor(tensor, traffic.nbytes);
    peak = tensor.peak;
  }
  const how = traffic.ranged ? `${traffic.requests} ranges` : "one piece: the server has no ranges";
  byId("status").textContent = `${traffic.nbytes} bytes of digits.wcz in ${how}, decoded by ${wasm.byteLength} bytes of ` +
    `WebAssembly in ${Math.ceil(peak / 1024)} KB of memory.`;
  return layers;
}

// -- drawing ---------------------------------------------------------------------------------------------------------

const canvas = byId("canvas");
const pen = canvas.getContext("2d", { willReadFrequently: true });

function clear() {
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  byId("digit").textContent = "–";
  byId("chances").replaceChildren();
}

// The box around what is drawn, centred and scaled as the data set's images are: means over cells, 0 to 16.
function pixels() {
  const { width, height } = canvas;
  const data = pen.getImageData(0, 0, width, height).data;
  const ink = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : data[4 * (y * width + x)] / 255);
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (ink(x, y) > 0.2) [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
    }
  }
  if (right < 0) return null;
  const size = Math.max(bottom - top + 1, right - left + 1), cell = size / SIDE;
  const x0 = (left + right + 1 - size) / 2, y0 = (top + bottom + 1 - size) / 2;
  return Float32Array.from({ length: SIDE * SIDE }, (_, i) => {
    let sum = 0, count = 0;
    for (let y = y0 + Math.floor(i / SIDE) * cell; y < y0 + (Math.floor(i / SIDE) + 1) * cell; y++) {
      for (let x = x0 + (i % SIDE) * cell; x < x0 + ((i % SIDE) + 1) * cell; x++, count++) sum += ink(Math.floor(x), Math.floor(y));
    }
    return sum / count;
  });
}

function classify(layers) {
  const image = pixels();
  if (!image) return;
  const found = chances(layers, image);
  byId("digit").textContent = found.indexOf(Math.max(...found));
  byId("chances").replaceChildren(...found.map((chance, digit) => {
    const row = document.createElement("tr");
    row.insertCell().textContent = digit;
    const bar = row.insertCell().appendChild(document.createElement("span"));
    bar.className = "bar";
    bar.style.width = `${Math.round(180 * chance)}px`;
    return row;
  }));
}

function draw(layers) {
  let last = null;
  const at = (event) => [event.offsetX, event.offsetY];
  canvas.addEventListener("pointerdown", (event) => { last = at(event); canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    pen.strokeStyle = "#fff";
    pen.lineWidth = 46; // the strokes of the data set are two of its eight cells wide
    pen.lineCap = "round";
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...(last = at(event)));
    pen.stroke();
  });
  canvas.addEventListener("pointerup", () => { last = null; classify(layers); });
  byId("clear").addEventListener("click", clear);
}

clear();
try {
  draw(await load());
  document.body.dataset.ready = "true";
} catch (e) {
  byId("status").textContent = `digits.wcz cannot be used: ${e.message}`;
}
