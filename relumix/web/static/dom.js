// Elements, made in one call: h("button", {class: "plain", onclick: go}, "Go").
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("aria-") && typeof value === "boolean") {
      element.setAttribute(name, String(value));
      continue;
    }
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled" || name === "hidden") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const button = (text, onclick, attributes = {}) => h("button", { type: "button", onclick, ...attributes }, text);

// A button that asks for files; `take` is given them. `attributes` are the field's.
export function fileButton(text, take, { kind = "", disabled = false, title, ...attributes }) {
  const chosen = () => {
    const files = [...input.files];
    input.value = ""; // so that the same one can be chosen again
    if (files.length) take(files);
  };
  const input = h("input", { type: "file", hidden: true, onchange: chosen, disabled, ...attributes });
  return [button(text, () => input.click(), { class: kind, disabled, title }), input];
}

let fading;
export function toast(text) {
  const box = document.getElementById("toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => (box.hidden = true), 8000);
}

// A slider with its number beside it; a double click on its name sets it back.
export function slider({ name, min, max, step, value, reset = 0, unit = "", onchange }) {
  const range = h("input", { type: "range", min, max, step, "aria-label": name });
  const number = h("input", { type: "number", min, max, step, "aria-label": `${name}, as a number` });
  const show = (now) => {
    range.value = number.value = now;
  };
  const set = (now) => {
    const kept = Math.min(max, Math.max(min, Number(now) || 0));
    show(kept);
    onchange(kept);
  };
  range.addEventListener("input", () => set(range.value));
  number.addEventListener("change", () => set(number.value));
  const label = h("span", { title: "Double click: back to the start", ondblclick: () => set(reset) }, name, unit && h("small", { class: "dim" }, ` ${unit}`));
  show(value);
  const row = h("div", { class: "slider" }, label, range, number);
  row.show = show;
  return row;
}

export const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.round(seconds) % 60).padStart(2, "0")}`;
