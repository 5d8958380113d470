
/* verdict.js - what the page begins with: the line, how much, held by what. */

/* What a step of a path is called, in a line and a smaller one. */
function describeLink(link, isGoal, short) {
  /* Without a line the file of blocks is MODULE(FUNCTION). */
  const file = link.file && link.kind === 'block' && !link.line ? link.file.replace(/\(.*$/s, '') : link.file;
  const where = file ? `${short(file)}${link.line ? ':' + link.line : ''}` : null;
  if (link.kind === 'block') {
    const site = link.function ? `${shortName(link.function)}` : where || 'unknown';
    const many = link.repeats && !isGoal ? `a chain of ${blocks(link.count)}` : blocks(link.count);
    return [site, [link.type || null, where !== site ? where : null, `${many}, ${formatBytes(link.size)}`,
      link.repeats ? 'one after the other' : null]];
  }
  switch (link.kind) {
    case 'lost': return ['nobody', ['no pointer leads there: lost']];
    case 'global': return [link.name ? `${link.static ? 'static' : 'global'} ${link.name}` : `data of ${link.module || 'unknown'}`,
      [link.type, where || link.module]];
    case 'tls': return [`thread-local ${link.name || link.module || ''}`, [link.type, where]];
    case 'stack': return [link.name ? `local ${link.name} of ${link.function || '?'}` : `stack of ${link.function || 'an unknown function'}`,
      [link.type, link.thread ? `thread ${link.thread}${link.thread_name ? ' ' + link.thread_name : ''}` : null]];
    case 'register': return [`register ${link.name || ''}`, [link.thread ? `thread ${link.thread}` : null]];
    case 'key': return [`pthread key ${link.name || ''}`, [link.thread ? `thread ${link.thread}` : null]];
    case 'libc': return ['the C library', []];
    default: return [`${link.kind} ${link.name || 'without a name'}`, []];
  }
}

function makePath(path, short) {
  return make('ol', { class: 'path' }, path.map((link, i) => {
    const isGoal = i === path.length - 1 && link.kind === 'block';
    const [text, more] = describeLink(link, isGoal, short);
    return make('li', null, make('span', { class: `step ${i === 0 ? 'root' : isGoal ? 'goal' : ''}` },
      make('span', { class: 'mono' }, text), make('small', null, more.filter(Boolean).join(' · '))));
  }));
}

/* "cache.c:31", or where no line is known the function, or what stands for it. */
function placeOf(finding, short) {
  if (finding.line) return `${short(finding.file)}:${finding.line}`;
  return finding.function ? shortName(finding.function) : finding.file;
}

function labelOf(snapshot) {
  return snapshot.label || `snapshot ${snapshot.sequence}`;
}

function makeExcerpt(excerpts, finding) {
  const lines = excerpts.filter(row => row.file === finding.file && Math.abs(row.line - finding.line) <= 2);
  const unique = [...new Map(lines.map(row => [row.line, row])).values()].sort((a, b) => a.line - b.line);
  if (unique.length === 0) return null;
  const indent = Math.min(...unique.filter(row => row.text).map(row => row.indent));
  return make('div', { class: 'excerpt mono', role: 'figure', tabindex: '0', 'aria-label': 'The source around that line' },
    unique.map(row => make('div', { class: row.line === finding.line ? 'here' : '' },
      make('span', { class: 'at' }, String(row.line)), ' '.repeat(Math.max(0, row.indent - indent)) + row.text)));
}

/* "held by static handlers" */
function heldBy(finding, short) {
  const row = (finding.rows || [])[0];
  return row ? `held by ${describeLink(row.path[0], false, short)[0]}` : '';
}

/* What `heapdelta leaks` says of the blocks of FINDING, if it says something. */
function judge(data, finding) {
  const rows = data.parts.leaks ? data.parts.leaks.rows : [];
  return rows.find(row => row.text && row.traceback.slice(0, 4).some(frame => finding.line
    ? frame.file === finding.file && frame.line === finding.line : frame.function === finding.function));
}

function makeTiles(data) {
  const snapshots = data.parts.snapshots.rows, last = snapshots[snapshots.length - 1];
  const tiles = [
    ['alive', formatBytes(last.bytes)], ['in blocks', formatCount(last.blocks)],
    ['at the peak', formatBytes(last.peak)], ['allocations', formatCount(last.allocations)],
  ];
  const lost = data.parts.leaks && data.parts.leaks.total;
  if (lost) tiles.push(['lost', formatBytes(lost.definitely_lost.size + lost.indirectly_lost.size)]);
  return make('dl', { class: 'tiles' }, tiles.map(([text, value]) =>
    make('div', null, make('dt', null, text), make('dd', null, value))));
}

function makeVerdict(data, short) {
  const snapshots = data.parts.snapshots.rows, first = snapshots[0], last = snapshots[snapshots.length - 1];
  const findings = [1, 2, 3, 4, 5].map(i => data.parts[`finding_${i}`]).filter(Boolean);
  /* What is judged a leak comes first. */
  const isLeak = finding => ['lost', 'held_growing'].includes((judge(data, finding) || {}).verdict);
  findings.sort((a, b) => isLeak(b) - isLeak(a));
  const compares = snapshots.length > 1, top = findings[0];
  const grew = top && compares && top.size_diff > 0;
  const total = last.bytes - first.bytes;
  if (!top) {
    return make('section', { id: 'verdict', 'aria-labelledby': 'verdict-title' },
      make('p', { class: 'kicker good' }, data.parts.snapshots.name),
      make('h2', { class: 'headline', id: 'verdict-title' }, 'Nothing is alive'), makeTiles(data));
  }
  const way = (top.rows || [])[0];
  const kicker = grew ? `Grew most from ${labelOf(first)} to ${labelOf(last)}`
    : compares ? `No line grew from ${labelOf(first)} to ${labelOf(last)}; this one holds most` : 'Holds most';
  const place = make('span', { class: 'mono' }, placeOf(top, short));
  const headline = grew
    ? [place, ` grew by ${formatBytes(top.size_diff)}` + (top.count_diff > 0 ? `: ${blocks(top.count_diff)} more` : '')]
    : [place, ` holds ${formatBytes(top.size)} in ${blocks(top.count)}`];
  const lead = [];
  if (top.function && top.line) lead.push('Allocated in ', make('span', { class: 'mono' }, shortName(top.function)), '. ');
  if (grew) lead.push(`${formatBytes(top.size)} in ${blocks(top.count)} are alive now; `
    + `the whole heap went from ${formatBytes(first.bytes)} to ${formatBytes(last.bytes)} (${formatBytes(total, true)}). `);
  else lead.push(`That is ${formatPercent(top.size, last.bytes)} of all that is alive. `);
  const judged = judge(data, top), isLost = way && way.path[0].kind === 'lost';
  if (isLost && !(judged && judged.verdict === 'lost')) lead.push('No pointer leads there any more.');
  else if (way && !isLost) lead.push(`They are held, not lost: if their holder let go, ${formatBytes(way.retained)} would be free.`);
  if (judged) lead.push(make('span', { class: 'judged' }, ` ${judged.text[0].toUpperCase()}${judged.text.slice(1)}.`));
  return make('section', { id: 'verdict', 'aria-labelledby': 'verdict-title' },
    make('div', { class: 'hero' },
      make('div', null,
        make('p', { class: `kicker ${compares && !grew ? 'good' : ''}` }, kicker),
        make('h2', { class: 'headline', id: 'verdict-title' }, headline),
        make('p', { class: 'lead' }, lead),
        makeExcerpt(data.parts.excerpts.rows, top),
        way && make('p', { class: 'label' }, top.rows.length > 1
          ? `Held by (the way to ${formatBytes(way.size)} of them)` : 'Held by'),
        way && makePath(way.path, short),
        !way && make('p', { class: 'soft' }, 'Who holds them is not known: the snapshot has no heap graph (heapdelta run --graph).')),
      makeTiles(data)),
    findings.length > 1 && make('ul', { class: 'findings', 'aria-label': 'The next' }, findings.slice(1).map(finding =>
      make('li', null,
        make('span', { class: `number ${grew ? 'grow' : ''}` }, grew ? formatBytes(finding.size_diff, true) : formatBytes(finding.size)),
        make('span', { class: 'cut' }, make('span', { class: 'mono' }, placeOf(finding, short)),
          finding.function && finding.line ? make('span', { class: 'soft' }, ` ${shortName(finding.function)}`) : null),
        make('span', { class: 'soft cut' }, heldBy(finding, short))))),
    makeLost(data, short));
}

function makeLost(data, short) {
  const leaks = data.parts.leaks, rows = leaks ? leaks.rows.filter(row => row.class !== 'still_reachable') : [];
  if (rows.length === 0) return null;
  return make('details', null,
    make('summary', null, `Lost, or possibly: the blocks of ${rows.length}${leaks.omitted ? ` of ${rows.length + leaks.omitted}` : ''} ${rows.length === 1 ? 'stack' : 'stacks'}`),
    make('table', null,
      make('thead', null, make('tr', null, ['class', 'size', 'blocks', 'allocated by'].map((text, i) =>
        make('th', { class: i === 1 || i === 2 ? 'number' : '', scope: 'col' }, text)))),
      make('tbody', null, rows.map(row => make('tr', null,
        make('td', null, row.class.replaceAll('_', ' ')),
        make('td', { class: 'number' }, formatBytes(row.size)),
        make('td', { class: 'number' }, formatCount(row.count)),
        make('td', { class: 'name mono' }, row.traceback.slice(0, 4).map(frame =>
          `${frame.function || frame.module + '+0x' + frame.offset.toString(16)}${frame.file ? ` (${short(frame.file)}:${frame.line})` : ''}`).join(' ← ')))))));
}
