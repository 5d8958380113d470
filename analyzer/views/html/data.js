
/* data.js - what the page is about: unpacked, and the profiles as arrays of numbers. */

async function unpack() {
  const text = atob(document.getElementById('data').textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  if (!('DecompressionStream' in window))
    throw new Error('this browser is too old to unpack the data (DecompressionStream)');
  return new Response(
    new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).json();
}

const FRAME_FIELDS = 6;

/* A profile: frames by number, nodes with parent (less than their own number) and frame, and what
   each node itself holds, by heap and value. */
class Profile {
  constructor(raw) {
    const frames = raw.frames.length / FRAME_FIELDS, nodes = raw.parents.length;
    this.texts = raw.texts;
    this.frameCount = frames;
    this.frames = Int32Array.from(raw.frames);
    this.nodeCount = nodes;
    this.frameOf = Int32Array.from(raw.nodes);
    this.parent = new Int32Array(nodes);
    for (let i = 1; i < nodes; i++) this.parent[i] = i - raw.parents[i];
    this.heaps = raw.heaps.map(heap => {
      const values = {};
      for (const [name, [places, numbers]] of Object.entries(heap)) {
        const value = new Float64Array(nodes);
        for (let i = 0, at = 0; i < numbers.length; i++) value[at += places[i]] = numbers[i];
        values[name] = value;
      }
      return values;
    });
    this.last = this.heaps[this.heaps.length - 1];
    this.short = shortenPaths(this.fileNames());
  }

  text(frame, field) { return this.texts[this.frames[frame * FRAME_FIELDS + field]]; }
  name(frame) { return this.text(frame, 0); }
  file(frame) { return this.text(frame, 1); }
  line(frame) { return this.frames[frame * FRAME_FIELDS + 2]; }
  module(frame) { return this.text(frame, 3); }
  inlined(frame) { return this.frames[frame * FRAME_FIELDS + 4] === 1; }
  source(frame) { return this.text(frame, 5); }

  fileNames() {
    const numbers = new Set();
    for (let i = 0; i < this.frameCount; i++) numbers.add(this.frames[i * FRAME_FIELDS + 1]);
    numbers.delete(0);
    return [...numbers].map(number => this.texts[number]);
  }

  /* "cache.c:31", or what stands for it. */
  place(frame) {
    const file = this.file(frame);
    return file ? `${this.short.get(file)}:${this.line(frame)}` : this.name(frame);
  }

  /* A number per frame, the same for those that KIND (line, function, file, module) takes for one. */
  keys(kind) {
    const fields = { line: [0, 1, 2, 3], function: [0, 3], file: [1, 3], module: [3] }[kind];
    const known = new Map(), keys = new Int32Array(this.frameCount);
    for (let i = 0; i < this.frameCount; i++) {
      let key = fields.map(field => this.frames[i * FRAME_FIELDS + field]).join();
      if (kind === 'file' && !this.file(i)) key = `-${this.frames[i * FRAME_FIELDS + 3]}`;
      if (!known.has(key)) known.set(key, i);
      keys[i] = known.get(key);
    }
    return keys;
  }

  sum(values) {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[i];
    return sum;
  }
}
