
/* dom.js - elements; text is only ever text. */

/* An element TAG with ATTRIBUTES (on…: listeners) and CHILDREN: elements, texts, or null. */
function make(tag, attributes, ...children) {
  const svg = ['svg', 'g', 'path', 'line', 'rect', 'text', 'title', 'circle'].includes(tag);
  const element = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag)
                      : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children.flat())
    if (child !== null && child !== undefined && child !== false) element.append(child);
  return element;
}

/* A section of the page. */
function makeSection(id, title, about, ...children) {
  return make('section', { id, 'aria-labelledby': `${id}-title` },
    make('h2', { id: `${id}-title` }, title), about && make('p', { class: 'about' }, about), ...children);
}

/* A select with OPTIONS, pairs of value and text. */
function makeSelect(label, options, chosen, onchange) {
  const select = make('select', { onchange: () => onchange(select.value) },
    options.map(([value, text]) => make('option', { value, selected: value === chosen }, text)));
  return make('label', null, label, select);
}

/* A button that is pressed or not. */
function makeToggle(text, title, pressed, onchange) {
  const button = make('button', { type: 'button', 'aria-pressed': String(pressed), title,
    onclick: () => {
      const now = button.getAttribute('aria-pressed') !== 'true';
      button.setAttribute('aria-pressed', String(now));
      onchange(now);
    } }, text);
  return button;
}

/* Lines of text beside the pointer. */
const tip = {
  element: null,
  show(lines, x, y) {
    if (!this.element) document.body.append(this.element = make('div', { id: 'tip', 'aria-hidden': 'true' }));
    this.element.replaceChildren(...lines.map(line => make('div', null, line)));
    const box = this.element.getBoundingClientRect();
    this.element.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - box.width - 8))}px`;
    this.element.style.top = `${y + 22 + box.height > innerHeight ? y - box.height - 10 : y + 18}px`;
    this.element.style.visibility = 'visible';
  },
  hide() {
    if (this.element) this.element.style.visibility = 'hidden';
  },
};

/* The value of a custom property of CSS. */
function cssColor(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function isDark() {
  return document.documentElement.dataset.theme === 'dark';
}

/* A colour for TEXT, the same on every page; VARIETY shifts it a little. */
function hashText(text) {
  let hash = 2166136261;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
  return hash >>> 0;
}

function moduleColor(module, variety, inlined) {
  if (!module) return isDark() ? '#4a4f59' : '#c4c7cb';
  const hue = hashText(module) % 360, shift = variety % 9 - 4;
  return isDark() ? `hsl(${hue} ${inlined ? 18 : 34}% ${34 + shift}%)`
                  : `hsl(${hue} ${inlined ? 34 : 58}% ${76 + shift}%)`;
}
