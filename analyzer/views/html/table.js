
/* table.js - all places that allocated, sortable and filterable; beside it the stacks of the chosen one. */

const ROWS_SHOWN = 100, STACKS_SHOWN = 30;

class Places {
  constructor(data, profile) {
    this.profile = profile;
    this.compares = profile.heaps.length > 1;
    this.kind = 'line';
    this.filter = '';
    this.sort = this.compares ? 'size_diff' : 'size';
    this.descending = true;
    this.shown = ROWS_SHOWN;
    this.columns = [
      ['name', 'place', false], this.compares && ['size_diff', 'Δ size', true], this.compares && ['count_diff', 'Δ blocks', true],
      ['size', 'size', true], ['count', 'blocks', true],
      profile.sum(profile.last.allocations) > 0 && ['allocations', 'allocations', true],
      profile.sum(profile.last.lost_bytes) > 0 && ['lost', 'lost', true],
    ].filter(Boolean);
    this.head = make('tr');
    this.body = make('tbody');
    this.more = make('button', { type: 'button', class: 'more', onclick: () => { this.shown *= 5; this.fill(); } });
    this.count = make('output', { 'aria-live': 'polite' });
    this.detail = make('div', { class: 'detail' });
    this.element = makeSection('places', 'Places',
      'Every place that allocated what is alive. Allocator wrappers and the workings of the C++ library are passed over, as in heapdelta stats.',
      make('div', { class: 'tools' },
        makeSelect('by', [['line', 'line'], ['function', 'function'], ['file', 'file'], ['module', 'module'], ['stack', 'stack']], this.kind,
          value => { this.kind = value; this.group(); }),
        make('input', { type: 'search', placeholder: 'Filter', 'aria-label': 'Filter the places',
          oninput: event => { this.filter = event.target.value; this.shown = ROWS_SHOWN; this.fill(); } }),
        this.count),
      make('div', { class: 'split' },
        make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Table of places' },
          make('table', null, make('thead', null, this.head), this.body), this.more),
        this.detail));
    this.group();
  }

  group() {
    const { profile } = this, keys = this.kind === 'stack' ? null : profile.keys(this.kind);
    const now = profile.last, before = this.compares ? profile.heaps[0] : null, groups = new Map();
    for (let i = 1; i < profile.nodeCount; i++) {
      if (!now.bytes[i] && !now.blocks[i] && !(before && (before.bytes[i] || before.blocks[i]))) continue;
      const key = keys ? keys[profile.frameOf[i]] : i;
      let row = groups.get(key);
      if (!row) {
        groups.set(key, row = { frame: profile.frameOf[i], nodes: [], size: 0, count: 0, allocations: 0, lost: 0, size_diff: 0, count_diff: 0 });
        row.place = this.place(row.frame);
        row.also = this.kind === 'line' && profile.file(row.frame) ? shortName(profile.name(row.frame)) : '';
        row.name = `${row.place} ${row.also}`;
        row.about = [profile.file(row.frame), profile.module(row.frame)].filter(Boolean).join(' ');
      }
      row.nodes.push(i);
      row.size += now.bytes[i];
      row.count += now.blocks[i];
      row.allocations += now.allocations[i];
      row.lost += now.lost_bytes[i];
      if (before) {
        row.size_diff += now.bytes[i] - before.bytes[i];
        row.count_diff += now.blocks[i] - before.blocks[i];
      }
    }
    this.rows = [...groups.values()];
    this.shown = ROWS_SHOWN;
    this.chosen = null;
    this.fill();
    if (this.visible.length > 0) this.choose(this.visible[0]);
  }

  place(frame) {
    const { profile } = this;
    switch (this.kind) {
      case 'line': return profile.place(frame);
      case 'file': return profile.file(frame) ? profile.short.get(profile.file(frame)) : profile.module(frame) || 'unknown';
      case 'module': return profile.module(frame) || 'no module';
      default: return shortName(profile.name(frame));
    }
  }

  fillHead() {
    this.head.replaceChildren(...this.columns.map(([key, text, isNumber]) => {
      const sorted = this.sort === key;
      return make('th', { class: isNumber ? 'number' : '', scope: 'col', 'aria-sort': sorted ? (this.descending ? 'descending' : 'ascending') : null },
        make('button', { type: 'button', onclick: () => {
          this.descending = sorted ? !this.descending : key !== 'name';
          this.sort = key;
          this.fill();
        } }, text + (sorted ? (this.descending ? ' ▾' : ' ▴') : '')));
    }));
  }

  fill() {
    const text = this.filter.trim().toLowerCase(), { sort } = this, sign = this.descending ? -1 : 1;
    const rows = this.rows.filter(row => !text || row.name.toLowerCase().includes(text) || row.about.toLowerCase().includes(text));
    rows.sort((a, b) => sign * (sort === 'name' ? (a.name < b.name ? -1 : a.name > b.name ? 1 : 0) : a[sort] - b[sort]) || b.size - a.size);
    this.fillHead();
    this.visible = rows;
    this.body.replaceChildren(...rows.slice(0, this.shown).map(row => this.makeRow(row)));
    this.more.hidden = rows.length <= this.shown;
    this.more.textContent = `${formatCount(rows.length - this.shown)} more`;
    const size = rows.reduce((sum, row) => sum + row.size, 0);
    this.count.textContent = `${formatCount(rows.length)} ${rows.length === 1 ? 'place' : 'places'}, ${formatBytes(size)}`;
  }

  makeRow(row) {
    return row.element = make('tr', { class: row === this.chosen ? 'chosen' : '' }, this.columns.map(([key, , isNumber]) => {
      if (key === 'name')
        return make('td', { class: 'name' }, make('button', { type: 'button', class: 'mono', onclick: () => this.choose(row) }, row.place),
          row.also && make('span', { class: 'soft' }, ` ${row.also}`));
      const isBytes = key.startsWith('size') || key === 'lost', isDiff = key.endsWith('_diff');
      const number = row[key], text = isBytes ? formatBytes(number, isDiff && number > 0) : formatCount(number, isDiff && number > 0);
      return make('td', { class: `${isNumber ? 'number' : ''} ${isDiff && number > 0 ? 'grow' : isDiff && number < 0 ? 'shrink' : ''}` }, text);
    }));
  }

  choose(row) {
    if (this.chosen) this.chosen.element.classList.remove('chosen');
    this.chosen = row;
    row.element.classList.add('chosen');
    const now = this.profile.last, nodes = [...row.nodes].sort((a, b) => now.bytes[b] - now.bytes[a]).slice(0, STACKS_SHOWN);
    let at = 0;
    const list = make('div');
    const show = () => list.replaceChildren(this.makeStack(nodes[at]));
    const pick = nodes.length > 1 && makeSelect('stack', nodes.map((node, i) =>
      [String(i), `${i + 1} of ${row.nodes.length}: ${formatBytes(now.bytes[node])} in ${formatCount(now.blocks[node])}`]), '0',
      value => { at = Number(value); show(); });
    this.detail.replaceChildren(make('h3', { class: 'mono' }, row.name),
      make('p', { class: 'soft' }, `${formatBytes(row.size)} in ${blocks(row.count)}, newest call first`),
      ...(pick ? [make('div', { class: 'tools' }, pick)] : []), list);
    show();
  }

  /* Frames beside the lines of their source. */
  makeStack(node) {
    const { profile } = this, items = [];
    for (let at = node; at > 0; at = profile.parent[at]) {
      const frame = profile.frameOf[at], file = profile.file(frame);
      items.push(make('li', null,
        make('span', { class: 'mono-name' }, shortName(profile.name(frame))),
        profile.inlined(frame) && make('span', { class: 'tag' }, 'inlined'),
        make('span', { class: 'soft' }, file ? `  ${profile.place(frame)}` : `  ${profile.module(frame) || ''}`),
        profile.source(frame) && make('code', { class: 'mono' }, profile.source(frame))));
    }
    return make('ol', { class: 'stack' }, items);
  }
}
