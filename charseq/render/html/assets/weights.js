// The parameters of a network, from the bytes of charseq/render/html/weights.py: always float32 in memory.
"use strict";
(function (page) {
  // float16 by its 16 bits; NaN and infinity are never written.
  function float16(bits) {
    const sign = bits & 0x8000 ? -1 : 1,
      exponent = (bits >> 10) & 31,
      fraction = bits & 1023;
    return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
  }

  const readers = {
    float32: (bytes) => new Float32Array(bytes),
    float16(bytes) {
      const table = Float32Array.from({ length: 1 << 16 }, (_, bits) => float16(bits));
      return Float32Array.from(new Uint16Array(bytes), (bits) => table[bits]);
    },
    // A scale for each row, then the rows.
    int8(bytes, [rows, columns]) {
      const scales = new Float32Array(bytes, 0, rows);
      return Float32Array.from(new Int8Array(bytes, 4 * rows), (q, i) => q * scales[Math.floor(i / columns)]);
    },
  };
  const sizes = {
    float32: ([...shape]) => 4 * product(shape),
    float16: ([...shape]) => 2 * product(shape),
    int8: ([rows, columns]) => rows * (4 + columns),
  };
  const product = (shape) => shape.reduce((total, size) => total * size, 1);

  // [type, base64], as safetensors names types -> a typed array; numbers are little-endian.
  const kinds = { U8: Uint8Array, U16: Uint16Array, U32: Uint32Array, F32: Float32Array };
  page.typed = ([kind, base64]) => new kinds[kind](page.bytes(base64).buffer);

  // list: [[name, shape, type], ...], in the order of the bytes (little-endian).  Returns vectors, and matrices
  // {rows, columns, values}, by name.
  page.parameters = function (list, bytes) {
    let at = 0;
    const entries = list.map(([name, shape, type]) => {
      const size = sizes[type](shape);
      const values = readers[type](bytes.slice(at, at + size).buffer, shape);
      at += size;
      const isMatrix = shape.length > 1 && !name.includes(".start.");
      return [name, isMatrix ? { rows: shape[0], columns: shape[1], values } : values];
    });
    return Object.fromEntries(entries);
  };
})((globalThis.charseqPage ??= {}));
