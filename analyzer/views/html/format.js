
/* format.js - numbers and names as people read them; the same words as on the terminal. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

function formatBytes(bytes, signed) {
  const sign = bytes < 0 ? '−' : signed ? '+' : '';
  let value = Math.abs(bytes), unit = 0;
  while (value >= 10240 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${sign}${roundEven(value, unit > 0 && value < 100 ? 1 : 0)} ${UNITS[unit]}`;
}

/* As printf does: 31.25 is 31.2, and 31.35 is what is nearest to it. */
function roundEven(value, digits) {
  const scaled = value * 10 ** digits, floor = Math.floor(scaled);
  return scaled - floor === 0.5 ? ((floor + floor % 2) / 10 ** digits).toFixed(digits) : value.toFixed(digits);
}

function formatCount(count, signed) {
  const text = Math.abs(count) < 10000 ? String(Math.abs(count))
    : Math.abs(count).toLocaleString('en').replaceAll(',', '\u202f');
  return (count < 0 ? '−' : signed ? '+' : '') + text;
}

function formatDuration(ns) {
  if (ns < 1e3) return `${ns} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toPrecision(3)} µs`;
  if (ns < 1e9) return `${(ns / 1e6).toPrecision(3)} ms`;
  const seconds = ns / 1e9;
  if (seconds < 120) return `${seconds.toPrecision(3)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`;
}

function formatPercent(part, whole) {
  const percent = whole ? 100 * part / whole : 0;
  return `${percent >= 10 || percent === 0 ? percent.toFixed(0) : percent.toPrecision(2)} %`;
}

function blocks(count) {
  return `${formatCount(count)} ${count === 1 ? 'block' : 'blocks'}`;
}

function baseName(path) {
  return path.slice(path.lastIndexOf('/') + 1);
}

/* Of each path as many of its last parts as tell it from the others: a Map. */
function shortenPaths(paths) {
  const short = new Map(), unique = [...new Set(paths)];
  for (let parts = 1, left = unique; left.length > 0; parts++) {
    const seen = new Map();
    for (const path of left) {
      const name = path.split('/').slice(-parts).join('/');
      if (!seen.has(name)) seen.set(name, []);
      seen.get(name).push(path);
    }
    left = [];
    for (const [name, same] of seen)
      if (same.length === 1 || parts > 40) same.forEach(path => short.set(path, name));
      else left.push(...same);
  }
  return short;
}

/* Long C++ names without what is in brackets. */
function shortName(name) {
  if (name.length <= 60) return name;
  let depth = 0, out = '';
  for (const character of name.replace(/\(anonymous namespace\)/g, '{anonymous}').replace(/->/g, '→')) {
    if (character === '<' || character === '(') {
      if (depth++ === 0) out += character;
    } else if ((character === '>' || character === ')') && depth > 0) {
      if (--depth === 0) out += '…' + character;
    } else if (depth === 0) {
      out += character;
    }
  }
  return out.length > 0 && out.length < name.length ? out : name;
}
