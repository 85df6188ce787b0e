// Elements, made and put where they belong.

/**
 * Makes an element. `on…` props are listeners, `class`, `aria-…` and all else attributes; `true` is
 * an attribute without a value, `false`, `null` and `undefined` are none.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [props]
 * @param {...(Node | string | number | null | undefined | false)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value') /** @type {any} */ (element).value = value;
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === 'number' ? String(child) : child);
  }
  return element;
}

/**
 * The element of that id, which the page has.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * Puts these in the place of all that `element` has.
 * @param {Element} element
 * @param {...(Node | string | null | undefined | false)} children
 */
export function fill(element, ...children) {
  const wanted = /** @type {(Node | string)[]} */ (children.filter((child) => child));
  element.replaceChildren(...wanted);
}

/**
 * Says something in passing, aloud too.
 * @param {string} text
 */
export function say(text) {
  const toast = byId('toast');
  toast.textContent = text;
  toast.classList.add('shown');
  clearTimeout(Number(toast.dataset.timer));
  toast.dataset.timer = String(setTimeout(() => toast.classList.remove('shown'), 4000));
}

/**
 * A label and its field, with room for what is wrong with it.
 * @param {string} label
 * @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} field
 * @param {string} [hint]
 */
export function labelled(label, field, hint) {
  const id = `f${(ids += 1)}`;
  field.id = id;
  const note = hint ? h('small', { id: `${id}-hint` }, hint) : null;
  if (note) field.setAttribute('aria-describedby', `${id}-hint`);
  return h('div', { class: 'field' }, h('label', { for: id }, label), field, note);
}
let ids = 0;

/**
 * A form that is sent once at a time.
 * @param {(form: HTMLFormElement) => Promise<void>} send
 * @param {...(Node | null)} children
 */
export function form(send, ...children) {
  const made = h('form', {
    /** @param {Event} event */
    onsubmit: async (event) => {
      event.preventDefault();
      if (made.dataset.busy) return;
      made.dataset.busy = '1';
      made.setAttribute('aria-busy', 'true');
      try {
        await send(made);
      } finally {
        delete made.dataset.busy;
        made.removeAttribute('aria-busy');
      }
    },
  }, ...children);
  return made;
}

/** The parts of the address behind the `#`; of one that cannot be read, none: it is the front page's. */
export function address() {
  try {
    return location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  } catch {
    return [''];
  }
}
