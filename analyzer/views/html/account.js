
/* account.js - where the memory of the process is. */

function makeAccount(data) {
  const account = data.parts.account, known = account.usable !== null ? account.usable : account.bytes;
  const parts = [['--a', 'blocks', account.bytes, 'as the program requested them']];
  if (account.usable !== null && account.usable > account.bytes)
    parts.push(['--b', 'rounding', account.usable - account.bytes, 'what the allocator added to the blocks']);
  if (account.tracer_bytes) parts.push(['--c', 'heapdelta itself', account.tracer_bytes, 'its tables; not there without it']);
  const rest = account.rss - known - account.tracer_bytes;
  if (rest > 0) parts.push(['--d', 'everything else', rest, 'code, data, thread stacks, what the allocator keeps']);
  const sum = parts.reduce((total, part) => total + part[2], 0);
  const bar = make('div', { class: 'account', role: 'img', 'aria-label': parts.map(([, text, bytes]) => `${text} ${formatBytes(bytes)}`).join(', ') },
    parts.map(([color, text, bytes]) => {
      const piece = make('i', { title: `${text}: ${formatBytes(bytes)}` });
      piece.style.background = `var(${color})`;
      piece.style.flex = `${bytes} 0 0`;
      return piece;
    }));
  const notes = [];
  if (account.truncated_stacks) notes.push(`${formatCount(account.truncated_stacks)} stacks could not be walked to their outer end.`);
  if (account.missed_frees) notes.push(`${formatCount(account.missed_frees)} blocks were freed by code that heapdelta does not see.`);
  if (account.lost_blocks) notes.push(`${formatCount(account.lost_blocks)} blocks were not recorded, for lack of memory.`);
  return makeSection('memory', 'Memory of the process', account.rss === 0 ? 'How much was resident is not known.'
    : `${formatBytes(account.rss)} were resident.${rest < 0 ? ' Some of the blocks were not: they were never touched, or are swapped out.' : ''}`,
    bar,
    make('dl', { class: 'plain' }, parts.map(([color, text, bytes, remark]) => {
      const square = swatch(`var(${color})`);
      square.style.cssText += 'display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.5em';
      return [make('dt', null, square, text), make('dd', { class: 'number' }, `${formatBytes(bytes)}, ${formatPercent(bytes, sum)}`), make('dd', { class: 'soft' }, remark)];
    }).flat()),
    notes.map(note => make('p', { class: 'soft' }, note)));
}
