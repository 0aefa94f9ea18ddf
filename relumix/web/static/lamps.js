// Places lamps in a frame: on its picture, by numbers, or as JSON, which is the file that `relumix reference lights` takes.
import { Camera, along, rounded } from "./camera.js";
import { clipPath, picture, post } from "./api.js";
import { button, fileButton, h, slider, toast } from "./dom.js";

const NAMES = { sun: "Sun", point: "Lamp", spot: "Spot", area: "Softbox", dome: "Sky" };
const WARM = [1, 0.7, 0.42];
const NEAR_PX = 16;
const WAIT_MS = 120;
const STEP = 0.02;
const EDGE = 0.012;

// Colours of lamps are linear, those of fields on a page are sRGB.
const coded = (value) => (value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055);
const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const toField = (color) => `#${color.map((value) => Math.round(255 * coded(Math.min(1, Math.max(0, value)))).toString(16).padStart(2, "0")).join("")}`;
const ofField = (text) => [1, 3, 5].map((at) => Number(linear(parseInt(text.slice(at, at + 2), 16) / 255).toFixed(4)));

// What a click moves, and what follows of it; numbers that change over time are left to the JSON.
const isPlace = (value) => Array.isArray(value) && value.length === 3 && value.every((each) => typeof each === "number");

export class LampsEditor {
  constructor(viewer, clip, frame, rig, { onsubmit, onclose }) {
    Object.assign(this, { viewer, clip, frame, onsubmit, onclose });
    this.rig = structuredClone(clip.references[frame]?.look?.rig || rig || clip.lamps.rig || { keep: 0.3, lights: [] });
    this.fov = clip.references[frame]?.look?.fov ?? "";
    this.chosen = 0;
    this.hasShapes = clip.lamps.shapes;
    this.trouble = h("p", { class: "bad", role: "alert", hidden: true });
    this.body = h("div", {});
    this.json = h("textarea", { rows: 14, spellcheck: "false", "aria-label": "Lamps, as JSON", oninput: () => this.read(this.json.value) });
    this.keep = slider({ name: "The plate's own light", unit: "share that stays", min: 0, max: 1, step: 0.05, value: 1, reset: 1, onchange: (value) => this._set(this.rig, "keep", value) });
    this.element = this._panel();
    this.handlers = {
      pointerdown: (event) => this._down(event),
      pointermove: (event) => this._move(event),
      pointerup: () => this._up(),
      pointercancel: () => this._up(),
      keydown: (event) => this._key(event),
    };
    for (const [name, handler] of Object.entries(this.handlers)) viewer.stage.addEventListener(name, handler, { capture: true });
    viewer.stop();
    viewer.held = true;
    viewer.overlay = (...drawing) => this._draw(...drawing);
    viewer.show("plate");
    this.changed();
    this.ready = this.look();
  }

  get lights() {
    return Array.isArray(this.rig.lights) ? this.rig.lights : [];
  }

  get lamp() {
    return this.lights[this.chosen];
  }

  get unit() {
    return this.rig.metres_per_unit || 1;
  }

  _panel() {
    const angle = h("input", { type: "number", min: 1, max: 170, step: "any", value: this.fov, placeholder: "as the clip says", "aria-label": "Angle across the frame, in degrees", onchange: () => ((this.fov = angle.value), (this.ready = this.look())) });
    return h(
      "form",
      { class: "panel editor", novalidate: true, "aria-label": `Lamps for frame ${this.frame}`, onsubmit: (event) => (event.preventDefault(), this.make()) },
      h("header", {}, h("h2", {}, `Lamps for frame ${this.frame}`), button("Close", () => this.close(), { class: "plain" })),
      this.body,
      h("div", { class: "row add" }, h("span", { class: "dim" }, "Add:"), Object.entries(NAMES).map(([type, name]) => button(`+ ${name}`, () => this.add(type)))),
      this.keep,
      this.hasShapes && h("label", { class: "row" }, h("input", { type: "checkbox", onchange: (event) => this._shape(event.target.checked) }), " Show the shape that light falls on"),
      this.trouble,
      h(
        "details",
        {},
        h("summary", {}, "lights.json"),
        this.json,
        h("p", { class: "hint" }, "x to the right, y up, the camera looks along −z; where the plate has positions, that is the space."),
      ),
      h("div", { class: "row" }, button("Save lights.json", () => this._save()), fileButton("Open …", async ([file]) => this.read(await file.text()), { accept: ".json,application/json", id: "rig-file" })),
      h("label", { class: "row" }, h("span", { class: "dim" }, "Angle across the frame, degrees "), angle),
      h("button", { type: "submit", class: "primary wide" }, "Make the reference"),
    );
  }

  // Ask what camera sees the frame, and where the middle of the picture is.
  async look() {
    if (!this.hasShapes) return;
    try {
      const found = await this._place([0.5, this.clip.height / (this.clip.width * this.clip.aspect) / 2]);
      this.camera = new Camera(found.camera);
      this.depth = found.depth;
      this.middle = found.point ? found : { point: this.camera.point([0.5, 0.28], found.depth), normal: [0, 0, 0] };
      if (!this.rig.up && !this.lights.length) this.rig.up = this.camera.up;
      this.tell("shape", "");
      this.changed();
    } catch (error) {
      this.tell("shape", error.message);
    }
  }

  _place(at) {
    return post(clipPath(this.clip, `/frames/${this.frame}/place`), { at, ...this._fov() });
  }

  _fov() {
    return this.fov === "" ? {} : { fov: Number(this.fov) };
  }

  // Say what is wrong with the rig, or with the shape of the scene.
  tell(of, text) {
    this.wrong = { ...this.wrong, [of]: text };
    this.trouble.textContent = this.wrong.rig || this.wrong.shape || "";
    this.trouble.hidden = !this.trouble.textContent;
  }

  changed() {
    this.chosen = Math.max(0, Math.min(this.chosen, this.lights.length - 1));
    if (document.activeElement !== this.json) this.json.value = JSON.stringify(this.rig, null, 1);
    this._fill();
    this.viewer.redraw();
  }

  // Take a rig as text.
  read(text) {
    try {
      const rig = JSON.parse(text);
      if (!rig || typeof rig !== "object" || Array.isArray(rig)) throw new Error("expected an object with “lights”");
      this.rig = rig;
      this.tell("rig", "");
      this.changed();
      return true;
    } catch (error) {
      this.tell("rig", `That is no rig: ${error.message}`);
      return false;
    }
  }

  _save() {
    const link = h("a", { href: URL.createObjectURL(new Blob([`${JSON.stringify(this.rig, null, 1)}\n`], { type: "application/json" })), download: "lights.json" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  // The controls.

  _fill() {
    const { lamp } = this;
    const held = this.body.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") || document.activeElement.textContent : null;
    const kinds = this.lights.map((each, i) => `${each.name || NAMES[each.type] || each.type} ${i + 1}`);
    this.body.replaceChildren(
      ...(kinds.length ? [h("div", { class: "tabs", role: "group", "aria-label": "Lamps" }, kinds.map((name, i) => button(name, () => this.choose(i), { "aria-pressed": i === this.chosen })))] : []),
      ...(lamp ? this._controls(lamp) : [h("p", { class: "dim" }, "No lamps yet: add one.")]),
    );
    this.keep.show(this._number(this.rig.keep, 1));
    if (held) [...this.body.querySelectorAll("button, input")].find((each) => (each.getAttribute("aria-label") || each.textContent) === held)?.focus();
  }

  _controls(lamp) {
    const color = h("input", { type: "color", "aria-label": "Colour", value: toField(isPlace(lamp.color) ? lamp.color : [1, 1, 1]), onchange: () => this._set(lamp, "color", ofField(color.value)) });
    const size = { sun: ["angle_deg", "Angle of the disc", "degrees", 30, 0.53], point: ["radius", "Radius", "units", this._most(), 0], spot: ["radius", "Radius", "units", this._most(), 0] }[lamp.type];
    const number = (key, name, unit, max, reset) => slider({ name, unit, min: 0, max, step: Number((max / 200).toPrecision(1)), value: this._number(lamp[key], reset), reset, onchange: (value) => this._set(lamp, key, value) });
    const edges = lamp.type === "area" && Array.isArray(lamp.size) ? [0, 1].map((i) => slider({ name: i ? "Height" : "Width", unit: "units", min: 0.01, max: 2 * this._most(), step: Number((this._most() / 200).toPrecision(1)), value: this._number(lamp.size[i], 1), reset: 1, onchange: (value) => ((lamp.size[i] = value), this._edited()) })) : [];
    return [
      h("div", { class: "row" }, h("label", { class: "row" }, h("span", { class: "dim" }, "Colour "), color), h("span", { class: "spacer" }), button("Remove", () => this.drop())),
      slider({ name: "Brightness", unit: "stops", min: -8, max: 8, step: 0.1, value: this._number(lamp.exposure, 0), onchange: (value) => this._set(lamp, "exposure", value) }),
      ...(size ? [number(...size)] : []),
      ...edges,
      ...(lamp.type === "spot" ? [number("cone_deg", "Cone", "degrees", 170, 40), number("blend", "Soft edge", "share", 1, 0.15)] : []),
      ...["position", "target", "direction"].filter((key) => isPlace(lamp[key])).map((key) => this._vector(lamp, key)),
      ...(lamp.type !== "dome" && this.camera ? [h("p", { class: "hint" }, this._hint(lamp))] : []),
    ];
  }

  _hint(lamp) {
    if (lamp.type === "sun") return "Click on the picture: what is there faces the sun.";
    const aims = lamp.target ? " Drag the small mark: where it shines." : "";
    return `Click on the picture: the lamp stands before what is there. Drag its mark: beside. By keyboard: arrow keys on the picture, with Shift nearer and farther.${aims}`;
  }

  _vector(lamp, key) {
    const name = { position: "Position", target: "Shines at", direction: "Direction" }[key];
    const fields = lamp[key].map((value, i) =>
      h("input", { type: "number", step: "any", value, "aria-label": `${name}, ${"xyz"[i]}`, onchange: (event) => this._set(lamp, key, lamp[key].map((old, at) => (at === i ? Number(event.target.value) || 0 : old))) }),
    );
    return h("div", { class: "vector", role: "group", "aria-label": name }, h("span", {}, name), fields);
  }

  _most() {
    return Number((0.25 * (this.depth || 4)).toPrecision(2));
  }

  // How far a new lamp is from what it shines at.
  _away() {
    return 0.15 * (this.depth || 4);
  }

  _number(value, otherwise) {
    return typeof value === "number" ? value : otherwise;
  }

  _set(object, key, value) {
    object[key] = value;
    this._edited();
  }

  // A number has changed: its own control shows it already.
  _edited() {
    this.json.value = JSON.stringify(this.rig, null, 1);
    this.viewer.redraw();
  }

  choose(number) {
    this.chosen = number;
    this.changed();
  }

  drop() {
    this.lights.splice(this.chosen, 1);
    this.changed();
  }

  async add(type) {
    await this.ready;
    const middle = this.middle || { point: [0, 0, -4], normal: [0, 0, 1] };
    const away = this._away();
    const position = rounded(along(middle.point, middle.normal, away));
    const target = rounded(middle.point);
    // As much as brings a white wall that is this far off to white, on the view's exposure.
    const white = Math.PI / (this.clip.lamps.exposure || 1);
    const power_w = Number((4 * Math.PI * (away * this.unit) ** 2 * white).toPrecision(3));
    const size = Number((0.15 * (this.depth || 4)).toPrecision(2));
    const made = {
      sun: { direction: rounded(middle.normal.map((value) => -value)), angle_deg: 2, color: WARM, irradiance: Number(white.toPrecision(3)) },
      point: { position, radius: size / 10, color: WARM, power_w },
      spot: { position, target, cone_deg: 40, blend: 0.3, radius: size / 10, color: WARM, power_w },
      area: { position, target, size: [size, size], color: WARM, power_w },
      dome: { radiance: Number((0.2 * (white / Math.PI)).toPrecision(3)), color: [0.6, 0.75, 1] },
    }[type];
    if (type === "sun" && !Math.hypot(...made.direction)) made.direction = [-1, -1, -0.5];
    this.rig.lights = [...this.lights, { type, ...made }];
    this.chosen = this.lights.length - 1;
    this.changed();
  }

  async _shape(on) {
    try {
      const blob = on && (await picture(clipPath(this.clip, `/frames/${this.frame}/shape?size=${this.viewer.size}${this.fov === "" ? "" : `&fov=${this.fov}`}`)));
      this.viewer.overrule(blob ? await createImageBitmap(blob) : null, "the shape: red faces right, green up, blue the camera");
      this.viewer.show(on ? "relit" : "plate");
    } catch (error) {
      toast(error.message);
    }
  }

  // On the picture.

  // What of a lamp is marked there: [key, [across, down]]. What lies outside is marked at the picture's edge.
  _marks(lamp) {
    if (!this.camera || !lamp) return [];
    const bottom = this.clip.height / (this.clip.width * this.clip.aspect);
    const within = (value, most) => Math.min(most - EDGE, Math.max(EDGE, value));
    const marks = ["target", "position"].filter((key) => isPlace(lamp[key])).map((key) => [key, this.camera.seen(lamp[key])]);
    return marks.filter(([, [, , depth]]) => depth > 0).map(([key, [across, down]]) => [key, [within(across, 1), within(down, bottom)]]);
  }

  _down(event) {
    const at = this.viewer.place(event);
    if (!at || event.button || !this.camera || !this.lamp) return;
    event.stopPropagation();
    event.preventDefault();
    this.viewer.stage.setPointerCapture(event.pointerId);
    this.viewer.stage.focus({ preventScroll: true });
    const reach = NEAR_PX / this.viewer.wide;
    const near = this._marks(this.lamp).filter(([, seen]) => Math.hypot(seen[0] - at[0], seen[1] - at[1]) < reach);
    this.held = near.length ? near[near.length - 1][0] : "surface";
    if (this.held === "surface") this._ask(at);
  }

  _move(event) {
    event.stopPropagation();
    const at = this.held && this.viewer.place(event);
    if (!at) return;
    if (this.held === "position") this._shift(at);
    else this._ask(at);
  }

  _up() {
    if (this.held) this._fill();
    this.held = null;
  }

  _shift(at, nearer = 1) {
    const [, , depth] = this.camera.seen(this.lamp.position);
    this._set(this.lamp, "position", rounded(this.camera.point(at, depth * nearer)));
  }

  // Ask what lies at a place; the newest question alone is answered.
  async _ask(at) {
    this.wanted = [at, this.held];
    if (this.asking) return;
    this.asking = true;
    while (this.wanted) {
      const [place, held] = this.wanted;
      this.wanted = null;
      try {
        this._stand(await this._place(place), held);
      } catch (error) {
        toast(error.message);
      }
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    }
    this.asking = false;
  }

  _stand({ point, normal }, held) {
    const { lamp } = this;
    if (!point || !lamp || this.closed) return;
    if (lamp.type === "sun") lamp.direction = rounded(normal.map((value) => -value));
    else if (held === "target") lamp.target = rounded(point);
    else if (lamp.type !== "dome") {
      const away = isPlace(lamp.position) && isPlace(lamp.target) ? Math.hypot(...lamp.position.map((value, i) => value - lamp.target[i])) : this._away();
      lamp.position = rounded(along(point, normal, away));
      if ("target" in lamp) lamp.target = rounded(point);
    }
    this.changed();
  }

  _key(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way || !this.camera || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (!this.lamp || !isPlace(this.lamp.position)) return;
    const [across, down] = this.camera.seen(this.lamp.position);
    if (event.shiftKey) this._shift([across, down], 1 + (way[0] - way[1]) * STEP);
    else this._shift([across + way[0] * STEP, down + way[1] * STEP]);
    this._fill();
  }

  _draw(context, [left, top, width], ratio) {
    const at = ([across, down]) => [left + across * width, top + down * width];
    context.save();
    context.lineWidth = 1.5 * ratio;
    this.lights.forEach((lamp, i) => {
      const marks = Object.fromEntries(this._marks(lamp));
      context.globalAlpha = i === this.chosen ? 1 : 0.55;
      context.strokeStyle = "#000c";
      if (marks.position && marks.target) this._line(context, at(marks.position), at(marks.target), ratio);
      if (marks.target) this._dot(context, at(marks.target), 4 * ratio, "#fff");
      if (marks.position) this._dot(context, at(marks.position), (i === this.chosen ? 10 : 7) * ratio, toField(isPlace(lamp.color) ? lamp.color : [1, 1, 1]), String(i + 1));
    });
    context.restore();
  }

  _line(context, from, to, ratio) {
    for (const [style, wide] of [["#000a", 3.5], ["#fff", 1.5]]) {
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.strokeStyle = style;
      context.lineWidth = wide * ratio;
      context.stroke();
    }
  }

  _dot(context, [x, y], radius, fill, text = "") {
    context.beginPath();
    context.arc(x, y, radius, 0, 7);
    context.fillStyle = fill;
    context.strokeStyle = "#000c";
    context.fill();
    context.stroke();
    context.fillStyle = "#000";
    context.font = `600 ${Math.round(radius * 1.3)}px sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, x, y + 0.5);
  }

  make() {
    if (this.read(this.json.value)) this.onsubmit({ rig: this.rig, ...this._fov() });
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    for (const [name, handler] of Object.entries(this.handlers)) this.viewer.stage.removeEventListener(name, handler, { capture: true });
    Object.assign(this.viewer, { held: false, overlay: null });
    this.viewer.overrule(null);
    this.onclose(this.rig);
  }
}
