
/* holders.js - who holds what: the ways from outside the heap, and what each alone holds as a map. */

const TREEMAP_HEIGHT = 380, LEAST_SIDE = 3;

/* Lay WEIGHTS, descending, into the box as rectangles close to squares (Bruls, Huizing, van Wijk:
   Squarified Treemaps). */
function squarify(weights, box) {
  const out = [];
  let { x, y, w, h } = box, rest = weights.reduce((a, b) => a + b, 0), from = 0;
  while (from < weights.length && rest > 0) {
    const side = Math.min(w, h), scale = w * h / rest;
    let sum = 0, to = from, worst = Infinity;
    while (to < weights.length) {
      const next = sum + weights[to], thick = next * scale / side;
      const ratio = Math.max(weights[from] * scale / thick / thick, thick * thick / (weights[to] * scale));
      if (ratio > worst) break;
      worst = ratio;
      sum = next;
      to++;
    }
    const thick = sum * scale / side;
    let at = 0;
    for (let i = from; i < to; i++) {
      const length = weights[i] * scale / thick;
      out.push(w >= h ? { x, y: y + at, w: thick, h: length } : { x: x + at, y, w: length, h: thick });
      at += length;
    }
    if (w >= h) { x += thick; w -= thick; } else { y += thick; h -= thick; }
    rest -= sum;
    from = to;
  }
  return out;
}

class Treemap {
  constructor(profile) {
    this.profile = profile;
    this.tree = new Tree(profile, profile.keys('line'), false);
    this.totals = this.tree.totals(profile.last.bytes);
    this.counts = this.tree.totals(profile.last.blocks);
    this.children = this.tree.children(this.totals);
    this.zoom = 0;
    this.canvas = make('canvas', { role: 'img', 'aria-label': 'A map of what would go with whom; the list above and the flame graph of bytes held alone say the same.' });
    this.box = make('div', { class: 'scroll' }, this.canvas);
    this.back = make('button', { type: 'button', onclick: () => { this.zoom = this.tree.parent[this.zoom]; this.draw(); } }, 'Outwards');
    this.title = make('output');
    this.element = make('div', null, make('h3', null, 'What would go with whom'),
      make('p', { class: 'about' }, 'A box is what one place, or variable, alone holds; within it is what would go with it. Click to look inside.'),
      make('div', { class: 'tools' }, this.back, this.title), this.box);
    this.canvas.addEventListener('pointermove', event => {
      const node = this.nodeAt(event);
      if (node > 0) tip.show(this.describe(node), event.clientX, event.clientY);
      else tip.hide();
    });
    this.canvas.addEventListener('pointerleave', () => tip.hide());
    this.canvas.addEventListener('click', event => {
      let node = this.nodeAt(event);
      while (node > 0 && this.tree.parent[node] !== this.zoom) node = this.tree.parent[node];
      if (node > 0 && this.children.first[node] < this.children.first[node + 1]) { this.zoom = node; this.draw(); tip.hide(); }
    });
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  name(node) {
    const frame = this.tree.frame[node];
    return this.profile.line(frame) ? `${shortName(this.profile.name(frame))} ${this.profile.place(frame)}` : this.profile.name(frame);
  }

  describe(node) {
    const own = this.totals[node] - this.below(node).reduce((sum, child) => sum + this.totals[child], 0);
    return [this.name(node), `${formatBytes(this.totals[node])} in ${blocks(this.counts[node])} would go`,
      own < this.totals[node] && own > 0 ? `${formatBytes(own)} of it its own` : null, this.profile.module(this.tree.frame[node])].filter(Boolean);
  }

  below(node) {
    return Array.from(this.children.list.subarray(this.children.first[node], this.children.first[node + 1]));
  }

  draw() {
    const ratio = window.devicePixelRatio || 1, width = this.box.clientWidth;
    if (!width) return;
    this.canvas.width = width * ratio;
    this.canvas.height = TREEMAP_HEIGHT * ratio;
    this.canvas.style.height = `${TREEMAP_HEIGHT}px`;
    const context = this.canvas.getContext('2d');
    context.scale(ratio, ratio);
    context.textBaseline = 'top';
    this.font = getComputedStyle(document.body).fontFamily;
    this.boxes = [];
    this.back.disabled = this.zoom === 0;
    this.title.textContent = this.zoom ? this.describe(this.zoom).join(' · ') : `all: ${formatBytes(this.totals[0])}`;
    this.drawInside(context, this.zoom, { x: 0, y: 0, w: width, h: TREEMAP_HEIGHT }, 0);
  }

  drawInside(context, node, box, level) {
    const children = this.below(node), own = this.totals[node] - children.reduce((sum, child) => sum + this.totals[child], 0);
    /* What is its own is the box around: it takes its part of the room. */
    const part = level === 0 || this.totals[node] === 0 ? 1 : 1 - own / this.totals[node];
    const inner = part === 1 ? box : { x: box.x, y: box.y + box.h * (1 - part), w: box.w, h: box.h * part };
    squarify(children.map(child => this.totals[child]), inner).forEach((place, i) => {
      if (place.w < LEAST_SIDE || place.h < LEAST_SIDE) return;
      const child = children[i];
      const isRoot = this.tree.depth[child] === 1;
      context.fillStyle = isRoot ? (isDark() ? '#2b2f37' : '#e9e8e3') : moduleColor(this.profile.module(this.tree.frame[child]), hashText(this.name(child)), false);
      context.fillRect(place.x + 0.5, place.y + 0.5, place.w - 1, place.h - 1);
      context.strokeStyle = isDark() ? '#15171b' : '#ffffff';
      context.strokeRect(place.x + 0.5, place.y + 0.5, place.w - 1, place.h - 1);
      this.boxes.push({ ...place, node: child });
      let top = 0;
      if (place.w > 46 && place.h > 17) {
        context.font = `${isRoot ? '600 ' : ''}12px ${this.font}`;
        context.fillStyle = isDark() ? '#f2f2ee' : '#16181c';
        context.fillText(fitText(context, `${this.name(child)}  ${formatBytes(this.totals[child])}`, place.w - 10), place.x + 5, place.y + 4);
        top = 17;
      }
      const within = { x: place.x + 3, y: place.y + 3 + top, w: place.w - 6, h: place.h - 6 - top };
      if (level < 7 && within.w > 8 && within.h > 8) this.drawInside(context, child, within, level + 1);
    });
  }

  nodeAt(event) {
    const box = this.canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    for (let i = (this.boxes || []).length - 1; i >= 0; i--) {
      const place = this.boxes[i];
      if (x >= place.x && x < place.x + place.w && y >= place.y && y < place.y + place.h) return place.node;
    }
    return -1;
  }
}

function makeHolders(data, held, short) {
  const holders = data.parts.holders;
  if (!holders)
    return { element: makeSection('holders', 'Holders', 'Who holds what is not known: the snapshot has no heap graph. heapdelta run --graph records it; the snapshot at exit has it by itself.'), draw() {} };
  const ways = holders.rows.map(row => {
    const goal = row.path[row.path.length - 1];
    return make('li', null,
      make('p', null, make('b', null, formatBytes(row.size)), ` in ${blocks(row.count)}`,
        make('span', { class: 'soft' }, goal.kind === 'block' ? `, allocated at ${describeLink(goal, true, short)[0]}` : '',
          `; would free ${formatBytes(row.retained)}`, row.class !== 'still_reachable' ? `; ${row.class.replaceAll('_', ' ')}` : '')),
      makePath(row.path, short));
  });
  const more = ways.slice(6), map = held && new Treemap(held);
  return {
    element: makeSection('holders', 'Holders', 'The shortest way of pointers from a variable, a stack or a register to the blocks of a place.',
      make('ul', { class: 'ways' }, ways.slice(0, 6)),
      more.length > 0 && make('details', null, make('summary', null, `${more.length} more ways`), make('ul', { class: 'ways' }, more)),
      holders.omitted > 0 && make('p', { class: 'soft' }, `${formatCount(holders.omitted)} smaller ones are left out: heapdelta why tells of each.`),
      (holders.notes || []).map(note => make('p', { class: 'soft' }, note)), map && map.element),
    draw() { if (map) map.draw(); },
  };
}
