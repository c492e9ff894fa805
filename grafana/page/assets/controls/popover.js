// A box under its button: closed by Escape, by a click elsewhere, by leaving it with Tab.

import { el } from '../dom.js';

let open = null;

/** Closes whatever is open; focus goes back to its button when `refocus`. */
export function close(refocus = false) {
  if (!open) return;
  const { button, box } = open;
  open = null;
  box.remove();
  button.setAttribute('aria-expanded', 'false');
  if (refocus) button.focus();
}

/** Opens `content` under `button`, or closes it if it is open there. */
export function toggle(button, content, label) {
  const again = open?.button === button;
  close();
  if (again) return;
  const box = el('div.popover', { role: 'dialog', 'aria-label': label }, content);
  document.body.append(box);
  place(button, box);
  button.setAttribute('aria-expanded', 'true');
  open = { button, box };
  const first = box.querySelector('[data-first], input, [aria-selected="true"], button, a');
  (first ?? box).focus({ preventScroll: true });
}

function place(button, box) {
  const at = button.getBoundingClientRect();
  const width = box.offsetWidth;
  const left = Math.max(8, Math.min(at.left, document.documentElement.clientWidth - width - 8));
  box.style.left = `${left + scrollX}px`;
  const below = at.bottom + 6;
  const fits = below + box.offsetHeight < innerHeight || at.top < box.offsetHeight + 12;
  box.style.top = `${(fits ? below : at.top - box.offsetHeight - 6) + scrollY}px`;
}

/** Moves focus among the choices of `list` with the arrow keys, Home and End. */
export function arrows(list) {
  list.addEventListener('keydown', (event) => {
    const choices = [...list.querySelectorAll('button:not([hidden])')];
    const at = choices.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: choices.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choices[Math.max(0, Math.min(to, choices.length - 1))]?.focus();
  });
}

addEventListener('keydown', (event) => { if (event.key === 'Escape' && open) { event.preventDefault(); close(true); } });
addEventListener('pointerdown', (event) => {
  if (open && !open.box.contains(event.target) && !open.button.contains(event.target)) close();
});
addEventListener('focusin', (event) => {
  if (open && !open.box.contains(event.target) && !open.button.contains(event.target)) close();
});
addEventListener('resize', () => close());
