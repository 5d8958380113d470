
/* timeline.js - the course of time: what was alive, what was resident, how fast it was allocated. */

class Timeline {
  constructor(data) {
    const snapshots = data.parts.snapshots.rows.filter(row => row.same_run);
    this.snapshots = snapshots;
    /* What the snapshots say themselves are points, too. */
    this.points = [...data.parts.timeline.rows, ...snapshots.map(({ elapsed, bytes, blocks: count, rss }) =>
      ({ time: elapsed, bytes, blocks: count, rss }))]
      .sort((a, b) => a.time - b.time);
    /* Of the rate only what happened between snapshots is known. */
    this.rates = [];
    let before = { elapsed: 0, allocations: 0 };
    for (const snapshot of snapshots) {
      const time = snapshot.elapsed - before.elapsed;
      if (time > 0)
        this.rates.push({ from: before.elapsed, to: snapshot.elapsed,
          rate: Math.max(0, (snapshot.allocations - before.allocations) / (time / 1e9)) });
      before = snapshot;
    }
    this.reading = make('output', { class: 'soft' });
    this.box = make('div');
    this.element = makeSection('time', 'The course of time',
      'Bytes alive (area) and resident memory (line). Below, allocations a second between snapshots. Triangles are the snapshots.',
      this.box, make('p', { class: 'status' }, this.reading));
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  draw() {
    if (this.points.length < 2) {
      this.box.replaceChildren(make('p', { class: 'soft' }, 'Only one moment is known.'));
      this.read(0, time => time);
      return;
    }
    const width = Math.max(280, this.box.clientWidth), height = 170, rateHeight = 44, left = 8, right = 8;
    const end = Math.max(1, ...this.points.map(point => point.time), ...this.snapshots.map(row => row.elapsed));
    const top = Math.max(1, ...this.points.map(point => Math.max(point.bytes, point.rss || 0)));
    const peak = Math.max(...this.points.map(point => point.bytes), 0);
    /* If the process is much larger than its heap, a common scale would flatten the heap. */
    const apart = top > 4 * peak && peak > 0;
    const x = time => left + (width - left - right) * time / end;
    const y = (bytes, most) => 22 + (height - 26) * (1 - bytes / most);
    /* A point need not know what was resident. */
    const line = (key, most) => this.points.filter(point => key !== 'rss' || point.rss).map((point, i) =>
      `${i ? 'L' : 'M'}${x(point.time).toFixed(1)} ${y(point[key] || 0, most).toFixed(1)}`).join('');
    const most = apart ? peak : top;
    const area = this.points.length > 0 ? `${line('bytes', most)}L${x(this.points[this.points.length - 1].time).toFixed(1)} ${height - 4}L${x(this.points[0].time).toFixed(1)} ${height - 4}Z` : '';
    const highest = Math.max(1, ...this.rates.map(rate => rate.rate));
    const rateTop = height + 16;
    const svg = make('svg', { viewBox: `0 0 ${width} ${rateTop + rateHeight + 18}`, height: rateTop + rateHeight + 18, role: 'img',
      'aria-label': `Alive over ${formatDuration(end)}: ${this.points.length} points, at most ${formatBytes(peak)}; resident at most ${formatBytes(Math.max(0, ...this.points.map(point => point.rss || 0)))}; ${this.snapshots.length} snapshots.` },
      make('line', { x1: left, x2: width - right, y1: height - 4, y2: height - 4, stroke: cssColor('--line') }),
      make('path', { d: area, fill: cssColor('--a'), 'fill-opacity': 0.28 }),
      make('path', { d: line('bytes', most), fill: 'none', stroke: cssColor('--a'), 'stroke-width': 2 }),
      make('path', { d: line('rss', top), fill: 'none', stroke: cssColor('--c'), 'stroke-width': 1.5, 'stroke-dasharray': '5 3' }),
      make('text', { x: left, y: 14 }, `alive, to ${formatBytes(apart ? peak : top)}`),
      make('text', { x: width - right, y: 14, 'text-anchor': 'end' }, apart ? `- - resident, on its own scale to ${formatBytes(top)}` : '- - resident'),
      this.rates.map(rate => make('rect', { x: x(rate.from), width: Math.max(1, x(rate.to) - x(rate.from) - 1),
        y: rateTop + rateHeight * (1 - rate.rate / highest), height: Math.max(0.5, rateHeight * rate.rate / highest), fill: cssColor('--b') },
        make('title', null, `${formatCount(Math.round(rate.rate))} allocations a second`))),
      make('text', { x: left, y: rateTop - 4 }, this.rates.length ? `allocations a second, to ${formatCount(Math.round(highest))}` : ''),
      make('text', { x: left, y: rateTop + rateHeight + 13 }, 'start'));
    const last = this.snapshots[this.snapshots.length - 1], bottom = rateTop + rateHeight + 13;
    const endLabel = last && last.elapsed === end ? `${labelOf(last)}, ${formatDuration(end)}` : formatDuration(end);
    svg.append(make('text', { x: width - right, y: bottom, 'text-anchor': 'end' }, endLabel));
    let taken = left + 34; /* by "start" */
    for (const snapshot of this.snapshots) {
      const at = x(snapshot.elapsed), label = labelOf(snapshot), half = 3.2 * label.length;
      const room = at - half > taken && at + half < width - right - 6.4 * endLabel.length - 8;
      svg.append(make('g', null, make('title', null, `${label}: ${formatBytes(snapshot.bytes)} alive after ${formatDuration(snapshot.elapsed)}`),
        make('line', { x1: at, x2: at, y1: 24, y2: rateTop + rateHeight, stroke: cssColor('--ink'), 'stroke-opacity': 0.35, 'stroke-dasharray': '2 3' }),
        make('path', { d: `M${at - 5} ${height - 4}h10l-5 -8z`, fill: cssColor('--ink') }),
        room && make('text', { x: at, y: bottom, 'text-anchor': 'middle' }, label)));
      if (room) taken = at + half + 10;
    }
    svg.addEventListener('pointermove', event => this.read(event.offsetX / svg.clientWidth * width, x));
    this.box.replaceChildren(svg);
    if (!this.reading.textContent) this.read(width, x);
  }

  read(at, x) {
    let best = this.points[0];
    for (const point of this.points)
      if (Math.abs(x(point.time) - at) <= Math.abs(x(best.time) - at)) best = point;
    if (best)
      this.reading.textContent = `After ${formatDuration(best.time)}: ${formatBytes(best.bytes)} alive in ${blocks(best.blocks)}`
        + (best.rss ? `, ${formatBytes(best.rss)} resident` : '');
  }
}
