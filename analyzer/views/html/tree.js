
/* tree.js - the tree that a flame graph draws: a profile whose frames are put together by name, from
   the outermost frame inwards, or the other way round. */

class Tree {
  /* KEYS: see Profile.keys(). */
  constructor(profile, keys, reverse) {
    const nodes = profile.nodeCount, factor = profile.frameCount + 1, known = new Map();
    const parent = [0], frame = [-1];
    const enter = (above, key) => {
      const id = above * factor + key;
      let node = known.get(id);
      if (node === undefined) {
        node = parent.length;
        known.set(id, node);
        parent.push(above);
        frame.push(key);
      }
      return node;
    };
    this.profile = profile;
    this.nodeOf = new Int32Array(nodes); /* per node of the profile */
    if (!reverse) {
      for (let i = 1; i < nodes; i++)
        this.nodeOf[i] = enter(this.nodeOf[profile.parent[i]], keys[profile.frameOf[i]]);
    } else {
      const holds = new Uint8Array(nodes);
      for (const heap of profile.heaps)
        for (const value of Object.values(heap))
          for (let i = 0; i < nodes; i++) if (value[i]) holds[i] = 1;
      for (let i = 1; i < nodes; i++) {
        if (!holds[i]) continue;
        let node = 0;
        for (let at = i; at > 0; at = profile.parent[at]) node = enter(node, keys[profile.frameOf[at]]);
        this.nodeOf[i] = node;
      }
    }
    this.count = parent.length;
    this.parent = Int32Array.from(parent);
    this.frame = Int32Array.from(frame); /* a frame of the profile that stands for the node; -1: all */
    this.depth = new Int32Array(this.count);
    for (let i = 1; i < this.count; i++) this.depth[i] = this.depth[this.parent[i]] + 1;
  }

  /* Of VALUES, a number per node of the profile, what each node has together with those below it. */
  totals(values) {
    const totals = new Float64Array(this.count);
    for (let i = 1; i < values.length; i++) totals[this.nodeOf[i]] += values[i];
    for (let i = this.count - 1; i > 0; i--) totals[this.parent[i]] += totals[i];
    return totals;
  }

  /* The nodes below each that weigh anything, heaviest first: first[n] to first[n + 1] of list. */
  children(weights) {
    const first = new Int32Array(this.count + 2), list = new Int32Array(this.count);
    for (let i = 1; i < this.count; i++) if (weights[i] > 0) first[this.parent[i] + 2]++;
    for (let i = 0; i <= this.count; i++) first[i + 1] += first[i];
    for (let i = 1; i < this.count; i++) if (weights[i] > 0) list[first[this.parent[i] + 1]++] = i;
    for (let i = 0; i < this.count; i++)
      if (first[i + 1] - first[i] > 1)
        list.subarray(first[i], first[i + 1]).sort((a, b) => weights[b] - weights[a] || a - b);
    return { first, list };
  }
}
