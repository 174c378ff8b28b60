// Builds one element: properties by name, data-* and aria-* as attributes, text always as text.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

export const byId = (id) => document.getElementById(id);

/** Makes these the children, in this order. Who stays is not touched, so that a screen reader says only what is new, and who moves keeps the focus. */
export function place(parent, children) {
  const focused = document.activeElement;
  for (const gone of [...parent.children].filter((child) => !children.includes(child))) gone.remove();
  children.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  });
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus();
}
