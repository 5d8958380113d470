
/* flame.js - stacks as a flame graph or icicle on a canvas, of one snapshot or the difference of two. */

const ROW = 18, ROWS_MAX = 900, NARROW = 0.4;

const METRICS = [
  ['bytes', 'bytes alive'], ['blocks', 'blocks alive'], ['allocated_bytes', 'bytes allocated'],
  ['allocations', 'allocations'], ['temporary', 'temporary allocations'], ['peak_bytes', 'bytes at the peak'],
  ['peak_blocks', 'blocks at the peak'], ['lost_bytes', 'bytes lost'], ['held_bytes', 'bytes held alone'],
];

function formatMetric(metric, number, signed) {
  return metric.includes('bytes') ? formatBytes(number, signed) : formatCount(number, signed);
}

class Flame {
  constructor(profile, options) {
    this.profile = profile;
    this.metrics = METRICS.filter(([name]) => profile.sum(profile.last[name]) > 0);
    if (this.metrics.length === 0) this.metrics = [METRICS[0]];
    this.metric = this.metrics[0][0];
    this.canDiffer = profile.heaps.length > 1;
    this.kind = 'function';
    this.reverse = this.differs = this.upwards = false;
    this.search = '';
    this.zoom = this.focus = 0;
    this.trees = new Map();
    this.canvas = make('canvas', { tabindex: '0', role: 'application', 'aria-roledescription': 'flame graph',
      'aria-label': `${options.title}. Arrow keys go to callers, callees and neighbours, Enter zooms, Escape shows all.`,
      'aria-describedby': `${options.id}-status` });
    this.scroll = make('div', { class: 'scroll' }, this.canvas);
    this.status = make('p', { class: 'status', id: `${options.id}-status`, 'aria-live': 'polite' });
    this.found = make('output');
    this.legend = make('ul', { class: 'legend', 'aria-label': 'Modules' });
    this.reset = make('button', { type: 'button', onclick: () => this.zoomTo(0) }, 'All');
    this.element = makeSection(options.id, options.title, options.about,
      make('div', { class: 'tools' },
        makeSelect('of', this.metrics, this.metric, value => { this.metric = value; this.update(); }),
        makeSelect('by', [['function', 'function'], ['line', 'line'], ['file', 'file'], ['module', 'module']], this.kind,
          value => { this.kind = value; this.rebuild(); }),
        makeToggle('Callers', 'Begin with who allocated, then its callers', false, on => { this.reverse = on; this.rebuild(); }),
        this.canDiffer && makeToggle('Difference', 'Colour by what grew and shrank between the first snapshot and the last', false,
          on => { this.differs = on; this.update(); }),
        makeToggle('Flames', 'Callers at the bottom', false, on => {
          this.upwards = on;
          this.update();
          this.scroll.scrollTop = on ? this.scroll.scrollHeight : 0;
        }),
        make('input', { type: 'search', placeholder: 'Search a name or file', 'aria-label': 'Search the stacks',
          oninput: event => { this.search = event.target.value; this.find(); this.draw(); } }),
        this.reset, this.found),
      this.scroll, this.status, this.legend);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.scroll);
    this.rebuild();
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener('pointermove', event => {
      const node = this.nodeAt(event);
      canvas.style.cursor = node >= 0 ? 'pointer' : 'default';
      if (node >= 0) tip.show(this.describe(node), event.clientX, event.clientY);
      else tip.hide();
    });
    canvas.addEventListener('pointerleave', () => tip.hide());
    canvas.addEventListener('click', event => {
      const node = this.nodeAt(event);
      if (node >= 0) this.zoomTo(node === this.zoom ? this.tree.parent[node] : node);
    });
    canvas.addEventListener('keydown', event => {
      const step = this.step(event.key);
      if (step === null) return;
      event.preventDefault();
      if (event.key === 'Enter') this.zoomTo(this.focus);
      else if (event.key === 'Escape') this.zoomTo(0);
      else this.focusOn(step);
    });
    canvas.addEventListener('focus', () => this.focusOn(this.focus));
    canvas.addEventListener('blur', () => this.draw());
  }

  /* The node that KEY leads to; null: KEY is not ours. */
  step(key) {
    const { tree, focus } = this, inwards = this.upwards ? 'ArrowUp' : 'ArrowDown', outwards = this.upwards ? 'ArrowDown' : 'ArrowUp';
    const siblings = () => this.below(tree.parent[focus]);
    switch (key) {
      case inwards: return this.below(focus)[0] ?? focus;
      case outwards: return tree.parent[focus];
      case 'ArrowRight': return focus ? siblings()[siblings().indexOf(focus) + 1] ?? focus : focus;
      case 'ArrowLeft': return focus ? siblings()[siblings().indexOf(focus) - 1] ?? focus : focus;
      case 'Home': case 'Enter': case 'Escape': return key === 'Home' ? 0 : focus;
      default: return null;
    }
  }

  below(node) {
    return Array.from(this.children.list.subarray(this.children.first[node], this.children.first[node + 1]));
  }

  focusOn(node) {
    this.focus = node;
    if (!this.isInZoom(node)) this.zoom = 0;
    this.status.textContent = this.describe(node).join(' · ');
    this.draw();
  }

  isInZoom(node) {
    for (let at = node; ; at = this.tree.parent[at]) {
      if (at === this.zoom) return true;
      if (at === 0) return false;
    }
  }

  zoomTo(node) {
    this.zoom = this.focus = node;
    this.reset.disabled = node === 0;
    this.status.textContent = this.describe(node).join(' · ');
    this.draw();
  }

  /* Another tree is drawn. */
  rebuild() {
    const key = `${this.kind} ${this.reverse}`;
    if (!this.trees.has(key))
      this.trees.set(key, new Tree(this.profile, this.profile.keys(this.kind), this.reverse));
    this.tree = this.trees.get(key);
    this.zoom = this.focus = 0;
    this.update();
  }

  /* Other numbers are drawn. */
  update() {
    const now = this.profile.last[this.metric], { tree } = this;
    this.totals = tree.totals(now);
    this.before = null;
    this.weights = this.totals;
    if (this.differs) {
      const before = this.profile.heaps[0][this.metric];
      this.before = tree.totals(before);
      /* So that what is gone has its width, too. */
      this.weights = tree.totals(now.map((number, i) => Math.max(number, before[i])));
    }
    this.children = tree.children(this.weights);
    this.left = new Float64Array(tree.count); /* of the whole, 0 to 1 */
    const { first, list } = this.children, whole = this.weights[0] || 1;
    for (let i = 0; i < tree.count; i++) {
      let at = this.left[i];
      for (let j = first[i]; j < first[i + 1]; j++) {
        this.left[list[j]] = at;
        at += this.weights[list[j]] / whole;
      }
    }
    this.find();
    this.drawLegend();
    this.zoomTo(this.weights[this.zoom] > 0 ? this.zoom : 0);
  }

  label(node) {
    if (node === 0) return 'all';
    const frame = this.tree.frame[node], profile = this.profile;
    switch (this.kind) {
      case 'line': return profile.file(frame) ? `${profile.name(frame)} ${profile.place(frame)}` : profile.name(frame);
      case 'file': return profile.file(frame) ? profile.short.get(profile.file(frame)) : profile.module(frame) || 'unknown';
      case 'module': return profile.module(frame) || 'no module';
      default: return profile.name(frame);
    }
  }

  describe(node) {
    const total = this.totals[node], frame = this.tree.frame[node], { profile } = this;
    const lines = [this.label(node),
      `${formatMetric(this.metric, total)} ${this.metrics.find(([name]) => name === this.metric)[1].replace('bytes ', '')}, ${formatPercent(total, this.totals[0])} of all`];
    if (this.before)
      lines.push(`${formatMetric(this.metric, total - this.before[node], true)} from ${formatMetric(this.metric, this.before[node])}`);
    if (node > 0 && this.kind !== 'module') {
      if (this.kind !== 'line' && profile.file(frame)) lines.push(this.kind === 'function' ? profile.short.get(profile.file(frame)) : profile.file(frame));
      lines.push(`${profile.module(frame) || 'no module'}${profile.inlined(frame) ? ', inlined' : ''}`);
    }
    return lines;
  }

  find() {
    const text = this.search.trim().toLowerCase(), { tree, profile } = this;
    this.hits = null;
    this.found.textContent = '';
    if (!text) return;
    const matches = new Map();
    this.hits = new Uint8Array(tree.count);
    const covered = new Uint8Array(tree.count);
    let sum = 0;
    for (let i = 1; i < tree.count; i++) {
      const frame = tree.frame[i];
      if (!matches.has(frame))
        matches.set(frame, [profile.name(frame), profile.file(frame), profile.module(frame)]
          .some(part => part && part.toLowerCase().includes(text)));
      this.hits[i] = matches.get(frame) ? 1 : 0;
      covered[i] = covered[tree.parent[i]] | this.hits[i];
      if (this.hits[i] && !covered[tree.parent[i]]) sum += this.totals[i];
    }
    this.found.textContent = sum > 0 ? `${formatMetric(this.metric, sum)}, ${formatPercent(sum, this.totals[0])}` : 'nothing found';
  }

  color(node) {
    if (node === 0) return isDark() ? '#3a3f49' : '#dcddda';
    if (this.before) {
      const change = this.totals[node] - this.before[node], most = Math.max(this.totals[node], this.before[node]) || 1;
      const strength = Math.min(1, Math.abs(change) / most);
      if (change === 0) return isDark() ? '#3a3f49' : '#e3e4e1';
      const hue = change > 0 ? 24 : 210;
      return isDark() ? `hsl(${hue} ${20 + 55 * strength}% ${30 + 8 * strength}%)` : `hsl(${hue} ${35 + 55 * strength}% ${90 - 22 * strength}%)`;
    }
    const frame = this.tree.frame[node];
    return moduleColor(this.profile.module(frame), hashText(this.label(node)), this.profile.inlined(frame) && this.kind !== 'module');
  }

  /* The width in pixels and the rows that are drawn from the zoomed node on. */
  measure() {
    const { tree, weights, zoom } = this, width = Math.max(200, this.scroll.clientWidth);
    const scale = width / (weights[zoom] || 1);
    let rows = tree.depth[zoom] + 1;
    for (let i = zoom; i < tree.count; i++)
      if (tree.depth[i] >= rows && weights[i] * scale >= NARROW && tree.depth[i] < ROWS_MAX) rows = tree.depth[i] + 1;
    return { width, rows };
  }

  draw() {
    if (!this.children || !this.scroll.clientWidth) return;
    const { tree, weights, zoom, canvas } = this, ratio = window.devicePixelRatio || 1;
    const { width, rows } = this.measure(), height = rows * ROW + 1;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext('2d');
    context.scale(ratio, ratio);
    context.textBaseline = 'middle';
    this.font = getComputedStyle(document.body).fontFamily;
    this.place = { width, rows, scale: width * (weights[0] || 1) / (weights[zoom] || 1), offset: this.left[zoom] };
    const path = [];
    for (let at = zoom; ; at = tree.parent[at]) {
      path.push(at);
      if (at === 0) break;
    }
    for (const node of path) this.drawNode(context, node, 0, width, node !== zoom);
    const waiting = [zoom], { first, list } = this.children;
    while (waiting.length > 0) {
      const node = waiting.pop();
      for (let j = first[node]; j < first[node + 1]; j++) {
        const child = list[j], x = (this.left[child] - this.place.offset) * this.place.scale;
        const size = weights[child] / (weights[0] || 1) * this.place.scale;
        if (size < NARROW) break; /* those behind are smaller still */
        if (tree.depth[child] >= rows) continue;
        this.drawNode(context, child, x, size, false);
        waiting.push(child);
      }
    }
  }

  rowTop(depth) {
    return (this.upwards ? this.place.rows - 1 - depth : depth) * ROW;
  }

  drawNode(context, node, x, width, isAbove) {
    const top = this.rowTop(this.tree.depth[node]), frame = this.tree.frame[node];
    const inlined = node > 0 && this.kind !== 'module' && this.kind !== 'file' && this.profile.inlined(frame);
    const isHit = this.hits && this.hits[node], gap = width > 3 ? 1 : 0;
    context.globalAlpha = isAbove ? 0.55 : this.hits && !isHit ? 0.35 : 1;
    context.fillStyle = isHit ? cssHit() : this.color(node);
    context.fillRect(x, top, width - gap, ROW - 1);
    if (inlined && width > 6) {
      context.strokeStyle = isDark() ? '#c8ccd4' : '#5b616b';
      context.setLineDash([3, 3]);
      context.strokeRect(x + 0.5, top + 0.5, width - gap - 1, ROW - 2);
      context.setLineDash([]);
    }
    if (node === this.focus && document.activeElement === this.canvas) {
      context.globalAlpha = 1;
      context.strokeStyle = isDark() ? '#ffffff' : '#000000';
      context.lineWidth = 2;
      context.strokeRect(x + 1, top + 1, width - gap - 2, ROW - 3);
      context.lineWidth = 1;
    }
    if (width > 24) {
      context.globalAlpha = isAbove ? 0.8 : 1;
      context.fillStyle = isDark() ? '#f2f2ee' : '#16181c';
      context.font = `${inlined ? 'italic ' : ''}12px ${this.font}`;
      const text = fitText(context, shortName(this.label(node)), width - 8);
      if (text) context.fillText(text, x + 4, top + ROW / 2);
    }
    context.globalAlpha = 1;
  }

  nodeAt(event) {
    if (!this.place) return -1;
    const box = this.canvas.getBoundingClientRect(), { tree, weights, zoom } = this;
    const row = Math.floor((event.clientY - box.top) / ROW), x = event.clientX - box.left;
    const depth = this.upwards ? this.place.rows - 1 - row : row;
    if (depth < 0 || depth >= this.place.rows) return -1;
    let node = zoom;
    while (tree.depth[node] > depth) node = tree.parent[node];
    const { first, list } = this.children;
    while (tree.depth[node] < depth) {
      let next = -1;
      for (let j = first[node]; j < first[node + 1] && next < 0; j++) {
        const child = list[j], left = (this.left[child] - this.place.offset) * this.place.scale;
        if (x >= left && x < left + weights[child] / (weights[0] || 1) * this.place.scale) next = child;
      }
      if (next < 0) return -1;
      node = next;
    }
    return node;
  }

  drawLegend() {
    if (this.before) {
      this.legend.replaceChildren(
        make('li', null, swatch(isDark() ? 'hsl(24 75% 38%)' : 'hsl(24 90% 68%)'), 'grown'),
        make('li', null, swatch(isDark() ? 'hsl(210 75% 38%)' : 'hsl(210 90% 68%)'), 'shrunk'),
        make('li', null, 'width: the larger of both; strength of the colour: how much of that changed'));
      return;
    }
    const sums = new Map(), { profile } = this, values = profile.last[this.metric];
    for (let i = 1; i < profile.nodeCount; i++)
      if (values[i]) {
        const module = profile.module(profile.frameOf[i]) || 'no module';
        sums.set(module, (sums.get(module) || 0) + values[i]);
      }
    const largest = [...sums].sort((a, b) => b[1] - a[1]).slice(0, 8);
    this.legend.replaceChildren(...largest.map(([module, sum]) =>
      make('li', null, swatch(moduleColor(module === 'no module' ? null : module, 4, false)), `${module} ${formatPercent(sum, this.totals[0])}`)));
  }
}

function swatch(color) {
  const element = make('i');
  element.style.background = color;
  return element;
}

function cssHit() {
  return isDark() ? '#9d2fb0' : '#f0a6fa';
}

/* TEXT cut to WIDTH pixels. */
function fitText(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let low = 0, high = Math.min(text.length, Math.ceil(width / 3));
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(text.slice(0, middle) + '…').width <= width) low = middle;
    else high = middle - 1;
  }
  return low > 1 ? text.slice(0, low) + '…' : '';
}
