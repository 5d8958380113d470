
/* account.js - where the memory of the process is. */

/* What is the program's, what its allocator's, what ours, what anybody's. */
const ACCOUNT_COLORS = {
  blocks: '--a', rounding: '--b', headers: '--b', kept: '--e', 'heapdelta itself': '--c',
};

function makeAccount(data) {
  const account = data.parts.account, parts = account.rows;
  const sum = parts.reduce((total, part) => total + part.bytes, 0);
  const color = (part, i) => ACCOUNT_COLORS[part.name] ? `var(${ACCOUNT_COLORS[part.name]})`
    : `color-mix(in srgb, var(--d) ${100 - 9 * (i % 6)}%, var(--ink))`;
  const bar = make('div', { class: 'account', role: 'img',
    'aria-label': parts.map(part => `${part.name} ${formatBytes(part.bytes)}`).join(', ') || 'nothing known' },
    parts.map((part, i) => {
      const piece = make('i', { title: `${part.name}: ${formatBytes(part.bytes)}` });
      piece.style.background = color(part, i);
      piece.style.flex = `${part.bytes} 0 0`;
      return piece;
    }));
  const notes = [];
  if (account.surplus) notes.push(`${formatBytes(account.surplus)} of it were not resident: never touched, swapped out, or changed while it was counted.`);
  if (account.swapped) notes.push(`${formatBytes(account.swapped)} are swapped out, and not in this.`);
  if (account.truncated_stacks) notes.push(`${formatCount(account.truncated_stacks)} stacks could not be walked to their outer end.`);
  if (account.missed_frees) notes.push(`${formatCount(account.missed_frees)} blocks were freed by code that heapdelta does not see.`);
  if (account.lost_blocks) notes.push(`${formatCount(account.lost_blocks)} blocks were not recorded, for lack of memory.`);
  return makeSection('memory', 'Memory of the process',
    account.resident ? `${formatBytes(account.resident)} were resident.` : 'How much was resident is not known.',
    bar,
    make('dl', { class: 'plain' }, parts.map((part, i) => {
      const square = swatch(color(part, i));
      square.className = 'square';
      return [make('dt', null, square, part.name),
        make('dd', { class: 'number' }, `${formatBytes(part.bytes)}, ${formatPercent(part.bytes, sum)}`),
        make('dd', { class: 'soft' }, part.remark)];
    }).flat()),
    notes.map(note => make('p', { class: 'soft' }, note)));
}
