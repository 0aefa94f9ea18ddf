// Makes a reference by a grade: of the whole frame, and of regions of it.
import { clipPath, picture, post } from "./api.js";
import { Brush } from "./brush.js";
import { button, h, slider, toast } from "./dom.js";

const CONTROLS = [
  { key: "exposure", name: "Exposure", unit: "stops", min: -8, max: 8, step: 0.05 },
  { key: "temperature", name: "Temperature", unit: "mireds", min: -120, max: 120, step: 1 },
  { key: "tint", name: "Tint", unit: "green to magenta", min: -100, max: 100, step: 1 },
  { key: "contrast", name: "Contrast", min: -1, max: 1, step: 0.02 },
];
const WAIT_MS = 60;

const plain = () => ({ exposure: 0, temperature: 0, tint: 0, contrast: 0 });

export class GradeEditor {
  constructor(viewer, clip, frame, { onmade, onclose }) {
    Object.assign(this, { viewer, clip, frame, onmade, onclose });
    const before = clip.references[frame]?.look;
    this.look = before ? structuredClone(before) : { whole: plain(), regions: [] };
    this.chosen = -1;
    this.brush = new Brush(viewer, { onchange: () => this.changed() });
    this.body = h("div", {});
    this.use = button("Use as reference", () => this.make(), { class: "primary wide" });
    this.element = h(
      "section",
      { class: "panel editor", "aria-label": `Grade of frame ${frame}` },
      h("header", {}, h("h2", {}, `Relight frame ${frame}`), button("Close", () => this.close(), { class: "plain" })),
      this.body,
      this.use,
    );
    viewer.stop();
    if (viewer.mode !== "beside") viewer.show("relit");
    viewer.onexposed = () => this.changed();
    this.draw();
    this.changed();
  }

  get target() {
    return this.chosen < 0 ? this.look.whole : this.look.regions[this.chosen].grade;
  }

  draw() {
    const region = this.look.regions[this.chosen];
    const tabs = [
      button("Whole frame", () => this.choose(-1), { "aria-pressed": this.chosen < 0 }),
      ...this.look.regions.map((each, i) =>
        button(`${{ linear: "Gradient", radial: "Spot" }[each.shape.gradient] || "Brush"} ${i + 1}`, () => this.choose(i), { "aria-pressed": this.chosen === i }),
      ),
    ];
    const grade = this.target;
    this.body.replaceChildren(
      h("div", { class: "tabs", role: "group", "aria-label": "What is graded" }, tabs),
      ...CONTROLS.map((control) => slider({ ...control, value: grade[control.key] ?? 0, onchange: (value) => this.set(grade, control.key, value) })),
      ...(region ? [this.shapeControls(region)] : []),
      h(
        "div",
        { class: "row add" },
        h("span", { class: "dim" }, "Add a region:"),
        button("Brush", () => this.add({ strokes: [] })),
        button("Gradient", () => this.add({ gradient: "linear", begin: [0.5, 0.1], end: [0.5, 0.45] })),
        button("Spot", () => this.add({ gradient: "radial", begin: [0.5, 0.28], end: [0.7, 0.28] })),
      ),
    );
  }

  shapeControls(region) {
    const inverted = h("input", { type: "checkbox", checked: Boolean(region.shape.inverted), onchange: () => this.set(region.shape, "inverted", inverted.checked) });
    return h(
      "div",
      { class: "shape" },
      this.brush.controls() || h("p", { class: "hint" }, "Drag its two ends on the picture. By keyboard: arrow keys, with Shift the far end."),
      h("div", { class: "row" }, h("label", {}, inverted, " Everywhere else"), button("Remove region", () => this.drop())),
    );
  }

  choose(number) {
    this.chosen = number;
    this.brush.use(this.look.regions[number]?.shape);
    this.draw();
  }

  add(shape) {
    this.look.regions.push({ shape, grade: { ...plain(), exposure: 1 } });
    this.brush.use(shape);
    this.chosen = this.look.regions.length - 1;
    this.draw();
    this.changed();
  }

  drop() {
    this.look.regions.splice(this.chosen, 1);
    this.choose(-1);
    this.changed();
  }

  set(object, key, value) {
    object[key] = value;
    this.changed();
  }

  // Show the look as it is now: one picture is asked for at a time, the newest wins.
  changed() {
    this.stale = true;
    if (!this.asking) this.asking = this.show();
  }

  async show() {
    while (this.stale && !this.closed) {
      this.stale = false;
      const { size, stops } = this.viewer;
      try {
        const blob = await picture(clipPath(this.clip, `/frames/${this.frame}/graded?size=${size}&stops=${stops}`), this.look);
        const bitmap = await createImageBitmap(blob);
        if (this.closed) break;
        this.viewer.overrule(bitmap, "this grade");
      } catch (error) {
        toast(error.message);
      }
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    }
    this.asking = null;
  }

  async make() {
    this.use.disabled = true;
    this.use.textContent = "Making it …";
    try {
      const clip = await post(clipPath(this.clip, `/references/${this.frame}`), this.look);
      this.close();
      this.onmade(clip);
    } catch (error) {
      this.use.disabled = false;
      this.use.textContent = "Use as reference";
      toast(error.message);
    }
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    this.brush.use(null);
    this.viewer.overrule(null);
    this.viewer.onexposed = null;
    this.onclose();
  }
}
