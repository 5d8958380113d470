
/* main.js - puts the page together. window.heapdelta tells how long that took, in ms since the page began. */

window.heapdelta = { times: {} };

function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.getElementById('theme').textContent = theme === 'dark' ? '☀ Light' : '☾ Dark';
  document.getElementById('theme').setAttribute('aria-label', theme === 'dark' ? 'Switch to light' : 'Switch to dark');
}

/* Pages on disk may have no storage. */
function storedTheme() {
  try { return localStorage.getItem('heapdelta-theme'); } catch { return null; }
}

function storeTheme(theme) {
  try { localStorage.setItem('heapdelta-theme', theme); } catch { /* then not */ }
}

async function main() {
  const times = window.heapdelta.times, parts = [];
  const preferred = matchMedia('(prefers-color-scheme: dark)');
  applyTheme(storedTheme() || (preferred.matches ? 'dark' : 'light'));
  const redraw = () => parts.forEach(part => part.draw());
  document.getElementById('theme').addEventListener('click', () => {
    const theme = isDark() ? 'light' : 'dark';
    storeTheme(theme);
    applyTheme(theme);
    redraw();
  });
  preferred.addEventListener('change', () => {
    if (!storedTheme()) { applyTheme(preferred.matches ? 'dark' : 'light'); redraw(); }
  });

  const data = await unpack();
  times.unpacked = performance.now();
  const stacks = new Profile(data.stacks), held = data.held && new Profile(data.held);
  const paths = new Set(stacks.fileNames());
  const collect = rows => (rows || []).forEach(row => {
    (row.path || []).forEach(link => link.file && paths.add(link.file));
    (row.traceback || []).forEach(frame => frame.file && paths.add(frame.file));
    if (row.file) paths.add(row.file);
  });
  Object.values(data.parts).forEach(part => { collect([part]); collect(part.rows); });
  const names = shortenPaths([...paths]), short = path => names.get(path) || path;
  times.read = performance.now();

  document.getElementById('program').textContent = data.parts.snapshots.name;
  const timeline = new Timeline(data), holders = makeHolders(data, held, short);
  const flame = new Flame(stacks, { id: 'stacks', title: 'Stacks',
    about: 'The outermost function is on top, who allocated at the end; width is how much. Click to zoom, again to go back. Dashed and italic: inlined.' });
  const places = new Places(data, stacks);
  parts.push(timeline, flame, holders);
  document.getElementById('main').replaceChildren(makeVerdict(data, short), timeline.element,
    flame.element, places.element, holders.element, makeAccount(data));
  document.getElementById('main').removeAttribute('aria-busy');
  redraw();
  times.drawn = performance.now();
  window.heapdelta.parts = { flame, places, timeline };
  document.documentElement.dataset.ready = 'true';
}

main().catch(error => {
  document.documentElement.dataset.ready = 'failed';
  document.getElementById('message').textContent = `This page can't be shown: ${error.message}`;
  throw error;
});
